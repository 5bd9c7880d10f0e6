# One step of Radau IIA with five stages, of order nine, on the field of a mode.
#
# The stages are found by functional iteration while that contracts quickly, as it does while steps
# are cut short by events, and by simplified Newton steps where not. Nothing is built up over steps:
# a mode that ends within one step costs one, and samples and events are met by steps of their own,
# to full order. Source: [hairer1996, Section IV.8], where the three linear systems of a Newton
# step, the embedded formula of order five that estimates the error, and the tolerance for it stand.

cdef enum:
    MOST_PLAIN = 20  # iterations, of plain ones one more for each coordinate: Newton's cost more
    MOST_NEWTON = 10
    MOST_TRIES = 40  # of a step
cdef double DONE = 0.03  # of the tolerance: what an iteration may leave
# Of the tolerance for an estimate of order five; at a tenth, errors were a hundred tolerances.
cdef double SHARE = 0.01, EXPONENT = (STAGES + 1) / (2.0 * STAGES)
cdef double SAFE = 0.9, MOST_GROWTH = 4.0
cdef double SMALLEST = 1e-15  # a step in s, absolute and relative

cdef class Step:
    """A step that may be accepted: its length h, 0 if all attempts failed;  z (5, r): what beta
    moves to its stages;  next_h: the length that the next one may have;  stiff: whether Newton's
    iteration found it;  work: attempts."""

    cdef double h, next_h
    cdef bint stiff
    cdef Py_ssize_t work
    cdef double* z


cdef class Radau:
    """The method on a field;  scales (r,): what tolerances are relative to."""

    cdef Field field
    cdef Py_ssize_t r
    cdef double* scales
    cdef double* f
    cdef double* start
    cdef double* at
    cdef double* speeds
    cdef double* change
    cdef double* units
    cdef double* slope
    cdef Systems systems
    cdef double* right_re
    cdef double* right_im
    cdef double* guess
    cdef Arena arena

    def __cinit__(self):
        self.arena = Arena()

    cdef void open(self, Field field, double* scales):
        cdef Py_ssize_t r = field.r
        self.field, self.r, self.scales = field, r, scales
        self.f = self.arena.take(field.L)
        self.start, self.at, self.units = (
            self.arena.take(r), self.arena.take(r), self.arena.take(r))
        self.speeds, self.change, self.guess = (
            self.arena.take(STAGES * r), self.arena.take(STAGES * r), self.arena.take(STAGES * r))
        self.slope = self.arena.take(r * r)
        self.systems = Systems(r, self.arena)
        self.right_re, self.right_im = self.arena.take(r), self.arena.take(r)

    cdef Step step(self):
        """Room for a step."""
        cdef Step made = Step()
        made.z = self.arena.take(STAGES * self.r)
        made.h, made.next_h, made.stiff, made.work = 0.0, 0.0, False, 0
        return made

    cdef void newton(self, double h, const double* z) noexcept:
        """The change (5, r) of a Newton step, from the speeds at stages that have moved z (5, r)."""
        cdef Py_ssize_t r = self.r, c, d, k, which
        for c in range(STAGES):
            for d in range(STAGES):
                add(self.speeds + c * r, -INVERSE[c][d] / h, z + d * r, r)
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

    cdef void plain(self, double h, const double* z) noexcept:
        """The change (5, r) of a functional iteration."""
        cdef Py_ssize_t r = self.r, c, d, k
        for c in range(STAGES):
            for k in range(r):
                self.change[c * r + k] = -z[c * r + k]
            for d in range(STAGES):
                add(self.change + c * r, h * MATRIX[c][d], self.speeds + d * r, r)

    cdef double size(self, const double* vectors, Py_ssize_t count) noexcept:
        """The root mean square of vectors (count, r) in units (r,)."""
        cdef double total = 0.0, x
        cdef Py_ssize_t c, k
        for c in range(count):
            for k in range(self.r):
                x = vectors[c * self.r + k] / self.units[k]
                total += x * x
        return sqrt(total / (count * self.r))

    cdef int stages(self, double s, const double* beta, double h, double* z, double tolerance,
                    bint stiff, double* error) noexcept:
        """From a guess of what beta moves to the stages of a step (5, r) to what it does, and the
        estimated error in units of what is tolerated.  Iterations, 0 if they did not converge."""
        cdef Py_ssize_t r = self.r, c, k
        cdef int count = 0, most = MOST_NEWTON if stiff else MOST_PLAIN + <int> r
        cdef double before = INFINITY, now, rate, left
        cdef bint done = False
        if stiff:
            self.systems.factorise(self.slope, h)
        while not done:
            for c in range(STAGES):
                for k in range(r):
                    self.at[k] = beta[k] + z[c * r + k]
                self.field.speed(s + h * NODES[c], self.at, self.f, self.speeds + c * r)
            if stiff:
                self.newton(h, z)
            else:
                self.plain(h, z)
            add(z, 1.0, self.change, STAGES * r)
            count += 1
            for k in range(r):
                self.units[k] = self.scales[k] + larger(
                    fabs(beta[k]), fabs(beta[k] + z[(STAGES - 1) * r + k]))
            now = self.size(self.change, STAGES) / tolerance
            rate = now / before if count > 1 else 0.5
            if not now < INFINITY or (count > 1 and rate >= 1 and now > DONE):
                return 0
            left = now * rate / (1 - rate) if rate < 1 else now
            done = left <= DONE or now <= DONE
            if not done and count > 1 and count + log(DONE / left) / log(rate) > most:
                return 0
            before = now
        error[0] = self.estimated(h, z, stiff) / (SHARE * tolerance ** EXPONENT)
        return count

    cdef double estimated(self, double h, const double* z, bint stiff) noexcept:
        """The size of the error by the embedded formula."""
        cdef Py_ssize_t c, k
        for k in range(self.r):
            self.at[k] = GAMMA * h * self.start[k]
        for c in range(STAGES):
            add(self.at, ERROR[c], z + c * self.r, self.r)
        if stiff:
            fill(self.right_im, 0.0, self.r)
            self.systems.solve(0, self.at, self.right_im)
            for k in range(self.r):
                self.at[k] *= ROOTS_RE[0] / h
        return self.size(self.at, 1)

    cdef void along(self, const double* z, double share, double* moved) noexcept:
        """What beta has moved (r,) at a share of the step that moved z (5, r) to its stages, by the
        collocation polynomial; beyond the step it is extrapolated."""
        cdef Py_ssize_t d, p
        cdef double weight
        fill(moved, 0.0, self.r)
        for d in range(STAGES):
            weight = 0.0
            for p in range(STAGES - 1, -1, -1):
                weight = (weight + COLLOCATION[d][p]) * share
            add(moved, weight, z + d * self.r, self.r)

    cdef void guessed(self, double h, Step old, bint goes_on) noexcept:
        """What beta may move to the stages of a step h (5, r), from one that began here or, if this
        one `goes_on`, ended here."""
        cdef Py_ssize_t r = self.r, c, k
        for c in range(STAGES):
            if old.h == 0 or h > 4 * old.h:
                for k in range(r):
                    self.guess[c * r + k] = h * NODES[c] * self.start[k]
            else:
                self.along(old.z, NODES[c] * h / old.h + (1 if goes_on else 0),
                           self.guess + c * r)
                if goes_on:
                    add(self.guess + c * r, -1.0, old.z + (STAGES - 1) * r, r)

    cdef void advance(self, double s, const double* beta, double h, Step old, bint goes_on,
                      double tolerance, Step step) noexcept:
        """One step from s of at most h, that is within the tolerance; `step` may be `old`."""
        cdef double error = 0.0, change
        cdef int count
        cdef bint stiff = old.stiff, sloped = False
        cdef Py_ssize_t k
        self.field.speed(s, beta, self.f, self.start)
        self.guessed(h, old, goes_on)
        memcpy(step.z, self.guess, STAGES * self.r * sizeof(double))
        step.work = 0
        while step.work < MOST_TRIES:
            step.work += 1
            if stiff and not sloped:
                self.field.slope(s, beta, self.f, self.slope)
                sloped = True
            count = self.stages(s, beta, h, step.z, tolerance, stiff, &error)
            step.h, step.stiff = h, stiff
            if count == 0 and not stiff:
                stiff = True
            elif count == 0 or self.overflows(s + h, beta, step.z):
                h /= 4
            else:
                change = SAFE * larger(error, 1e-9) ** (-1.0 / (STAGES + 1))
                if error <= 1:
                    step.next_h = h * smaller(change, MOST_GROWTH)
                    return
                h *= larger(smaller(change, 0.9), 0.1)
            if h <= SMALLEST * s:
                break
            if count == 0:
                step.h = 0.0  # nothing to start from but the field
            self.guessed(h, step, False)
            memcpy(step.z, self.guess, STAGES * self.r * sizeof(double))
        step.h = 0.0

    cdef bint overflows(self, double s, const double* beta, const double* z) noexcept:
        """Whether pulls are too large at the end of a step."""
        cdef Py_ssize_t k
        for k in range(self.r):
            self.at[k] = beta[k] + z[(STAGES - 1) * self.r + k]
        return not self.field.log_pulls(s, self.at, self.f) <= LARGEST
