# The modified flow of a mode, as `late/layered/field.py` has it in NumPy.

cdef double LARGEST = 500.0  # exponents are cut here: trial points may be anywhere
cdef double TOGETHER = 8.0  # between the logarithms of pulls that hold one another
cdef double BALANCED = 1e-4  # of its pull: what may be left of it where it is at rest
cdef double NOTHING = 1e-17  # of the field: what is not worth its work


cdef class Field:
    """The field of a mode of M moving neurons with r coordinates each and L live points, at y (D,):
    all c_j (M, r), then all v (M,).

    forms (M, L, r): G_ji;  order: 0 (gradient flow) or 2;  logistic: the loss, else exponential;
    clocks (L,): the s at which the clock of a point stands still;  scale (D,): sizes of the
    coordinates, inf of those that are rounding;  log_reach: ln of the square of the largest form;
    squares: the sum of all their squares.
    Of the last place that was looked at: a (M, L), q, log, w, one, two (L,), pulled (M, r).
    """

    cdef Py_ssize_t M, L, r, D
    cdef int order
    cdef bint logistic
    cdef double log_origin, log_step, log_reach, squares, shrink
    cdef Arena arena
    cdef double *forms
    cdef double *scale
    cdef double *clocks
    cdef double *a
    cdef double *q
    cdef double *log
    cdef double *w
    cdef double *one
    cdef double *two
    cdef double *pulled
    cdef double *turned
    cdef double *toward
    cdef double *weights
    cdef double *sums
    cdef double *first
    cdef double *second
    cdef double *third

    def __init__(self, const double[:, :] forms, Py_ssize_t moving, int order, bint logistic,
                 double log_origin, double log_step, const double[:, :] scale):
        cdef Arena arena = Arena()
        cdef Py_ssize_t size = forms.shape[0]
        self.M, self.L, self.r = moving, size // moving, forms.shape[1]
        self.D = moving * (self.r + 1)
        self.order, self.logistic, self.arena = order, logistic, arena
        self.log_origin, self.log_step = log_origin, log_step
        self.forms, self.scale = arena.copy(forms), arena.copy(scale)
        self.log_reach = 2 * ln(largest(self.forms, size * self.r))
        self.squares = dot(self.forms, self.forms, size * self.r)
        self.clocks, self.a, self.q = arena.take(self.L), arena.take(size), arena.take(self.L)
        self.log, self.w, self.one = arena.take(self.L), arena.take(self.L), arena.take(self.L)
        self.two, self.turned = arena.take(self.L), arena.take(size)
        self.pulled, self.sums = arena.take(moving * self.r), arena.take(moving * self.r)
        self.toward, self.weights = arena.take(self.L), arena.take(self.L)
        self.first, self.second = arena.take(self.D), arena.take(self.D)
        self.third = arena.take(self.D)
        fill(self.clocks, INFINITY, self.L)

    cdef double weight(self, double q, double* one, double* two) noexcept:
        """ln w, with -w'/w and w''/w, of the weight w = -loss'(q) of a point."""
        cdef double log, w
        if not self.logistic:
            one[0] = two[0] = 1.0
            return -q
        log = -(larger(q, 0.0) + log1p(exp(-fabs(q))))
        w = exp(log)
        one[0], two[0] = 1 - w, (1 - w) * (1 - 2 * w)
        return log

    cdef void look(self, double s, const double* y) noexcept:
        """a, q, and ln((t + c) w) at y (D,)."""
        cdef Py_ssize_t i, j
        cdef double v
        fill(self.q, 0.0, self.L)
        self.along(y, self.a)
        for j in range(self.M):
            add(self.q, y[self.M * self.r + j], self.a + j * self.L, self.L)
        for i in range(self.L):
            v = self.weight(self.q[i], &self.one[i], &self.two[i])
            self.log[i] = (self.log_step + v) + (smaller(s, self.clocks[i]) + self.log_origin)

    cdef void along(self, const double* g, double* found) noexcept:
        """<G_ji, g_j> (M, L) of the hidden part of g (D,)."""
        cdef Py_ssize_t j, i
        cdef double *form = self.forms
        for j in range(self.M):
            for i in range(self.L):
                found[j * self.L + i] = dot(form, g + j * self.r, self.r)
                form += self.r

    cdef void sum(self, const double* weights, double* found) noexcept:
        """sum_i weights_i G_ji (M, r)."""
        cdef Py_ssize_t j, i
        cdef double *form = self.forms
        fill(found, 0.0, self.M * self.r)
        for j in range(self.M):
            for i in range(self.L):
                add(found + j * self.r, weights[i], form, self.r)
                form += self.r

    cdef void combine(self, const double* g, const double* sums, double* found) noexcept:
        """found (D,) += (gv_j sums_j; <gc_j, sums_j>) for g (D,): what points that lie close
        together pull is summed up first, so that nothing is left of it where they hold one another.
        """
        cdef Py_ssize_t j
        for j in range(self.M):
            add(found + j * self.r, g[self.M * self.r + j], sums + j * self.r, self.r)
            found[self.M * self.r + j] += dot(g + j * self.r, sums + j * self.r, self.r)

    cdef void gradient(self, const double* y, Py_ssize_t i, double* found) noexcept:
        """grad q_i (D,) at the place that was looked at, y (D,)."""
        cdef Py_ssize_t j, k
        for j in range(self.M):
            for k in range(self.r):
                found[j * self.r + k] = (
                    y[self.M * self.r + j] * self.forms[(j * self.L + i) * self.r + k])
            found[self.M * self.r + j] = self.a[j * self.L + i]

    cdef void pull(self) noexcept:
        """w (L,) and pulled (M, r) of what was looked at."""
        cdef Py_ssize_t i
        for i in range(self.L):
            self.w[i] = exp(smaller(self.log[i], LARGEST))
        self.sum(self.w, self.pulled)

    cdef void derive(self, const double* y, const double* g, double* found) noexcept:
        """f'g (D,), with <G_ji, g_j> and <grad q_i, g>, at y (D,)."""
        cdef Py_ssize_t i, j
        cdef double *gv = <double*> g + self.M * self.r
        self.along(g, self.turned)
        fill(self.toward, 0.0, self.L)
        for j in range(self.M):
            add(self.toward, y[self.M * self.r + j], self.turned + j * self.L, self.L)
            add(self.toward, gv[j], self.a + j * self.L, self.L)
        for i in range(self.L):
            self.weights[i] = -self.w[i] * self.one[i] * self.toward[i]
        self.sum(self.weights, self.sums)
        fill(found, 0.0, self.D)
        self.combine(y, self.sums, found)
        self.combine(g, self.pulled, found)

    cdef void speed(self, double s, const double* y, double* found) noexcept:
        """d y / d s (D,)."""
        cdef Py_ssize_t i, j
        cdef double back
        self.look(s, y)
        self.pull()
        fill(found, 0.0, self.D)
        self.combine(y, self.pulled, found)
        if self.order == 0:
            return
        back = exp(smaller(-s - self.log_origin, LARGEST))
        if back * largest(self.w, self.L) * self.reach(y + self.M * self.r) < NOTHING:
            return
        memcpy(self.first, found, self.D * sizeof(double))
        self.derive(y, self.first, self.second)
        add(found, -back / 2, self.second, self.D)
        self.bend(y, back * back / 12, found)
        self.derive(y, self.second, self.third)
        add(found, back * back / 3, self.third, self.D)

    cdef double reach(self, const double* v) noexcept:
        """By how much at most a pull relaxes per its size: |grad q|^2 and |H| of the margins."""
        cdef double most = largest(v, self.M)
        return (self.squares * most * most + dot(self.a, self.a, self.M * self.L)
                + sqrt(self.squares))

    cdef double rate(self, const double* y) noexcept:
        """The largest relaxation per step at the place that was looked at, y (D,), as `rate` of
        `field.py` has it; or a bound of it, where that is below 1."""
        cdef Py_ssize_t i, k
        cdef double most = 0.0, found
        for i in range(self.L):
            self.w[i] = exp(smaller(self.log_step + self.weight(
                self.q[i], &self.one[i], &self.two[i]), LARGEST))
        found = largest(self.w, self.L) * self.reach(y + self.M * self.r) * self.L
        if found < 1:
            return found
        for i in range(self.L):
            self.gradient(y, i, self.first)
            found = 0.0
            for k in range(self.L):
                self.gradient(y, k, self.second)
                found += fabs(dot(self.first, self.second, self.D)) * self.w[k]
            most = larger(most, found)
        self.sum(self.w, self.sums)
        for i in range(self.M):
            most = larger(most, sqrt(dot(self.sums + i * self.r, self.sums + i * self.r, self.r)))
        return most

    cdef void bend(self, const double* y, double share, double* found) noexcept:
        """found (D,) += share * f''(f, f), of what was derived along f."""
        cdef Py_ssize_t i, j
        cdef double twist
        cdef double *fv = self.first + self.M * self.r
        for i in range(self.L):
            twist = 0.0
            for j in range(self.M):
                twist += fv[j] * self.turned[j * self.L + i]
            twist = self.two[i] * self.toward[i] ** 2 - 2 * self.one[i] * twist
            self.weights[i] = share * self.w[i] * twist
        self.sum(self.weights, self.sums)
        self.combine(y, self.sums, found)
        for i in range(self.L):
            self.weights[i] = -2 * share * self.one[i] * self.w[i] * self.toward[i]
        self.sum(self.weights, self.sums)
        self.combine(self.first, self.sums, found)

    cdef double held(self) noexcept:
        """Times its length, what rounding leaves in a step of pulls that hold one another, in ulp
        of the coordinates."""
        cdef Py_ssize_t i
        cdef double total = 0.0
        for i in range(self.L):
            total += exp(2 * smaller(self.log[i], LARGEST))
        return sqrt(total * self.squares)

    cdef void rest(self, double s, const double* y, double cap) noexcept:
        """Stop the clocks of points that pull for long and get nowhere, as `with_rest` says; after
        a look at y (D,)."""
        cdef Py_ssize_t i, k
        cdef double top = -INFINITY, least = -INFINITY, size
        cdef bint stopped = False
        cdef double *log = self.weights
        for i in range(self.L):
            top = self.log[i] if not self.log[i] <= top else top
        if not top + self.log_reach >= cap / 2:
            return
        top = -INFINITY
        for i in range(self.L):
            self.gradient(y, i, self.first)
            size = 2 * ln(sqrt(dot(self.first, self.first, self.D)))
            log[i] = self.log[i] + size if self.clocks[i] == INFINITY else -INFINITY
            if log[i] > -INFINITY:
                top, least = larger(top, log[i]), larger(least, self.log[i])
        if top < cap:
            return
        fill(self.third, 0.0, self.D)
        for i in range(self.L):
            size = exp(self.log[i] - least) if log[i] > -INFINITY else 0.0
            self.toward[i] = self.force(y, i, size)
            add(self.third, 1.0, self.first, self.D)
        size = sqrt(dot(self.third, self.third, self.D)) / BALANCED
        for i in range(self.L):
            if log[i] > cap - TOGETHER and self.toward[i] > size:
                self.clocks[i], stopped = s - (top - cap), True
        if stopped:
            self.look(s, y)

    cdef double force(self, const double* y, Py_ssize_t i, double pull) noexcept:
        """pull * grad q_i in units of the coordinates, into `first`; and its length."""
        cdef Py_ssize_t k
        self.gradient(y, i, self.first)
        for k in range(self.D):
            self.first[k] *= pull / self.scale[k]
        return sqrt(dot(self.first, self.first, self.D))

    cdef double log_time(self, double s) noexcept:
        """ln of the time since entry at the solver's variable s."""
        return self.log_origin + s + ln(-expm1(-s)) if s > 0 else -1e6

    cdef double solver_time(self, double log_time) noexcept:
        """The solver's variable s = ln(1 + t / c) at a time since entry."""
        cdef double x = log_time - self.log_origin
        return larger(x, 0.0) + log1p(exp(-fabs(x)))
