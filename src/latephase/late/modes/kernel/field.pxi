# The modified flow of a mode: d beta / ds = P forces, as `modified.py` has it in NumPy.

cdef double SLOW = 1e-3  # of the rate of relaxation: a motion below it is slow
cdef double LARGEST = 500.0  # exponents are cut here: trial points may be anywhere


cdef class Field:
    """The field of a mode with L live points and r coordinates.

    pull (r, L), pull_t its transpose;  gram (L, L): of the pull's columns;  margins (L,) of the
    live points at entry, every (n,) of all;  order: of the modified flow;  logistic: the loss, else
    exponential;  log_origin: ln c;  log_unit: what s is summed with first;  log_step: ln of the
    step size;  slow: whether c is a time in which the mode moves, not relaxes.
    """

    cdef Py_ssize_t r, L, n
    cdef int order
    cdef readonly bint slow
    cdef const long long[:] live
    cdef double* every
    cdef bint logistic
    cdef double log_origin, log_unit, log_step
    cdef double* pull
    cdef double* pull_t
    cdef double* margins
    cdef double* first
    cdef double* second
    cdef double* u
    cdef double* v
    cdef double* moved
    cdef Arena arena

    def __init__(self, const double[:, :] pull, const double[:, :] gram,
                 const double[:] margins, const long long[:] live, int order, bint logistic,
                 double log_drive, double log_step):
        cdef Py_ssize_t i, k
        self.arena = Arena()
        self.r, self.L, self.n = pull.shape[0], pull.shape[1], margins.shape[0]
        self.order, self.logistic, self.log_step = order, logistic, log_step
        self.live = live
        self.pull, self.every = self.arena.copy(pull), self.arena.take(self.n)
        self.pull_t = self.arena.take(self.r * self.L)
        self.margins = self.arena.take(self.L)
        for i in range(self.n):
            self.every[i] = margins[i]
        for i in range(self.L):
            self.margins[i] = margins[live[i]]
            for k in range(self.r):
                self.pull_t[i * self.r + k] = pull[k, i]
        self.first, self.second = self.arena.take(self.L), self.arena.take(self.L)
        self.u, self.v = self.arena.take(self.L), self.arena.take(self.L)
        self.moved = self.arena.take(self.r)
        self.log_origin = self.own_time(gram, log_drive)
        self.log_unit = self.log_origin + log_drive

    cdef double own_time(self, const double[:, :] gram, double log_drive):
        """ln of the mode's own time at entry, as `modified.Speed` has it; sets `slow`."""
        cdef Py_ssize_t i, k
        cdef double top = -INFINITY, rate = 0.0, move, total
        for i in range(self.L):
            self.u[i] = self.log_step + self.weight(self.margins[i], &self.v[i], &self.v[i])
            top = larger(top, self.u[i])
        for i in range(self.L):
            self.u[i] = exp(self.u[i] - top)
        for i in range(self.L):
            total = 0.0
            for k in range(self.L):
                total += fabs(gram[i, k]) * self.u[k]
            rate = larger(rate, total)
        self.spread(self.u, self.moved)
        fill(self.v, 0.0, self.L)
        self.gather(self.moved, self.v)
        move = largest(self.v, self.L)
        self.slow = log(move) < log(rate) + log(SLOW)
        return -(top + log_drive + log(move if self.slow else rate))

    cdef void gather(self, const double* beta, double* q) noexcept:
        """q (L,) += P^T beta."""
        combine(q, beta, self.pull, self.r, self.L, self.L)

    cdef void margins_at(self, const double* beta, double* q) noexcept:
        """q_i (n,) of all points at beta (r,)."""
        cdef Py_ssize_t i
        memcpy(q, self.every, self.n * sizeof(double))
        fill(self.v, 0.0, self.L)
        self.gather(beta, self.v)
        for i in range(self.L):
            q[self.live[i]] += self.v[i]

    cdef void spread(self, const double* f, double* speed) noexcept:
        """speed (r,) = P f."""
        fill(speed, 0.0, self.r)
        combine(speed, f, self.pull_t, self.L, self.r, self.r)

    cdef double weight(self, double q, double* one, double* two) noexcept:
        """ln w, with -w'/w and w''/w, of the weight w = -loss'(q), as the table of losses has it."""
        cdef double log, w
        if not self.logistic:
            one[0] = two[0] = 1.0
            return -q
        log = -(larger(q, 0.0) + log1p(exp(-fabs(q))))
        w = exp(log)
        one[0], two[0] = 1 - w, (1 - w) * (1 - 2 * w)
        return log

    cdef void forces(self, double s, const double* beta, double* f) noexcept:
        """(t + c) F (L,), of order 0, and at the same time -F'/F and F''/F."""
        cdef Py_ssize_t i
        cdef double log, unit = s + self.log_unit
        memcpy(f, self.margins, self.L * sizeof(double))
        self.gather(beta, f)
        for i in range(self.L):
            log = self.weight(f[i], &self.first[i], &self.second[i])
            f[i] = exp(smaller(unit + (self.log_step + log), LARGEST))

    cdef void back(self, double s, const double* f, double* u) noexcept:
        """u (L,) = P^T P f / (t + c)."""
        cdef Py_ssize_t i
        cdef double shrink = exp(smaller(-s - self.log_origin, LARGEST))
        self.spread(f, self.moved)
        fill(u, 0.0, self.L)
        self.gather(self.moved, u)
        for i in range(self.L):
            u[i] *= shrink

    cdef void speed(self, double s, const double* beta, double* f, double* found) noexcept:
        """d beta / ds (r,); f (L,): room for the forces."""
        cdef Py_ssize_t i
        cdef double more
        self.forces(s, beta, f)
        if self.order > 0:
            self.back(s, f, self.u)
            for i in range(self.L):
                self.v[i] = f[i] * self.first[i] * self.u[i]
            self.back(s, self.v, self.v)
            for i in range(self.L):
                more = self.first[i] * self.v[i] / 3 + self.second[i] * self.u[i] ** 2 / 12
                f[i] *= 1 + self.first[i] * self.u[i] / 2 + (more if self.order > 1 else 0.0)
        self.spread(f, found)

    cdef double log_pulls(self, double s, const double* beta, double* log) noexcept:
        """ln((t + c) F) at the live points (L,), and the largest."""
        cdef Py_ssize_t i
        cdef double one, two, top = -INFINITY
        memcpy(log, self.margins, self.L * sizeof(double))
        self.gather(beta, log)
        for i in range(self.L):
            log[i] = s + self.log_unit + (self.log_step + self.weight(log[i], &one, &two))
            top = log[i] if not log[i] <= top else top
        return top

    cdef void slope(self, double s, const double* beta, double* f, double* found) noexcept:
        """Minus its Jacobian near balance and to first order, P diag(-F') P^T: the upper triangle
        (r, r).  It is symmetric, and what an iteration needs."""
        cdef Py_ssize_t i, k
        self.forces(s, beta, f)
        fill(found, 0.0, self.r * self.r)
        for i in range(self.L):
            f[i] *= self.first[i]
            for k in range(self.r):
                add(found + k * self.r + k, f[i] * self.pull_t[i * self.r + k],
                    self.pull_t + i * self.r + k, self.r - k)

    cdef double log_time(self, double s) noexcept:
        """ln of the time since entry at the solver's variable s."""
        return self.log_origin + s + log(-expm1(-s)) if s > 0 else -1e6

    cdef double solver_time(self, double log_time) noexcept:
        """The solver's variable s = ln(1 + t / c) at a time since entry."""
        cdef double x = log_time - self.log_origin
        return larger(x, 0.0) + log1p(exp(-fabs(x)))
