# What must stay positive while a mode lasts: pre-activations of watched pairs, and the guards of
# slides, as `guards.py` has them in NumPy.

cdef enum:
    INACTIVE, ACTIVE, SLIDING  # as `late/pattern.py` has them
cdef double TERMS = 1e-15  # of those of a parabola: its rounding
cdef double ROUNDING = 1e-14  # of a pre-activation's terms: one nearer to its kink has no sign


cdef class Guards:
    """The guards of a mode of m neurons with k coordinates on n points.

    theta (m, k), a (m, n): parameters and pre-activations at entry;  sides (m, n): +1 and -1 of
    watched pairs, else 0;  norms (m, r): how far neurons move per unit of w, at most;  loose
    (m, n): how far below 0 guards may go, as shares of the terms of pre-activations, at least
    `least` (m, n).

    slack (m, n): how far below 0 a guard may go, NEVER of pairs that are not watched, of the
    neurons that are `asked` (m,);  room (m,): how far neurons are from their nearest kinks at
    entry, at least, here and there (m,): where a step begins and ends, at w_here and w_there (r,);
    seen (m, n): guards of pairs as last asked for, either `pairs`, those at the end of a step, or
    `between`, on the way.
    """

    cdef Field field
    cdef Points points
    cdef Ways ways
    cdef Slides slides
    cdef Py_ssize_t m, k, n, r
    cdef const double[:, ::1] theta, a, sides, norms, loose, least
    cdef double* slack
    cdef double* room
    cdef double* here
    cdef double* there
    cdef double* w_here
    cdef double* w_there
    cdef double* off
    cdef double* rest
    cdef Py_ssize_t* asked
    cdef double* at
    cdef double* pairs
    cdef double* between
    cdef double* seen
    cdef double* turns

    def __init__(self, mode, Field field, Ways ways, Slides slides, const double[:, ::1] loose,
                 const double[:, ::1] least):
        cdef Py_ssize_t m = ways.m, n = ways.n, r = field.r
        cdef Arena arena = field.arena
        self.field, self.ways, self.points, self.slides = field, ways, ways.points, slides
        self.theta, self.a, self.sides, self.norms = (
            mode.theta, mode.preactivations, mode.sides, mode.norms)
        self.loose, self.least = loose, least
        self.m, self.k, self.n, self.r = m, ways.k, n, r
        self.pairs, self.between = arena.bare(m * n), arena.bare(m * n)
        self.slack, self.at = arena.bare(m * n), arena.bare(max(n, ways.k))
        self.room, self.here, self.there = arena.bare(m), arena.bare(m), arena.bare(m)
        self.w_here, self.w_there = arena.take(r), arena.take(r)
        self.off, self.rest = arena.bare(r), arena.bare(r)
        self.turns = arena.bare(ways.k + 4 * n)
        self.seen, self.asked = self.pairs, <Py_ssize_t*> arena.take(m)
        self.begin()

    cdef void begin(self) noexcept:
        """See how far neurons are from their nearest kinks at entry, less the rounding of that: 0
        where rounding has put one on the wrong side."""
        cdef Py_ssize_t i, j, n = self.n
        for j in range(self.m):
            for i in range(n):
                self.at[i] = 0.0 if self.sides[j, i] != 0 else NEVER
            memcpy(self.pairs, &self.a[j, 0], n * sizeof(double))
            self.room[j] = guarded(self.pairs, &self.sides[j, 0], self.at, self.points.inverse, n)
            self.room[j] = CAREFUL * smaller(larger(self.room[j], 0.0), NEVER)
        memcpy(self.here, self.room, self.m * sizeof(double))

    cdef void set_slack(self, Py_ssize_t j) noexcept:
        """Set how far below 0 the guards of a neuron may go: by their rounding, and measured from
        where they start, which may leave a pair that has just passed its kink on the wrong side."""
        cdef Py_ssize_t i, l, n = self.n, k = self.k
        cdef double* slack = self.slack + j * n
        cdef double* sizes = self.turns + k
        for l in range(k):
            self.turns[l] = fabs(self.theta[j, l])
        fill(sizes, 0.0, n)
        combine(sizes, self.turns, self.points.sizes, k, n, n)
        for i in range(n):
            slack[i] = ROUNDING * sizes[i] + larger(
                self.loose[j, i] * larger(sizes[i], self.least[j, i]),
                -self.sides[j, i] * self.a[j, i])
            slack[i] = slack[i] if self.sides[j, i] != 0 else NEVER
        self.asked[j] = 1

    cdef void parameters(self, const double* w, double* theta) noexcept:
        """theta (m, k) at w (r,)."""
        cdef Py_ssize_t j
        self.ways.at(w)
        memcpy(theta, &self.theta[0, 0], self.m * self.k * sizeof(double))
        for j in range(self.m):
            self.ways.move(j, theta + j * self.k)

    cdef bint below(self, const double* y) noexcept:
        """Whether a guard is below 0 at the end y of a step; all are left in `seen` (m, n), NEVER
        where a neuron cannot have come so far, and with the slides."""
        cdef bint found = self.ends_at(y)
        return self.slides.multiply(y) or found

    cdef bint ends_at(self, const double* y) noexcept:
        """The same of pairs alone."""
        cdef Py_ssize_t j, l
        cdef const double* w = y + self.field.w
        cdef double moved
        cdef bint found = False
        self.ways.at(w)
        self.seen = self.pairs
        for l in range(self.r):
            self.w_there[l], self.off[l] = w[l], fabs(w[l])
        for j in range(self.m):
            moved = dot(&self.norms[j, 0], self.off, self.r)
            if not moved < self.room[j]:
                moved = self.moved(j)
            if moved < self.room[j]:
                self.there[j] = CAREFUL * (self.room[j] - moved)
                fill(self.pairs + j * self.n, NEVER, self.n)
            else:
                self.there[j] = self.least_of(j)
                found |= self.there[j] < 0
        return found

    cdef bint passed(self, const double* y, double share) noexcept:
        """As `below`, at about a share of the step whose end `ends_at` has been told.

        On the chord of the step a neuron is as far from each of its kinks as the mean of where it
        begins and ends, and off the chord w is by so much at most: few need to be asked.
        """
        cdef Py_ssize_t j, l
        cdef const double* w = y + self.field.w
        cdef bint found = False
        cdef double here = 1 - share
        self.ways.at(w)
        for l in range(self.r):
            self.off[l] = fabs(w[l] - here * self.w_here[l] - share * self.w_there[l])
        self.seen = self.between
        fill(self.seen, NEVER, self.m * self.n)
        for j in range(self.m):
            if not dot(&self.norms[j, 0], self.off, self.r) < CAREFUL * (
                    here * self.here[j] + share * self.there[j]):
                self.moved(j)
                found |= self.least_of(j) < 0
        return self.slides.multiply(y) or found

    cdef list doubtful(self, const double* y, Step step, double most):
        """The pairs, places in (m, n), that may be below 0 somewhere on a step from y, whose end
        `ends_at` has been told, before a share of it.

        As in `passed`, the chord of the step and how far it bends off that leave few to be asked,
        first neurons, then their pairs, these by the parabola through both ends.
        """
        cdef Py_ssize_t j, l, p, w = self.field.w
        cdef double bends
        cdef list found = []
        fill(self.off, 0.0, self.r)
        fill(self.rest, 0.0, self.r)
        for p in range(1, step.degree):
            bends = smaller((p + 1.0) ** (-1.0 / p) * p / (p + 1), most)  # |x^(p + 1) - x| at most
            for l in range(self.r):
                self.off[l] += bends * fabs(step.rows[p * step.size + w + l])
                if p > 1:
                    self.rest[l] += bends * fabs(step.rows[p * step.size + w + l])
        for j in range(self.m):
            if not dot(&self.norms[j, 0], self.off, self.r) < CAREFUL * lowest_of(
                    self.here[j], self.there[j], 0.0, most):
                self.doubt(j, y + w, step, most, found)
        return found

    cdef void doubt(self, Py_ssize_t j, const double* w, Step step, double most, list found):
        """Add those of a neuron, on a step from w."""
        cdef Py_ssize_t i, n = self.n, k = self.k
        cdef double* begins = self.turns + k
        cdef double* bends = begins + n
        cdef double* ends = bends + n
        cdef double* low = ends + n
        cdef const double* sides = &self.sides[j, 0]
        cdef const double* slack = self.slack + j * n
        cdef const double* inverse = self.points.inverse
        cdef const double* pairs = self.pairs + j * n
        cdef double rest = dot(&self.norms[j, 0], self.rest, self.r)
        if not self.asked[j]:
            self.set_slack(j)
        if largest(w, self.r) == 0:  # at entry
            memcpy(begins, &self.a[j, 0], n * sizeof(double))
        else:
            memcpy(self.turns, &self.theta[j, 0], k * sizeof(double))
            fill(begins, 0.0, n)
            self.ways.at(w)
            self.ways.move(j, self.turns)
            combine(begins, self.turns, self.points.columns, k, n, n)
        fill(bends, 0.0, n)
        if step.degree > 1:
            fill(self.turns, 0.0, k)
            self.ways.at(step.rows + step.size + self.field.w)
            self.ways.move(j, self.turns)
            combine(bends, self.turns, self.points.columns, k, n, n)
        for i in range(n):
            begins[i] = (sides[i] * begins[i] + slack[i]) * inverse[i]
            bends[i] = sides[i] * bends[i] * inverse[i]
            # NEVER where it is only known that it is beyond `there`.
            ends[i] = self.there[j] if pairs[i] == NEVER else pairs[i] * inverse[i]
            # A parabola is lower than where it begins and ends by no more than its bend allows.
            low[i] = smaller(begins[i], begins[i] + most * (
                ends[i] - begins[i] - (1 - most) * bends[i])) - (
                larger(bends[i], 0.0) * (most * most / 4)
                + TERMS * (fabs(begins[i]) + fabs(ends[i]) + fabs(bends[i])))
        for i in range(n):
            if sides[i] != 0 and not rest < CAREFUL * low[i] and not rest < CAREFUL * lowest_of(
                    begins[i], ends[i], bends[i], most):
                found.append(j * n + i)

    cdef void arrive(self) noexcept:
        """Have the next step begin where `ends_at` was last told."""
        self.here, self.there = self.there, self.here
        self.w_here, self.w_there = self.w_there, self.w_here

    cdef double moved(self, Py_ssize_t j) noexcept:
        """How far a neuron has moved to where the ways are; its way is left in `at`."""
        fill(self.at, 0.0, self.k)
        self.ways.move(j, self.at)
        return sqrt(dot(self.at, self.at, self.k))

    cdef double least_of(self, Py_ssize_t j) noexcept:
        """How far a neuron that has `moved` is from the nearest of its kinks where the ways are,
        below 0 beyond one; its guards are left in `seen`."""
        cdef Py_ssize_t n = self.n, k = self.k
        cdef double* pairs = self.seen + j * n
        if not self.asked[j]:
            self.set_slack(j)
        add(self.at, 1.0, &self.theta[j, 0], k)
        fill(pairs, 0.0, n)
        combine(pairs, self.at, self.points.columns, k, n, n)
        return guarded(pairs, &self.sides[j, 0], self.slack + j * n, self.points.inverse, n)

    cdef list below_zero(self):
        """The pairs, places in (m, n), whose guards are below 0 where they were last asked for."""
        cdef Py_ssize_t p
        return [p for p in range(self.m * self.n) if self.seen[p] < 0]

    cdef tuple triggered(self, list pairs, list ends):
        """Which pairs (m, n) these guards of pairs and of slides are of, and the statuses (m, n) to
        which slides among them go over, -1 elsewhere."""
        cdef Slides slides = self.slides
        cdef Py_ssize_t place
        met, turned = np.zeros((self.m, self.n), bool), np.full((self.m, self.n), -1, np.int8)
        for place in pairs:
            met[place // self.n, place % self.n] = True
        for place in ends:
            pair = slides.neurons[place // 2], slides.kinks[place // 2]
            met[pair] = True
            turned[pair] = ACTIVE if slides.multipliers[place // 2] > 0.5 else INACTIVE
        return met, turned


cdef inline double lowest_of(double here, double there, double bend, double most) noexcept:
    """The least value that the parabola here + (there - here) x + bend (x^2 - x) has for x from 0
    to `most`, less its rounding."""
    cdef double slope = there - here - bend, turn = -slope / (2 * bend) if bend > 0 else most
    cdef double least = smaller(here, here + most * (slope + most * bend))
    if 0 < turn < most:
        least = here + slope * turn / 2
    return least - TERMS * (fabs(here) + fabs(there) + fabs(bend))
