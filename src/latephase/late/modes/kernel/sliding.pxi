# A neuron that slides on kinks that no two points share, as `gradients.Neuron` has it in NumPy.

cdef double CLEAR = linear_algebra.CLEAR
cdef double LEAST_SQUARE = 1e-280  # lengths whose squares are smaller, or larger than its inverse


cdef class Reflections:
    """Householder's reflections of s columns (k, s), the largest first: a becomes R and, below it,
    the reflections, of strengths (s,);  places (s,): of the columns;  q (k, k): their product."""

    cdef Py_ssize_t k, s
    cdef double* a
    cdef double* q
    cdef double* inverse
    cdef double* strengths
    cdef Py_ssize_t* places

    def __cinit__(self, Py_ssize_t k, Py_ssize_t s, Arena arena):
        self.k, self.s = k, s
        self.a, self.q, self.inverse = arena.bare(k * s), arena.take(k * k), arena.take(s * s)
        self.strengths, self.places = arena.bare(s), <Py_ssize_t*> arena.bare(s)

    cdef bint make(self) noexcept:
        """Make them; False where a column is of no clear size."""
        cdef Py_ssize_t k = self.k, s = self.s, t, c, l
        cdef double first, norm, one
        cdef double* a = self.a
        for t in range(s):
            self.places[t] = t
        for t in range(s):
            norm = self.largest_first(t)
            if not LEAST_SQUARE < norm < 1 / LEAST_SQUARE:
                return False
            norm, first = sqrt(norm), a[t * s + t]
            norm = -norm if first > 0 else norm
            self.strengths[t] = (norm - first) / norm
            for l in range(t + 1, k):
                a[l * s + t] /= first - norm
            a[t * s + t] = norm
            for c in range(t + 1, s):
                self.reflect(t, a + c, s)
        for l in range(k):
            self.q[l * k + l] = 1.0
        for t in range(s - 1, -1, -1):
            for c in range(k):
                self.reflect(t, self.q + c, k)
        for c in range(s):  # R^-1, column by column
            self.inverse[c * s + c] = 1 / a[c * s + c]
            for t in range(c - 1, -1, -1):
                one = 0.0
                for l in range(t + 1, c + 1):
                    one += a[t * s + l] * self.inverse[l * s + c]
                self.inverse[t * s + c] = -one / a[t * s + t]
        return True

    cdef double largest_first(self, Py_ssize_t t) noexcept:
        """Put the column of which most is left in place t; the square of that."""
        cdef Py_ssize_t s = self.s, c, l, best = t
        cdef double most = -1.0, square
        for c in range(t, s):
            square = 0.0
            for l in range(t, self.k):
                square += self.a[l * s + c] * self.a[l * s + c]
            if square > most:
                most, best = square, c
        for l in range(self.k):
            self.a[l * s + t], self.a[l * s + best] = self.a[l * s + best], self.a[l * s + t]
        self.places[t], self.places[best] = self.places[best], self.places[t]
        return most

    cdef void reflect(self, Py_ssize_t t, double* column, Py_ssize_t stride) noexcept:
        """Reflect a column by number t."""
        cdef Py_ssize_t l
        cdef double along = column[t * stride]
        for l in range(t + 1, self.k):
            along += self.a[l * self.s + t] * column[l * stride]
        along *= self.strengths[t]
        column[t * stride] -= along
        for l in range(t + 1, self.k):
            column[l * stride] -= along * self.a[l * self.s + t]

    cdef double condition(self) noexcept:
        """A bound of that of R, and so of the columns."""
        cdef Py_ssize_t t, c
        cdef double most = 0.0
        for t in range(self.s):
            for c in range(t, self.s):
                most = larger(most, fabs(self.a[t * self.s + c]))
        return most * largest(self.inverse, self.s * self.s) * self.s * self.s


def sliding_neuron(Points points, const double[::1] scale, const long long[::1] order,
                   const double[::1] signs, const signed char[::1] status,
                   const long long[::1] slides, double slope):
    """What `gradients.Neuron` has of a neuron with these signs v_j y_i (n,) and statuses (n,), that
    slides at some points: off, gradients, needs and rooms.

    scale (k,): of the coordinates, order (k,): their places, the largest first. None where the rank
    of the points that it slides on is in doubt.
    """
    cdef Py_ssize_t s = slides.shape[0], k = points.k, n = points.n, c, l, t, i
    cdef double low = INFINITY, high = 0.0, one
    cdef Arena arena = Arena()
    if s > k:
        return None
    for c in range(s):
        if signs[slides[c]] == 0:
            return None
    cdef Reflections found = Reflections(k, s, arena)
    for l in range(k):
        low, high = smaller(low, scale[l]), larger(high, scale[l])
        for c in range(s):
            found.a[l * s + c] = points.rows[slides[c] * k + order[l]]
    if not found.make() or (s > 1 and not found.condition() * (high / low) < CLEAR):
        return None
    off, gradients = np.empty((k, k - s)), np.zeros((k, n))
    needs, rooms = np.zeros((s, n)), np.zeros((s, n))
    cdef double[:, ::1] into_off = off, g = gradients, need = needs, room = rooms
    cdef double* along = arena.take((k - s) * n)
    cdef double* row = arena.bare(k)
    for c in range(k - s):
        for l in range(k):
            into_off[order[l], c] = found.q[l * k + s + c]
            row[order[l]] = found.q[l * k + s + c]
        combine(along + c * n, row, points.columns, k, n, n)
        for i in range(n):
            along[c * n + i] *= signs[i] * gain(status[i], slope)
    for l in range(k):
        if k > s:
            combine(&g[l, 0], &into_off[l, 0], along, k - s, n, n)
    for t in range(s):
        c = found.places[t]
        for l in range(k):
            row[order[l]] = dot(found.inverse + t * s + t, found.q + l * k + t, s - t)
        combine(&need[c, 0], row, points.columns, k, n, n)
        one = signs[slides[c]]
        for i in range(n):
            need[c, i] *= -(signs[i] * gain(status[i], slope)) / one
        need[c, slides[c]] -= slope
        room[c, slides[c]] = 1 - slope
    return off, gradients, needs, rooms
