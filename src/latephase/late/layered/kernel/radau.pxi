# One step of Radau IIA with five stages, of order nine, as `late/layered/radau.py` has it in NumPy.

cdef enum:
    MOST_PLAIN = 12  # iterations
    MOST_NEWTON = 10
    PLAIN = 0  # how stages are found: by functional iteration
    NEWTON = 1  # by Newton's with one Jacobian for all
    EXACT = 2  # and with one for each
cdef double DONE = 0.03  # of the tolerance: what an iteration may leave
cdef double SURE = 0.1  # of the tolerance
cdef double JUMPS = 0.5  # of ln of a pull in an iteration: Newton's moves it by 1 where it is far off
cdef double OUTDONE = 30.0  # between logarithms of pulls, of which the smaller does nothing
cdef double SHARE = 0.01, EXPONENT = (STAGES + 1) / (2.0 * STAGES)  # of it, for the estimate


cdef class Step:
    """What y moves to the stages of a step h, moves (5, D); the estimated error in units of what is
    tolerated, inf where they were not found."""

    cdef double h, error
    cdef Py_ssize_t D
    cdef double *moves

    def __init__(self, Py_ssize_t D, Arena arena):
        self.h, self.error, self.D = 0.0, INFINITY, D
        self.moves = arena.take(STAGES * D)

    cdef bint follows(self, double tolerance) noexcept:
        """Whether its polynomial is good enough between its ends."""
        return self.error * SHARE * tolerance ** EXPONENT <= SURE * tolerance

    cdef void along(self, double share, double* found) noexcept:
        """What y has moved (D,) at a share of the step, by collocation."""
        cdef Py_ssize_t c, power
        cdef double weight
        fill(found, 0.0, self.D)
        for c in range(STAGES):
            weight = 0.0
            for power in range(STAGES - 1, -1, -1):
                weight = (weight + COLLOCATION[c][power]) * share
            add(found, weight, self.moves + c * self.D, self.D)

    cdef double* end(self) noexcept:
        """What it moves y (D,) at its end."""
        return self.moves + (STAGES - 1) * self.D

    cdef void take(self, Step other) noexcept:
        """Become another one."""
        self.h, self.error = other.h, other.error
        memcpy(self.moves, other.moves, STAGES * self.D * sizeof(double))


cdef class Radau:
    """The method on a field."""

    cdef Field field
    cdef Newton newton
    cdef Py_ssize_t D
    cdef double *at
    cdef double *start
    cdef double *speeds
    cdef double *change
    cdef double *re
    cdef double *im
    cdef double *logs

    def __init__(self, Field field):
        cdef Arena arena = field.arena
        cdef Py_ssize_t D = field.D
        self.field, self.newton, self.D = field, Newton(field), D
        self.at, self.start, self.re, self.im = (
            arena.take(D), arena.take(D), arena.take(D), arena.take(D))
        self.speeds, self.change = arena.take(STAGES * D), arena.take(STAGES * D)
        self.logs = arena.take(STAGES * field.L)

    cdef void stages(self, double s, const double* y, Step step, const double* units,
                     double tolerance, int way, double noise):
        """The stages of a step of the length that it has, from a guess of its moves;  units (D,):
        what tolerances are relative to;  way: in which;  noise: as in Python."""
        cdef Py_ssize_t count = 0, k, c, D = self.D, most = MOST_NEWTON if way else MOST_PLAIN
        cdef double h = step.h, before = INFINITY, now, rate, left, jump
        cdef double least = larger(DONE, noise / tolerance)
        cdef Py_ssize_t first = 2 if way == EXACT else 1  # what is stiff turns with what it moved
        cdef bint rounded = way and least > DONE  # rounding may stop the iteration
        step.error = INFINITY
        self.field.speed(s, y, self.start)
        if way:
            self.newton.factorise(h)
        if way == EXACT:
            self.newton.by_stages()
        while True:
            jump = 0.0
            for c in range(STAGES):
                for k in range(D):
                    self.at[k] = y[k] + step.moves[c * D + k]
                self.field.speed(s + NODES[c] * h, self.at, self.speeds + c * D)
                if rounded:
                    jump = larger(jump, self.jumped(c))
                if way == EXACT:
                    self.newton.keep(c, s + NODES[c] * h, self.at)
            if way == PLAIN:
                self.plain(h, step.moves)
            else:
                self.eased(h, step.moves, way)
            add(step.moves, 1.0, self.change, STAGES * D)
            count += 1
            now = self.size(self.change, STAGES, units) / tolerance
            rate = now / before if count > 1 else 0.5
            if not now < INFINITY or (count > first and rate >= 1 and now > least):
                return
            left = now * rate / (1 - rate) if rate < 1 else now
            if left <= least or now <= least:
                # There a move of a pull by e is no larger than what the iteration may leave.
                if not rounded or (count > 1 and jump <= JUMPS):
                    break
                if count >= most:
                    return
                before = now
                continue
            if count > 1 and rate < 1 and count + ln(least / left) / ln(rate) > most:
                return
            before = now
        step.error = self.estimate(h, step.moves, way != PLAIN, units)
        step.error /= SHARE * tolerance ** EXPONENT
        if not step.error < INFINITY:
            step.error = INFINITY

    cdef double jumped(self, Py_ssize_t c) noexcept:
        """How far the logarithms of pulls at a stage, which was just looked at, are from what they
        were in the last iteration, of those that do something."""
        cdef Py_ssize_t i, L = self.field.L
        cdef double *last = self.logs + c * L
        cdef double top = -INFINITY, found = 0.0, now
        for i in range(L):
            top = larger(top, larger(self.field.log[i], last[i]))
        for i in range(L):
            now = self.field.log[i]
            if larger(now, last[i]) > top - OUTDONE:
                found = larger(found, fabs(now - last[i]))
            last[i] = now
        return found

    cdef void plain(self, double h, const double* z) noexcept:
        """The change (5, D) of a functional iteration."""
        cdef Py_ssize_t c, d, k, D = self.D
        for c in range(STAGES):
            for k in range(D):
                self.change[c * D + k] = -z[c * D + k]
            for d in range(STAGES):
                add(self.change + c * D, h * MATRIX[c][d], self.speeds + d * D, D)

    cdef void eased(self, double h, const double* z, int way) noexcept:
        """The change (5, D) of a Newton step."""
        cdef Py_ssize_t c, d, which, D = self.D
        for c in range(STAGES):
            for d in range(STAGES):
                add(self.speeds + c * D, -INVERSE[c][d] / h, z + d * D, D)
        if way == EXACT:
            self.newton.exactly(h, self.speeds, self.change)
            return
        fill(self.change, 0.0, STAGES * D)
        for which in range(3):
            fill(self.re, 0.0, D)
            fill(self.im, 0.0, D)
            for c in range(STAGES):
                add(self.re, INTO_RE[which][c], self.speeds + c * D, D)
                add(self.im, INTO_IM[which][c], self.speeds + c * D, D)
            self.newton.solve(which, h, self.re, self.im)
            for c in range(STAGES):
                add(self.change + c * D, BACK_RE[which][c], self.re, D)
                add(self.change + c * D, -BACK_IM[which][c], self.im, D)

    cdef double estimate(self, double h, const double* z, bint stiff, const double* units) noexcept:
        """The size of the difference to the embedded formula, eased where it is stiff."""
        cdef Py_ssize_t c, k
        for k in range(self.D):
            self.re[k] = GAMMA * h * self.start[k]
        for c in range(STAGES):
            add(self.re, ERROR[c], z + c * self.D, self.D)
        if stiff:
            fill(self.im, 0.0, self.D)
            self.newton.solve(0, h, self.re, self.im)
            for k in range(self.D):
                self.re[k] *= ROOTS_RE[0] / h
        return self.size(self.re, 1, units)

    cdef double size(self, const double* vectors, Py_ssize_t count, const double* units) noexcept:
        """The root mean square of vectors (count, D) in units (D,)."""
        cdef double total = 0.0, x
        cdef Py_ssize_t c, k
        for c in range(count):
            for k in range(self.D):
                x = vectors[c * self.D + k] / units[k]
                total += x * x
        return sqrt(total / (count * self.D))
