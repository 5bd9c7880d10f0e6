# The landing of a step where a guard falls below 0, by the few guards that may be somewhere on it,
# at a fraction of the work of all of them.

cdef enum:
    MOST_AIMS = 8
    LOOKS = 8  # parts of a step in each of which a guard is least once at most
cdef double RESOLVED = 40 * 0.6931471805599453  # beyond it steps of descent are not told apart
cdef double ALIGHTS = 1e-8  # of a step: this near to a guard it is met along the field


cdef class Suspects:
    """Some guards: pairs (p,), places in (m, n), as functions rows (p, r + 1) of (w, 1), and ends
    (e,) of slides, places in (S, 2);  values (p + e,), `before` elsewhere;  moves (p, degree): of
    pairs, by the powers of the share of a step, that of `begin`."""

    cdef Field field
    cdef Slides slides
    cdef list pairs, ends
    cdef Py_ssize_t count, watched, degree
    cdef double* rows
    cdef double* values
    cdef double* before
    cdef double* moves
    cdef Arena arena

    def __init__(self, Guards guards, list pairs):
        cdef Py_ssize_t p, l, i, j, place, r = guards.r, most = len(pairs) + 2 * guards.slides.S
        cdef double* row
        self.field, self.slides, self.pairs, self.ends = guards.field, guards.slides, pairs, []
        self.arena, self.watched, self.count = Arena(), len(pairs), len(pairs)
        self.moves = self.arena.bare(MOST_TERMS * self.watched)
        self.rows = self.arena.take(self.watched * (r + 1))
        self.values, self.before = self.arena.bare(most), self.arena.bare(most)
        for p, place in enumerate(pairs):
            i, j, row = place % guards.n, place // guards.n, self.rows + p * (r + 1)
            guards.ways.seen(j, i, guards.sides[j, i], row)
            for l in range(guards.k):
                row[r] += guards.points.columns[l * guards.n + i] * guards.theta[j, l]
            row[r] = guards.sides[j, i] * row[r] + guards.slack[place]

    cdef void add_ends(self, list ends):
        """Have ends of slides among them."""
        self.ends, self.count = ends, self.watched + len(ends)

    cdef double least(self, const double* y) noexcept:
        """The least of these guards at a state y; all are left in `values`."""
        cdef Py_ssize_t p, r = self.field.r
        cdef const double* row
        for p in range(self.watched):
            row = self.rows + p * (r + 1)
            self.values[p] = dot(row, y + self.field.w, r) + row[r]
        return self.with_ends(y)

    cdef double with_ends(self, const double* y) noexcept:
        """The least of those of pairs, in `values`, and of ends at a state y."""
        cdef Py_ssize_t p, place
        cdef double found = INFINITY
        if self.count > self.watched:
            self.slides.weigh(y)
        for p in range(self.watched, self.count):
            place = self.ends[p - self.watched]
            self.slides.multiplier(place // 2)
            self.values[p] = self.slides.inside[place]
        for p in range(self.count):
            found = smaller(found, self.values[p])
        return found

    cdef void begin(self, const double* y, Step step) noexcept:
        """Set what pairs are at a state y and move by on a step from it."""
        cdef Py_ssize_t p, d, r = self.field.r
        cdef const double* row
        self.degree = step.degree
        for p in range(self.watched):
            row = self.rows + p * (r + 1)
            self.before[p] = dot(row, y + self.field.w, r) + row[r]
            for d in range(step.degree):
                self.moves[p * MOST_TERMS + d] = dot(
                    row, step.rows + d * step.size + self.field.w, r)

    cdef double pair_at(self, Py_ssize_t p, double share) noexcept:
        """One of pairs at a share of this step."""
        cdef const double* moves = self.moves + p * MOST_TERMS
        cdef double found = 0.0
        cdef Py_ssize_t d
        for d in range(self.degree - 1, -1, -1):
            found = (found + moves[d]) * share
        return self.before[p] + found

    cdef bint below(self, double share) noexcept:
        """Whether one of pairs is below 0 there."""
        cdef Py_ssize_t p
        for p in range(self.watched):
            if self.pair_at(p, share) < 0:
                return True
        return False

    cdef double first_node(self) noexcept:
        """The first node of this step at which one of pairs is below 0, else its end."""
        cdef Py_ssize_t k
        for k in range(STAGES):
            if self.below(NODES[k]):
                return NODES[k]
        return 1.0

    cdef double dips(self, double most) noexcept:
        """The first share of this step, up to `most`, at which one of pairs is least and below 0;
        INFINITY if there is none."""
        cdef Py_ssize_t p
        cdef double found = INFINITY
        for p in range(self.watched):
            found = smaller(
                found, lowest(self.before[p], self.moves + p * MOST_TERMS, self.degree, most))
        return found

    cdef double on_step(self, const double* y, Step step, double share, double* at) noexcept:
        """As `least` at a share of this step, and the state (size,) there, its margins at least."""
        cdef Py_ssize_t p
        for p in range(self.watched):
            self.values[p] = self.pair_at(p, share)
        if self.count > self.watched:
            step.at(y, share, at)
        return self.with_ends(at)

    cdef tuple nearest(self, const double* y):
        """Those that are least at a state y: pairs and ends."""
        cdef double least = self.least(y)
        cdef Py_ssize_t p
        found = [p for p in range(self.count) if self.values[p] <= least]
        return (
            [self.pairs[p] for p in found if p < self.watched],
            [self.ends[p - self.watched] for p in found if p >= self.watched],
        )


cdef double lowest(double start, const double* moves, Py_ssize_t degree, double most) noexcept:
    """The first x in (0, most) where start + sum_p moves[p] x^(p + 1) is least, between where it
    falls and rises, and below 0; INFINITY if there is none."""
    cdef double least = 0.0, steepest = moves[0], low, high, x, before, after
    cdef Py_ssize_t p, look
    for p in range(degree):
        least += smaller(moves[p], 0.0)
        steepest += larger((p + 1) * moves[p], 0.0) if p else 0.0
    if start + least >= 0 or least - smaller(moves[0], 0.0) + moves[0] >= 0 or steepest <= 0:
        return INFINITY
    before = moves[0]
    for look in range(1, LOOKS + 1):
        low, high = most * (look - 1) / LOOKS, most * look / LOOKS
        after = rise(moves, degree, high)
        if before < 0 <= after:
            for _ in range(50):
                x = (low + high) / 2
                if rise(moves, degree, x) < 0:
                    low = x
                else:
                    high = x
            least = 0.0
            for p in range(degree - 1, -1, -1):
                least = (least + moves[p]) * high
            if start + least < 0:
                return high
        before = after
    return INFINITY


cdef inline double rise(const double* moves, Py_ssize_t degree, double x) noexcept:
    """The derivative of that at x."""
    cdef double found = 0.0
    cdef Py_ssize_t p
    for p in range(degree - 1, -1, -1):
        found = found * x + (p + 1) * moves[p]
    return found


cdef class Landing:
    """Where a step from s and a state y that passes a guard has to end.

    some: the guards that may be below 0;  ahead (size,): where it ends, at s + distance;  hit: whether
    one is met there;  work: attempts at steps;  whole: whether events wait for whole times.
    """

    cdef Guards guards
    cdef Stepper stepper
    cdef Field field
    cdef Suspects some
    cdef bint whole, hit
    cdef double distance
    cdef Py_ssize_t size, work
    cdef double* ahead
    cdef double* speed
    cdef double* moved

    def __init__(self, Guards guards, Stepper stepper, bint whole):
        cdef Arena arena = guards.field.arena
        self.guards, self.stepper, self.field, self.whole = guards, stepper, guards.field, whole
        self.size, self.hit, self.work, self.distance = self.field.size, False, 0, 0.0
        self.ahead, self.speed, self.moved = (
            arena.bare(self.size), arena.bare(self.size), arena.bare(self.size))

    cdef double root(self, const double* y, Step step, double low, double high) noexcept:
        """The share of a step at which the least of the guards falls below 0, between a share where
        it is not and one where it is: by the polynomial, with the method of false position,
        Illinois variant."""
        cdef double share = high, value, below, above
        below = self.some.on_step(y, step, high, self.ahead)
        above = self.some.on_step(y, step, low, self.ahead)
        if above <= 0:  # at the node before it was not: rounding
            return low
        for _ in range(30):
            share = (low * below - high * above) / (below - above)
            value = self.some.on_step(y, step, share, self.ahead)
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
        self.stepper.speed(s, self.ahead, self.speed)
        some.least(self.ahead)
        memcpy(some.before, some.values, some.count * sizeof(double))
        memcpy(self.moved, self.ahead, self.size * sizeof(double))
        add(self.moved, little, self.speed, self.size)
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

    cdef void land(self, double s, const double* y, Step step, double low, double high,
                   double end, double tolerance):
        """To where the least of some guards falls below 0, between two shares of a step from s.

        A whole time notices it only then, and not at all if the guard has risen again.
        """
        cdef double reach = step.h, asked, target, most = s + step.h * high
        cdef bint waits
        target = s + step.h * self.root(y, step, low, high)
        waits = self.whole and self.field.log_time(target) < RESOLVED
        if waits:
            target = smaller(self.noticed(target), end)
        self.work, self.hit = 0, False
        for _ in range(MOST_AIMS):
            asked = larger(target - s, SMALLEST)
            self.stepper.advance(s, y, asked, step, False, tolerance, step)
            self.work += step.work
            self.distance = 0.0
            step.at(y, 1.0, self.ahead)
            if step.h < asked:  # too far for one step: it is met again
                break
            if waits:
                self.hit = self.guards.below(self.ahead)
                return
            self.distance = self.aimed(s + step.h, reach)
            if fabs(self.distance) <= ALIGHTS * reach:
                add(self.ahead, self.distance, self.speed, self.size)
                self.hit = True
                return
            target = s + step.h + self.distance
            self.distance = 0.0
            if target <= s or not target <= most + ALIGHTS * reach:
                break
        self.hit = not waits and self.some.least(self.ahead) < 0
