# One step of Radau IIA with five stages, of order nine, on the field of a mode.
#
# It is for stiff modes: the stages are found by simplified Newton steps. Nothing is built up over
# steps: samples and events are met by steps of their own, to full order.
# Source: [hairer1996, Section IV.8], where the three linear systems of a Newton step, the embedded
# formula of order five that estimates the error, and the tolerance for it stand.

cdef enum:
    MOST_NEWTON = 10
    MOST_TRIES = 40  # of a step
cdef double DONE = 0.03  # of the tolerance: what an iteration may leave
# Of the tolerance for an estimate of order five; at a tenth, errors were a hundred tolerances.
cdef double SHARE = 0.01, EXPONENT = (STAGES + 1) / (2.0 * STAGES)
cdef double SAFE = 0.9, MOST_GROWTH = 4.0
cdef double SMALLEST = 1e-15  # a step in s, absolute and relative


cdef class Systems:
    """The three linear systems of a Newton step, root / h + slope for each root of the method: (r, r), symmetric, upper triangles."""

    cdef Py_ssize_t r
    cdef double* re
    cdef double* im

    def __init__(self, Py_ssize_t r, Arena arena):
        self.r, self.re, self.im = r, arena.bare(3 * r * r), arena.bare(3 * r * r)

    cdef void factorise(self, const double* slope, double h) noexcept:
        """The systems root / h + slope as U^T diag(U)^-1 U: real parts are positive definite, so
        that no pivoting is needed."""
        cdef Py_ssize_t r = self.r, i, j, k, which
        cdef double a, b, size, lr, li
        cdef double *re
        cdef double *im
        for which in range(3):
            re, im = self.re + which * r * r, self.im + which * r * r
            memcpy(re, slope, r * r * sizeof(double))
            fill(im, 0.0, r * r)
            for k in range(r):
                re[k * r + k] += ROOTS_RE[which] / h
                im[k * r + k] += ROOTS_IM[which] / h
            for k in range(r):
                a, b = re[k * r + k], im[k * r + k]
                size = a * a + b * b
                for i in range(k + 1, r):
                    lr = (re[k * r + i] * a + im[k * r + i] * b) / size
                    li = (im[k * r + i] * a - re[k * r + i] * b) / size
                    if which == 0:
                        add(re + i * r + i, -lr, re + k * r + i, r - i)
                        continue
                    for j in range(i, r):
                        re[i * r + j] -= lr * re[k * r + j] - li * im[k * r + j]
                        im[i * r + j] -= lr * im[k * r + j] + li * re[k * r + j]

    cdef void solve(self, Py_ssize_t which, double* x, double* y) noexcept:
        """Solve one of these systems in place, x and y (r,) the real and imaginary parts."""
        cdef Py_ssize_t r = self.r, k, j
        cdef double a, b, size, lr, li
        cdef double *re = self.re + which * r * r
        cdef double *im = self.im + which * r * r
        for k in range(r):
            a, b = re[k * r + k], im[k * r + k]
            size = a * a + b * b
            lr, li = (x[k] * a + y[k] * b) / size, (y[k] * a - x[k] * b) / size
            for j in range(k + 1, r):
                x[j] -= lr * re[k * r + j] - li * im[k * r + j]
                y[j] -= lr * im[k * r + j] + li * re[k * r + j]
        for k in range(r - 1, -1, -1):
            lr, li = x[k], y[k]
            for j in range(k + 1, r):
                lr -= re[k * r + j] * x[j] - im[k * r + j] * y[j]
                li -= re[k * r + j] * y[j] + im[k * r + j] * x[j]
            a, b = re[k * r + k], im[k * r + k]
            size = a * a + b * b
            x[k], y[k] = (lr * a + li * b) / size, (li * a - lr * b) / size


cdef class Radau:
    """The method on a field;  scales (r,): what tolerances of beta are relative to;  z (5, r): what
    beta moves to the stages of a step.

    What it needs of the mode alone is made when it is first asked for a step: most modes never do.
    """

    cdef object mode
    cdef Field field
    cdef Scales whole
    cdef Forces forces
    cdef Py_ssize_t r
    cdef double* scales
    cdef double* q
    cdef double* start
    cdef double* at
    cdef double* z
    cdef double* speeds
    cdef double* change
    cdef double* units
    cdef double* slope
    cdef Systems systems
    cdef double* right_re
    cdef double* right_im

    def __init__(self, mode, Field field, Scales whole, Forces forces):
        self.mode, self.field, self.whole, self.forces, self.r = mode, field, whole, forces, field.r

    cdef void open(self):
        """Make what a step needs."""
        cdef Py_ssize_t r = self.r
        cdef Arena arena = self.field.arena
        self.scales, self.q = arena.bare(r), arena.bare(self.field.L)
        self.whole.of_coordinates(self.mode.reach, self.scales)
        self.start, self.at, self.units = arena.bare(r), arena.bare(r), arena.bare(r)
        self.z, self.speeds, self.change = (
            arena.bare(STAGES * r), arena.bare(STAGES * r), arena.bare(STAGES * r))
        self.slope, self.systems = arena.bare(r * r), Systems(r, arena)
        self.right_re, self.right_im = arena.bare(r), arena.bare(r)

    cdef void speed(self, double s, const double* beta, double* found) noexcept:
        """d beta / ds (r,)."""
        self.field.gather(beta, self.q)
        add(self.q, 1.0, self.field.entry + self.field.q, self.field.L)
        self.forces.begin(s, self.q, 1.0)
        self.field.spread(self.forces.term(0), found)

    cdef void sloped(self, double s, const double* beta) noexcept:
        """Set minus the Jacobian near balance and to first order, P diag(-F') P^T: the upper
        triangle (r, r).  It is symmetric, and what an iteration needs."""
        cdef Py_ssize_t i, k, r = self.r
        cdef double f
        cdef const double* row
        self.speed(s, beta, self.at)
        fill(self.slope, 0.0, r * r)
        for i in range(self.field.L):
            f, row = self.forces.plain[i] * self.forces.fall[i], self.field.pull_t + i * r
            for k in range(r):
                add(self.slope + k * r + k, f * row[k], row + k, r - k)

    cdef void newton(self, double h) noexcept:
        """The change (5, r) of a Newton step, from the speeds at stages that have moved z (5, r)."""
        cdef Py_ssize_t r = self.r, c, d, which
        for c in range(STAGES):
            for d in range(STAGES):
                add(self.speeds + c * r, -INVERSE[c][d] / h, self.z + d * r, r)
        fill(self.change, 0.0, STAGES * r)
        for which in range(3):
            fill(self.right_re, 0.0, r)
            fill(self.right_im, 0.0, r)
            for c in range(STAGES):
                add(self.right_re, INTO_RE[which][c], self.speeds + c * r, r)
                add(self.right_im, INTO_IM[which][c], self.speeds + c * r, r)
            self.systems.solve(which, self.right_re, self.right_im)
            for c in range(STAGES):
                add(self.change + c * r, BACK_RE[which][c], self.right_re, r)
                add(self.change + c * r, -BACK_IM[which][c], self.right_im, r)

    cdef double size(self, const double* vectors, Py_ssize_t count) noexcept:
        """The root mean square of vectors (count, r) in units (r,)."""
        cdef double total = 0.0, x
        cdef Py_ssize_t c, k
        for c in range(count):
            for k in range(self.r):
                x = vectors[c * self.r + k] / self.units[k]
                total += x * x
        return sqrt(total / (count * self.r))

    cdef bint stages(self, double s, const double* beta, double h, double tolerance,
                     double* error) noexcept:
        """From a guess z of what beta moves to the stages of a step (5, r) to what it does, and the
        estimated error in units of what is tolerated; whether the iteration has converged."""
        cdef Py_ssize_t r = self.r, c, k
        cdef int count = 0
        cdef double before = INFINITY, now, rate, left
        cdef bint done = False
        self.systems.factorise(self.slope, h)
        while not done:
            for c in range(STAGES):
                for k in range(r):
                    self.at[k] = beta[k] + self.z[c * r + k]
                self.speed(s + h * NODES[c], self.at, self.speeds + c * r)
            self.newton(h)
            add(self.z, 1.0, self.change, STAGES * r)
            count += 1
            for k in range(r):
                self.units[k] = self.scales[k] + larger(
                    fabs(beta[k]), fabs(beta[k] + self.z[(STAGES - 1) * r + k]))
            now = self.size(self.change, STAGES) / tolerance
            rate = now / before if count > 1 else 0.5
            if not now < INFINITY or (count > 1 and rate >= 1 and now > DONE):
                return False
            left = now * rate / (1 - rate) if rate < 1 else now
            done = left <= DONE or now <= DONE
            if not done and count > 1 and count + log(DONE / left) / log(rate) > MOST_NEWTON:
                return False
            before = now
        error[0] = self.estimated(h) / (SHARE * tolerance ** EXPONENT)
        return True

    cdef double estimated(self, double h) noexcept:
        """The size of the error by the embedded formula."""
        cdef Py_ssize_t c, k
        for k in range(self.r):
            self.at[k] = GAMMA * h * self.start[k]
        for c in range(STAGES):
            add(self.at, ERROR[c], self.z + c * self.r, self.r)
        fill(self.right_im, 0.0, self.r)
        self.systems.solve(0, self.at, self.right_im)
        for k in range(self.r):
            self.at[k] *= ROOTS_RE[0] / h
        return self.size(self.at, 1)

    cdef void guess(self, double h, Step old, bint goes_on) noexcept:
        """Guess what beta moves to the stages of a step h, from one that began here or, if this one
        `goes_on`, ended here: by its polynomial, which is extrapolated."""
        cdef double[MOST_TERMS] powers
        cdef Py_ssize_t r = self.r, c, k, p
        fill(self.z, 0.0, STAGES * r)
        for c in range(STAGES):
            if old.h == 0 or h > 4 * old.h:
                add(self.z + c * r, h * NODES[c], self.start, r)
                continue
            raised(NODES[c] * h / old.h + (1 if goes_on else 0), old.degree, powers)
            for p in range(old.degree):
                add(self.z + c * r, powers[p] - (1 if goes_on else 0), old.rows + p * old.size, r)

    cdef void advance(self, double s, const double* y, double h, Step old, bint goes_on,
                      double tolerance, Step step):
        """One step from s of at most h, that is within the tolerance; `step` may be `old`."""
        cdef double error = 0.0, change
        cdef bint found
        if self.units == NULL:
            self.open()
        self.sloped(s, y)
        self.speed(s, y, self.start)
        self.guess(h, old, goes_on)
        while step.work < MOST_TRIES:
            step.work += 1
            found = self.stages(s, y, h, tolerance, &error)
            if found:
                self.collocate(step, h)
            if not found or self.overflows(s + h, y, step):
                h /= 4
            else:
                change = SAFE * larger(error, 1e-9) ** (-1.0 / (STAGES + 1))
                if error <= 1:
                    step.next_h = h * smaller(change, MOST_GROWTH)
                    return
                h *= larger(smaller(change, 0.9), 0.1)
            if h <= SMALLEST * s:
                break
            if not found:
                step.h = 0.0  # nothing to start from but the field
            self.guess(h, step, False)
        step.h = 0.0

    cdef void collocate(self, Step step, double h) noexcept:
        """Have a step of length h follow the collocation polynomial of its stages."""
        cdef Py_ssize_t p, d, size = step.size
        cdef double* row
        step.h, step.degree, step.exact = h, STAGES, False
        for p in range(STAGES):
            row = step.rows + p * size
            fill(row, 0.0, self.r)
            for d in range(STAGES):
                add(row, COLLOCATION[d][p], self.z + d * self.r, self.r)
            self.field.carry(row, row + self.field.w)
            self.field.gather(row, row + self.field.q)

    cdef bint overflows(self, double s, const double* y, Step step) noexcept:
        """Whether pulls are too large at the end of a step."""
        cdef Py_ssize_t i, p, q = self.field.q
        for i in range(self.field.L):
            self.q[i] = y[q + i]
        for p in range(step.degree):
            add(self.q, 1.0, step.rows + p * step.size + q, self.field.L)
        return not self.field.log_pulls(s, self.q - q, self.q) <= LARGEST
