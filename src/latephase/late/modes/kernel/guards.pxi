# What must stay positive while a mode lasts: pre-activations of watched pairs, multipliers of slides
# and one minus these, as `guards.py` has them in NumPy.

cdef enum:
    INACTIVE, ACTIVE, SLIDING  # as `late/pattern.py` has them
cdef double ROUNDING = 1e-14  # of a pre-activation's terms: one nearer to its kink has no sign
cdef double REPRESENTABLE = 600.0  # spread of ln l_i below which pulls are floats on one scale


cdef class Guards:
    """The guards of a mode of m neurons with k coordinates on n points, S slides.

    factor (r, r): upper triangular, None if none;  ways (r, m k): theta moves by w @ ways, w being
    beta, or where there is a factor the solution of factor @ w = beta;  theta (m, k) at entry;
    status (m, n): INACTIVE, ACTIVE or SLIDING;  slides (S, 2), needs, rooms (S, n), norms, reach
    (m, r): as a mode has them;  loose (m, n): how far below 0 guards may go, as shares;  sizes (m, n): of the
    terms of pre-activations, at least;  unsure: error of a multiplier per 1 + max |q|;  bends:
    whether there are kinks.

    sides (m, n): +1 and -1 of watched pairs, else 0;  slack (m, n), ends (S, 2): how far below 0 a
    guard may go;  room (m,): how far neurons are from their nearest guard;  scales (r,): how far coordinates may move for a change of 1 of a margin, or of
    any moving neuron's pre-activations by their own size, about: what tolerances are relative to.
    Output weights of 1e-8, inputs of 1e8 and neurons 1e-8 long have their own.
    """

    cdef Field field
    cdef Py_ssize_t m, k, n, S, r
    cdef double unsure
    cdef double* factor
    cdef double* factor_t
    cdef object given
    cdef const double* ways
    cdef double* theta
    cdef double* points_t
    cdef double* sides
    cdef double* slack
    cdef double* ends
    cdef double* needs
    cdef double* rooms
    cdef double* scales
    cdef double* norms
    cdef double* room
    cdef double* lengths
    cdef const long long[:, :] slides
    cdef double* w
    cdef double* at
    cdef double* pairs
    cdef double* inside
    cdef double* multipliers
    cdef double* q
    cdef double* log
    cdef Arena arena

    def __init__(self, Field field, factor, const double[:, :] ways,
                 const double[:, :] theta, const double[:, :] points,
                 const long long[:, :] status, const long long[:, :] slides,
                 const double[:, :] needs, const double[:, :] rooms,
                 const double[:, :] norms, const double[:, :] reach, const double[:, :] loose,
                 const double[:, :] sizes, double unsure, bint bends):
        cdef Py_ssize_t i, j, n = points.shape[0], r = field.r
        cdef Arena arena = Arena()
        self.field, self.arena, self.slides, self.unsure = field, arena, slides, unsure
        self.m, self.k, self.n, self.r = theta.shape[0], theta.shape[1], n, r
        self.S = needs.shape[0]
        self.factor = self.factor_t = NULL
        if factor is not None:
            self.factor, self.factor_t = arena.copy(factor), arena.take(r * r)
            for i in range(r):
                for j in range(r):
                    self.factor_t[i * r + j] = self.factor[j * r + i]
        self.given = ways
        self.ways = arena.taken(ways)
        self.theta = arena.copy(theta)
        self.needs, self.rooms = arena.copy(needs), arena.copy(rooms)
        self.points_t, self.log = arena.take(n * self.k), arena.take(n)
        for i in range(n):
            for j in range(self.k):
                self.points_t[j * n + i] = points[i, j]
        self.w, self.at, self.q = arena.take(r), arena.take(self.m * self.k), arena.take(n)
        self.pairs, self.inside = arena.take(self.m * n), arena.take(2 * self.S)
        self.sides, self.slack = arena.take(self.m * n), arena.take(self.m * n)
        self.ends, self.multipliers = arena.take(2 * self.S), arena.take(self.S)
        self.scales, self.norms = arena.take(r), arena.copy(norms)
        self.room, self.lengths = arena.take(self.m), arena.take(n)
        self.set_slack(status, norms, reach, loose, sizes, bends)
        self.open()

    cdef void set_slack(self, const long long[:, :] status, const double[:, :] norms,
                        const double[:, :] reach,
                        const double[:, :] loose, const double[:, :] sizes, bint bends):
        """Set sides, slack, ends and scales."""
        cdef Py_ssize_t i, j, l, p, n = self.n
        cdef double term, size, own, longest = 0.0
        cdef bint moves
        for l in range(self.r):
            self.scales[l] = largest(self.field.pull + l * self.field.L, self.field.L)
        for i in range(n):
            for l in range(self.k):
                self.lengths[i] = hypot(self.lengths[i], self.points_t[l * n + i])
            longest = larger(longest, self.lengths[i])
        for j in range(self.m):
            own, moves = 0.0, False
            for l in range(self.r):
                moves |= norms[j, l] != 0
            fill(self.q, 0.0, n)
            for l in range(self.k):
                term = fabs(self.theta[j * self.k + l])
                for i in range(n):
                    self.q[i] += term * fabs(self.points_t[l * n + i])
            for i in range(n):
                p, size = j * n + i, larger(self.q[i], sizes[j, i])
                own = larger(own, size)
                self.slack[p] = ROUNDING * self.q[i] + loose[j, i] * size
                if moves and bends and status[j, i] != SLIDING:
                    self.sides[p] = 1.0 if status[j, i] == ACTIVE else -1.0
            if own > 0:
                for l in range(self.r):
                    self.scales[l] = larger(self.scales[l], reach[j, l] * longest / own)
        for l in range(self.r):
            self.scales[l] = 1 / self.scales[l] if self.scales[l] > 0 else 1.0
        for p in range(self.S):
            self.ends[2 * p] = self.ends[2 * p + 1] = loose[self.slides[p, 0], self.slides[p, 1]]

    cdef void open(self) noexcept:
        """Have all guards measured from where they start, since rounding may leave a pair that has
        just passed its kink an ulp on the wrong side; and see how far neurons are from the nearest,
        less the rounding of that."""
        cdef Py_ssize_t i, j, p
        cdef double room
        cdef double* none = self.arena.take(self.field.r)
        self.below(none)
        for j in range(self.m):
            room = INFINITY
            for i in range(self.n):
                p = j * self.n + i
                self.slack[p] += larger(-self.pairs[p], 0.0)
                if self.sides[p] != 0:
                    room = smaller(room, larger(self.pairs[p], 0.0) / self.lengths[i])
            self.room[j] = (1 - 1e-9) * room
        for p in range(2 * self.S):
            self.ends[p] += larger(-self.inside[p], 0.0)

    cdef void carry(self, const double* beta) noexcept:
        """w (c,) at beta (r,)."""
        cdef Py_ssize_t i
        memcpy(self.w, beta, self.r * sizeof(double))
        if self.factor != NULL:
            for i in range(self.r - 1, -1, -1):
                self.w[i] /= self.factor[i * self.r + i]
                add(self.w, -self.w[i], self.factor_t + i * self.r, i)

    cdef void parameters(self, const double* beta, double* theta) noexcept:
        """theta (m, k) at beta (r,)."""
        cdef Py_ssize_t size = self.m * self.k
        self.carry(beta)
        memcpy(theta, self.theta, size * sizeof(double))
        combine(theta, self.w, self.ways, self.r, size, size)

    cdef bint below(self, const double* beta) noexcept:
        """Whether a guard is below 0 at beta (r,); all are left in `pairs` (m, n), 0 where nothing
        is watched or a neuron cannot have come so far, and `inside` (S, 2)."""
        cdef Py_ssize_t j, l
        cdef double moved
        cdef bint found = False
        self.carry(beta)
        for j in range(self.m):
            moved = 0.0
            for l in range(self.r):
                moved += self.norms[j * self.r + l] * fabs(self.w[l])
            if moved < self.room[j]:
                fill(self.pairs + j * self.n, 0.0, self.n)
            else:
                found |= self.neuron_below(j)
        self.multiply(beta)
        for j in range(2 * self.S):
            found |= self.inside[j] < 0
        return found

    cdef bint neuron_below(self, Py_ssize_t j) noexcept:
        """The same of the pairs of one neuron, at w."""
        cdef Py_ssize_t p, n = self.n, k = self.k
        cdef double* theta = self.at + j * k
        cdef bint found = False
        memcpy(theta, self.theta + j * k, k * sizeof(double))
        combine(theta, self.w, self.ways + j * k, self.r, k, self.m * k)
        fill(self.pairs + j * n, 0.0, n)
        combine(self.pairs + j * n, theta, self.points_t, k, n, n)
        for p in range(j * n, j * n + n):
            self.pairs[p] = self.sides[p] * (self.pairs[p] + self.sides[p] * self.slack[p])
            found |= self.pairs[p] < 0
        return found

    cdef void multiply(self, const double* beta) noexcept:
        """The multipliers of the slides (S,), each in [0, 1] while it slides, and their guards."""
        cdef double one, two, low = INFINITY, high = -INFINITY, off, apart
        cdef Py_ssize_t i, p, n = self.n
        if self.S == 0:
            return
        self.field.margins_at(beta, self.q)
        for i in range(n):
            self.log[i] = self.field.weight(self.q[i], &one, &two)
            low, high = smaller(low, self.log[i]), larger(high, self.log[i])
        off = self.unsure * (1 + largest(self.q, n))
        if high - low < REPRESENTABLE:
            for i in range(n):
                self.q[i] = exp(self.log[i] - high)
        for p in range(self.S):
            if high - low < REPRESENTABLE:
                one = dot(self.needs + p * n, self.q, n) / dot(self.rooms + p * n, self.q, n)
            else:
                one = self.far_apart(p)
            one = smaller(larger(one, -1.0), 2.0)
            self.multipliers[p] = one
            self.inside[2 * p] = one + off + self.ends[2 * p]
            self.inside[2 * p + 1] = 1 - one + off + self.ends[2 * p + 1]

    cdef double far_apart(self, Py_ssize_t p) noexcept:
        """A multiplier where pulls are not floats on one scale: each sum in units of its largest
        term, far below the pull of a point that is never fitted."""
        cdef double up = -1e300, down = -1e300, needed = 0.0, room = 0.0
        cdef double* needs = self.needs + p * self.n
        cdef double* rooms = self.rooms + p * self.n
        cdef Py_ssize_t i
        for i in range(self.n):
            up = larger(up, self.log[i] if needs[i] != 0 else -1e300)
            down = larger(down, self.log[i] if rooms[i] != 0 else -1e300)
        for i in range(self.n):
            needed += needs[i] * exp(self.log[i] - up) if needs[i] != 0 else 0.0
            room += rooms[i] * exp(self.log[i] - down) if rooms[i] != 0 else 0.0
        return needed * exp(smaller(larger(up - down, -1e4), 700.0)) / room

    cdef thetas(self, double[:, ::1] betas, Py_ssize_t count):
        """theta (count, m, k) at the first rows of beta (T, r)."""
        found = np.empty((count, self.m, self.k))
        cdef double[:, :, ::1] into = found
        cdef Py_ssize_t row
        for row in range(count):
            self.parameters(&betas[row, 0], &into[row, 0, 0])
        return found

    cdef forces(self):
        """How the points that pull move theta, (L, m k)."""
        cdef Py_ssize_t i, size = self.m * self.k
        cdef double[:, ::1] found = np.zeros((self.field.L, size))
        for i in range(self.field.L):
            self.carry(self.field.pull_t + i * self.field.r)
            combine(&found[i, 0], self.w, self.ways, self.r, size, size)
        return np.asarray(found)

    cdef margins_seen(self, const double* beta):
        """q_i (n,) at beta (r,)."""
        self.field.margins_at(beta, self.q)
        return array(self.q, 1, self.n)[0]

    cdef tuple below_zero(self):
        """The guards that are below 0 where they were last asked for: as in `Suspects`."""
        cdef Py_ssize_t p
        return (
            [p for p in range(self.m * self.n) if self.pairs[p] < 0],
            [p for p in range(2 * self.S) if self.inside[p] < 0],
        )

    cdef tuple triggered(self, list pairs, list ends):
        """Which pairs (m, n) these guards are of, and the statuses (m, n) to which slides among
        them go over, -1 elsewhere."""
        cdef Py_ssize_t place
        met, turned = np.zeros((self.m, self.n), bool), np.full((self.m, self.n), -1)
        for place in pairs:
            met[place // self.n, place % self.n] = True
        for place in ends:
            pair = self.slides[place // 2, 0], self.slides[place // 2, 1]
            met[pair] = True
            turned[pair] = ACTIVE if self.multipliers[place // 2] > 0.5 else INACTIVE
        return met, turned
