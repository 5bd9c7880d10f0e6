# The multipliers of the slides of a mode, and what must stay positive of them: each, and one minus
# each.

cdef double NEVER = 1e300  # a guard that never falls below 0
cdef double CAREFUL = 1 - 1e-9  # of a distance, less its rounding
cdef double REPRESENTABLE = 600.0  # spread of ln l_i below which pulls are floats on one scale


cdef class Slides:
    """S slides of neurons on the kinks of points.

    needs, rooms (S, n): map pulls to multiplier times room, and to the room;  unsure: error of a
    multiplier per 1 + max |q|;  alone: whether only the point of a slide has a room;  ends (S, 2):
    how far below 0 guards may go;  safe (S,): how far all margins may move from entry before a
    multiplier comes to an end, at least;  inside (S, 2): the guards, NEVER of those that are safe,
    multipliers (S,), as last asked for.
    """

    cdef Field field
    cdef Py_ssize_t n, S
    cdef double unsure, off
    cdef bint alone, wide
    cdef const double** needs
    cdef const double** rooms
    cdef long long* neurons
    cdef long long* kinks
    cdef double* ends
    cdef double* safe
    cdef double* inside
    cdef double* multipliers
    cdef double* q
    cdef double* log
    cdef list held

    def __init__(self, Field field, list places, list held, const double[:, ::1] loose,
                 double unsure):
        """loose (m, n): how far guards of pairs may go below 0, as shares of 1."""
        cdef Py_ssize_t p, s, S = 0
        cdef Arena arena = field.arena
        cdef Held one
        self.field, self.n, self.unsure, self.held, self.alone = field, field.n, unsure, held, True
        for one in held:
            S += one.slides.shape[0]
        self.needs, self.rooms = <const double**> arena.bare(S), <const double**> arena.bare(S)
        self.neurons, self.kinks = <long long*> arena.bare(S), <long long*> arena.bare(S)
        self.ends, self.inside = arena.bare(2 * S), arena.bare(2 * S)
        self.multipliers, self.safe = arena.bare(S), arena.take(S)
        self.q, self.log = arena.bare(self.n), arena.bare(self.n)
        self.S = 0
        for p in range(len(held)):
            one = held[p]
            self.alone &= one.alone
            for s in range(one.slides.shape[0]):
                S = self.S
                self.needs[S], self.rooms[S] = &one.needs[s, 0], &one.rooms[s, 0]
                self.neurons[S], self.kinks[S] = places[p], one.slides[s]
                self.ends[2 * S] = self.ends[2 * S + 1] = loose[self.neurons[S], self.kinks[S]]
                self.S += 1
        self.multiply(field.entry)
        for p in range(2 * self.S):  # measured from where they start
            self.ends[p] += larger(-self.inside[p], 0.0)
        if self.alone and not self.wide:
            for p in range(self.S):
                self.safe[p] = self.distance(p)

    cdef double distance(self, Py_ssize_t p) noexcept:
        """How far margins may move from entry, where multipliers have just been asked for.

        Each pull changes by a factor between 1/z and z, z = exp(distance). So a multiplier, the sum
        of needs over one room, changes by z (z - 1) times the sum of their sizes over it at most.
        """
        cdef Py_ssize_t i
        cdef const double* needs = self.needs[p]
        cdef double sizes, one = self.multipliers[p]
        for i in range(self.n):
            self.log[i] = fabs(needs[i])
        sizes = dot(self.log, self.q, self.n)
        sizes = sizes / (self.rooms[p][self.kinks[p]] * self.q[self.kinks[p]]) + fabs(one)
        one = CAREFUL * smaller(one, 1 - one) / sizes
        return log((1 + sqrt(1 + 4 * one)) / 2) if one > 0 else 0.0

    cdef bint multiply(self, const double* y) noexcept:
        """The multipliers at a state y, each in [0, 1] while it slides; whether a guard is below
        0."""
        cdef Py_ssize_t p, q = self.field.q
        cdef double moved = 0.0
        cdef bint below = False, asked = False
        for p in range(q, q + self.field.L):
            moved = larger(moved, fabs(y[p] - self.field.entry[p]))
        for p in range(self.S):
            if moved < self.safe[p]:
                self.inside[2 * p] = self.inside[2 * p + 1] = NEVER
                continue
            if not asked:
                self.weigh(y)
                asked = True
            self.multiplier(p)
            below |= self.inside[2 * p] < 0 or self.inside[2 * p + 1] < 0
        return below

    cdef void weigh(self, const double* y) noexcept:
        """Have multipliers asked for at a state."""
        cdef double one, low = INFINITY, high = -INFINITY
        cdef Py_ssize_t i
        self.field.all_margins(y, self.q)
        self.off = self.unsure * (1 + largest(self.q, self.n))
        for i in range(self.n):
            self.log[i] = self.field.log_weight(self.q[i], &one)
            low, high = smaller(low, self.log[i]), larger(high, self.log[i])
        self.wide = not high - low < REPRESENTABLE
        if not self.wide:
            for i in range(self.n):
                self.q[i] = exp(self.log[i] - high)

    cdef void multiplier(self, Py_ssize_t p) noexcept:
        """One of them, and its guards."""
        cdef Py_ssize_t i = self.kinks[p], n = self.n
        cdef double one
        if self.wide:
            one = self.far_apart(p)
        else:
            one = self.rooms[p][i] * self.q[i] if self.alone else dot(self.rooms[p], self.q, n)
            one = dot(self.needs[p], self.q, n) / one
        one = smaller(larger(one, -1.0), 2.0)
        self.multipliers[p] = one
        self.inside[2 * p] = one + self.off + self.ends[2 * p]
        self.inside[2 * p + 1] = 1 - one + self.off + self.ends[2 * p + 1]

    cdef double far_apart(self, Py_ssize_t p) noexcept:
        """A multiplier where pulls are not floats on one scale: each sum in units of its largest
        term, far below the pull of a point that is never fitted."""
        cdef double up = -1e300, down = -1e300, needed = 0.0, room = 0.0
        cdef const double* needs = self.needs[p]
        cdef const double* rooms = self.rooms[p]
        cdef Py_ssize_t i
        for i in range(self.n):
            up = larger(up, self.log[i] if needs[i] != 0 else -1e300)
            down = larger(down, self.log[i] if rooms[i] != 0 else -1e300)
        for i in range(self.n):
            needed += needs[i] * exp(self.log[i] - up) if needs[i] != 0 else 0.0
            room += rooms[i] * exp(self.log[i] - down) if rooms[i] != 0 else 0.0
        return needed * exp(smaller(larger(up - down, -1e4), 700.0)) / room

    cdef list below_zero(self):
        """The guards (S, 2) that are below 0 where they were last asked for."""
        cdef Py_ssize_t p
        return [p for p in range(2 * self.S) if self.inside[p] < 0]
