# A step of a mode as a polynomial, and what counts as an error of it.

cdef class Step:
    """A step of length h, 0 if all attempts failed: at a share x of it a state y has moved by the
    sum of x^p rows[p - 1], p = 1 ... degree.

    exact: whether it is as good on the way as at its end;  next_h: the length that the next one may
    have;  work: attempts.
    """

    cdef double h, next_h
    cdef Py_ssize_t degree, size, work
    cdef bint exact
    cdef double* rows

    def __cinit__(self, Py_ssize_t size, Arena arena):
        self.size, self.rows = size, arena.bare(MOST_TERMS * size)
        self.h, self.next_h, self.degree, self.work, self.exact = 0.0, 0.0, 0, 0, False

    cdef void at(self, const double* y, double share, double* found) noexcept:
        """The state (size,) at a share of the step from y."""
        cdef double[MOST_TERMS] powers
        raised(share, self.degree, powers)
        memcpy(found, y, self.size * sizeof(double))
        combine(found, powers, self.rows, self.degree, self.size, self.size)

    cdef void cut(self, double share) noexcept:
        """Have it end at a share of it."""
        cdef double[MOST_TERMS] powers
        cdef Py_ssize_t p, k
        raised(share, self.degree, powers)
        for p in range(self.degree):
            for k in range(self.size):
                self.rows[p * self.size + k] *= powers[p]
        self.h *= share


cdef inline void raised(double x, Py_ssize_t degree, double* powers) noexcept:
    """x, x^2, ... up to a power."""
    cdef Py_ssize_t p
    for p in range(degree):
        powers[p] = x if p == 0 else powers[p - 1] * x


cdef class Scales:
    """Sizes of a mode of m neurons: an error is taken relative to 1 + |q| of margins, and of moving
    neurons' pre-activations to their own size. Output weights of 1e-8, inputs of 1e8 and neurons
    1e-8 long have their own.

    norms (m, r): how far neurons move per unit of w, at most;  shares (m,): of a neuron's own size,
    what its pre-activations move by per unit of that, at most.
    """

    cdef Field field
    cdef Points points
    cdef Py_ssize_t m, r
    cdef const double[:, ::1] norms
    cdef double* shares
    cdef double* sizes

    def __init__(self, Field field, Points points, const double[:, ::1] theta,
                 const double[:, ::1] norms, const double[:, ::1] least):
        """theta (m, k) at entry; least (m, n): sizes below which no more digits are asked for."""
        cdef Py_ssize_t j, l
        cdef double own
        self.field, self.points, self.norms = field, points, norms
        self.m, self.r = theta.shape[0], field.r
        self.shares, self.sizes = field.arena.take(self.m), field.arena.bare(self.r)
        for j in range(self.m):
            own = 0.0
            for l in range(points.k):
                own += fabs(theta[j, l]) * points.tops[l]
            own = larger(own, largest(&least[j, 0], points.n))
            self.shares[j] = points.longest / own if own > 0 else 0.0

    cdef double of_margins(self, const double* y, const double* row) noexcept:
        """The size of a change (size,) of the state y, as its margins have it."""
        cdef Py_ssize_t i, q = self.field.q
        cdef double top = 0.0, one
        for i in range(q, q + self.field.L):
            one = fabs(row[i]) / (1 + fabs(y[i]))
            top = top if one <= top else one  # NaN is the largest
        return top

    cdef double of_neurons(self, const double* row) noexcept:
        """The same, as its neurons have it."""
        cdef Py_ssize_t j, l
        cdef double top = 0.0
        for l in range(self.r):
            self.sizes[l] = fabs(row[self.field.w + l])
        for j in range(self.m):
            top = larger(top, dot(&self.norms[j, 0], self.sizes, self.r) * self.shares[j])
        return top

    cdef void of_coordinates(self, const double[:, :] reach, double* found):
        """How far coordinates beta (r,) may move for an error of 1; reach (m, r): as norms, per
        unit of beta."""
        cdef Py_ssize_t i, j, l
        for l in range(self.r):
            found[l] = 0.0
            for i in range(self.field.L):
                found[l] = larger(found[l], fabs(self.field.pull_t[i * self.r + l]))
            for j in range(self.m):
                found[l] = larger(found[l], reach[j, l] * self.shares[j])
            found[l] = 1 / found[l] if found[l] > 0 else 1.0
