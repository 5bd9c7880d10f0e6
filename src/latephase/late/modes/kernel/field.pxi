# A mode as the solver sees it: its state, and the forces that move it.

cdef double SLOW = 1e-3  # of the rate of relaxation: a motion below it is slow
cdef double LARGEST = 500.0  # exponents are cut here: trial points may be anywhere


cdef class Field:
    """A mode with n points, L of them live, and r coordinates.

    Its state y (size,) has, one after another, beta (r,), w (r,) and the margins q (L,) of the live
    points; it is moved along all three, so that nothing is solved for to see where it is. Where
    there is no factor w is beta, and stands there once.

    w, q: where they begin;  pull_t (L, r): the pull, transposed, lower triangular if `upper`;
    factor_t (r, r): the factor, transposed, NULL for none;  every (n,): margins of all points at
    entry, live (L,): places in it;  order: of the modified flow;  logistic: the loss, else
    exponential;  log_origin: ln c;  log_unit: what s is summed with first;  log_step: ln of the
    step size;  slow: whether c is a time in which the mode moves, not relaxes.
    """

    cdef Py_ssize_t r, L, n, w, q, size
    cdef int order
    cdef bint slow, logistic, upper
    cdef double log_origin, log_unit, log_step
    cdef const long long[::1] live
    cdef const double[::1] every
    cdef const double[:, ::1] rows, factors
    cdef const double* pull_t
    cdef const double* factor_t
    cdef double* entry
    cdef Arena arena

    def __init__(self, mode, int order, bint logistic):
        cdef Py_ssize_t i
        self.arena, self.rows = Arena(), np.ascontiguousarray(mode.pull.T)
        self.L, self.r, self.n = self.rows.shape[0], self.rows.shape[1], len(mode.margins)
        self.order, self.logistic, self.upper = order, logistic, mode.factor is mode.pull
        self.every, self.live = mode.margins, mode.live
        self.pull_t, self.factor_t = &self.rows[0, 0], NULL
        if mode.factor is not None:
            self.factors = self.rows if self.upper else np.ascontiguousarray(mode.factor.T)
            self.factor_t = &self.factors[0, 0]
        self.w = self.r if self.factor_t != NULL else 0
        self.q = self.w + self.r
        self.size = self.q + self.L
        self.entry = self.arena.take(self.size)
        for i in range(self.L):
            self.entry[self.q + i] = self.every[self.live[i]]
        self.log_step = mode.dynamics.method.log_step
        self.log_origin = self.own_time(mode.gram, mode.log_drive)
        self.log_unit = self.log_origin + mode.log_drive

    cdef double own_time(self, const double[:, ::1] gram, double log_drive):
        """ln of the mode's own time at entry, as `modified.Speed` has it; sets `slow`."""
        cdef Py_ssize_t i, k
        cdef double top = -INFINITY, rate, move, one
        cdef const double* row
        cdef double* u = self.arena.take(self.L)
        cdef double* v = self.arena.take(self.L)
        cdef double* beta = self.arena.take(self.r)
        for i in range(self.L):
            u[i] = self.log_step + self.log_weight(self.entry[self.q + i], &one)
            top = larger(top, u[i])
        for i in range(self.L):
            u[i] = exp(u[i] - top)
        for i in range(self.L):
            row = &gram[i, 0]
            for k in range(self.L):
                v[k] += fabs(row[k]) * u[i]
        rate = largest(v, self.L)
        self.spread(u, beta)
        self.gather(beta, v)
        move = largest(v, self.L)
        self.slow = log(move) < log(rate) + log(SLOW)
        return -(top + log_drive + log(move if self.slow else rate))

    cdef void gather(self, const double* beta, double* q) noexcept:
        """q (L,) = P^T beta."""
        cdef Py_ssize_t i
        for i in range(self.L):
            q[i] = dot(self.pull_t + i * self.r, beta, i + 1 if self.upper else self.r)

    cdef void spread(self, const double* f, double* beta) noexcept:
        """beta (r,) = P f."""
        fill(beta, 0.0, self.r)
        if self.upper:
            combine_lower(beta, f, self.pull_t, self.r)
        else:
            combine(beta, f, self.pull_t, self.L, self.r, self.r)

    cdef void carry(self, const double* beta, double* w) noexcept:
        """w (r,) at beta (r,)."""
        cdef Py_ssize_t i
        if w != beta:
            memcpy(w, beta, self.r * sizeof(double))
        if self.factor_t != NULL:
            for i in range(self.r - 1, -1, -1):
                w[i] /= self.factor_t[i * self.r + i]
                add(w, -w[i], self.factor_t + i * self.r, i)

    cdef void all_margins(self, const double* y, double* q) noexcept:
        """q_i (n,) of all points."""
        cdef Py_ssize_t i
        memcpy(q, &self.every[0], self.n * sizeof(double))
        for i in range(self.L):
            q[self.live[i]] = y[self.q + i]

    cdef double log_weight(self, double q, double* fall) noexcept:
        """ln w, with -w'/w, of the weight w = -loss'(q), as the table of losses has it."""
        cdef double log
        fall[0] = 1.0
        if not self.logistic:
            return -q
        log = -(larger(q, 0.0) + log1p(exp(-fabs(q))))
        fall[0] = 1 - exp(log)
        return log

    cdef double log_pulls(self, double s, const double* y, double* log) noexcept:
        """ln((t + c) F) at the live points (L,), and the largest."""
        cdef Py_ssize_t i
        cdef double one, top = -INFINITY
        for i in range(self.L):
            log[i] = s + self.log_unit + (self.log_step + self.log_weight(y[self.q + i], &one))
            top = log[i] if not log[i] <= top else top
        return top

    cdef double log_time(self, double s) noexcept:
        """ln of the time since entry at the solver's variable s."""
        return self.log_origin + s + log(-expm1(-s)) if s > 0 else -1e6

    cdef double solver_time(self, double log_time) noexcept:
        """The solver's variable s = ln(1 + t / c) at a time since entry."""
        cdef double x = log_time - self.log_origin
        return larger(x, 0.0) + log1p(exp(-fabs(x)))
