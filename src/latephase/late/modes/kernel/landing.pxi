# The landing of a step where a guard falls below 0.

cdef enum:
    MOST_AIMS = 8
cdef double RESOLVED = 40 * 0.6931471805599453  # beyond it steps of descent are not told apart
cdef double ALIGHTS = 1e-8  # of a step: this near to a guard it is met along the field


cdef class Landing:
    """Where a step from s and beta (r,) that passes a guard has to end.

    some: the guards that are below 0;  ahead (r,): where it ends, at s + distance;  hit: whether
    one is met there;  work: attempts at steps;  whole: whether events wait for whole times.
    """

    cdef Guards guards
    cdef Radau radau
    cdef Field field
    cdef Suspects some
    cdef bint whole, hit
    cdef double distance
    cdef Py_ssize_t r, work
    cdef double* ahead
    cdef double* speed
    cdef double* f
    cdef double* moved

    def __init__(self, Guards guards, Radau radau, bint whole):
        cdef Arena arena = radau.arena
        self.guards, self.radau, self.field, self.whole = guards, radau, radau.field, whole
        self.r, self.hit, self.work, self.distance = radau.r, False, 0, 0.0
        self.ahead, self.speed = arena.take(self.r), arena.take(self.r)
        self.moved, self.f = arena.take(self.r), arena.take(self.field.L)

    cdef void end_of(self, const double* beta, const double* moved) noexcept:
        """Set `ahead` to beta + moved (r,)."""
        memcpy(self.ahead, beta, self.r * sizeof(double))
        add(self.ahead, 1.0, moved, self.r)

    cdef double value(self, const double* beta, Step step, double share) noexcept:
        """The least of the guards at a share of a step."""
        self.radau.along(step.z, share, self.moved)
        self.end_of(beta, self.moved)
        return self.some.least(self.ahead)

    cdef double root(self, const double* beta, Step step, Py_ssize_t k) noexcept:
        """The share of a step at which the least of the guards falls below 0, which it is at stage
        k: by the collocation polynomial, with the method of false position, Illinois variant."""
        cdef double low = NODES[k - 1] if k > 0 else 0.0, high = NODES[k], share = high, value
        cdef double below = self.value(beta, step, high), above = self.value(beta, step, low)
        if above <= 0:  # at the stage before it was not: rounding
            return low
        for _ in range(30):
            share = (low * below - high * above) / (below - above)
            value = self.value(beta, step, share)
            if fabs(value) < 1e-9 * fabs(above) or high - low < 1e-9 * high:
                break
            if value < 0:
                above = above / 2 if below < 0 else above
                high, below = share, value
            else:
                low, above, below = share, value, below / 2
        return share

    cdef double aimed(self, double s, double h) noexcept:
        """From `ahead`, near an event, to it, by Newton: how far in s along the `speed` there; inf
        where the guards do not fall."""
        cdef double little = 1e-4 * h, first = INFINITY, fall
        cdef Suspects some = self.some
        cdef Py_ssize_t p
        self.field.speed(s, self.ahead, self.f, self.speed)
        some.least(self.ahead)
        memcpy(some.before, some.values, some.count * sizeof(double))
        memcpy(self.moved, self.ahead, self.r * sizeof(double))
        add(self.moved, little, self.speed, self.r)
        some.least(self.moved)
        for p in range(some.count):
            fall = (some.before[p] - some.values[p]) / little
            if fall > 0:
                first = smaller(first, some.before[p] / fall)
            elif some.before[p] < 0:
                first = 0.0
        return first

    cdef double noticed(self, double s) noexcept:
        """When gradient descent sees what happens at s: at its next whole time, 1 at least."""
        cdef double time = exp(self.field.log_time(s))
        return self.field.solver_time(log(larger(ceil(time), 1.0)))

    cdef void land(self, double s, const double* beta, Step step, Py_ssize_t k, double end,
                   double tolerance) noexcept:
        """To where the least of some guards falls below 0, which it is at stage k of a step from s.

        A whole time notices it only then, and not at all if the guard has risen again.
        """
        cdef double reach = step.h, asked, target, most = s + step.h * NODES[k]
        cdef bint waits
        target = s + step.h * self.root(beta, step, k)
        waits = self.whole and self.field.log_time(target) < RESOLVED
        if waits:
            target = smaller(self.noticed(target), end)
        self.work, self.hit = 0, False
        for _ in range(MOST_AIMS):
            asked = larger(target - s, SMALLEST)
            self.radau.advance(s, beta, asked, step, False, tolerance, step)
            self.work += step.work
            self.distance = 0.0
            self.end_of(beta, step.z + (STAGES - 1) * self.r)
            if step.h < asked:  # too far for one step: it is met again
                break
            if waits:
                self.hit = self.guards.below(self.ahead)
                return
            self.distance = self.aimed(s + step.h, reach)
            if fabs(self.distance) <= ALIGHTS * reach:
                add(self.ahead, self.distance, self.speed, self.r)
                self.hit = True
                return
            target = s + step.h + self.distance
            self.distance = 0.0
            if target <= s or not target <= most + ALIGHTS * reach:
                break
        self.hit = not waits and self.some.least(self.ahead) < 0
