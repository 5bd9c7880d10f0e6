# What must stay positive while a mode lasts, as `late/layered/guards.py` has it in NumPy.

cdef double NOISE = 32 * 2.0 ** -52  # of a margin, what rounding leaves in the pull of its point
cdef double STAGE_NOISE = 8.0  # times that, of the stages of a step
cdef double UNSURE = 10.0  # tolerances by which a solver may be off


cdef class Guards:
    """P guards of pairs, then multipliers, 1 - multipliers and holds of S slides;  values
    (P + 3 S,), shares (S,): guards and multipliers where they were asked for last.

    Of pairs (moving neuron, point):  sides (P,) * (start (P,) + reach (M, n, r) by what c_j has
    moved).  Of slides:  needs, rooms (S, n): map pulls to multiplier * room, and to the room;
    outer (S,): places of their v_j among moving neurons, -1 where it stands still, at `still` (S,);
    labels (S,): -y_i / size of the neuron.  slack (P + 3 S,): how far below 0 each may go.
    """

    cdef Field field
    cdef Py_ssize_t P, S, n, count
    cdef double tolerance
    cdef const long long[:] live
    cdef const long long[:, :] pairs
    cdef const long long[:] outer
    cdef double *sides
    cdef double *start
    cdef double *origin
    cdef double *reach
    cdef double *needs
    cdef double *rooms
    cdef double *still
    cdef double *labels
    cdef double *slack
    cdef double *log
    cdef double *values
    cdef double *shares

    def __init__(self, Field field, const double[:, :] origin, const long long[:] live,
                 const long long[:, :] pairs, const double[:, :] sided, const double[:, :] reach,
                 const long long[:] outer, const double[:, :] held, const double[:, :] needs,
                 const double[:, :] rooms, const double[:, :] slack, double tolerance):
        """sided (2, P): sides and start;  held (2, S): `still` and labels;  origin (1, D): y at
        entry."""
        cdef Arena arena = field.arena
        cdef Py_ssize_t p
        self.field, self.live, self.pairs, self.outer = field, live, pairs, outer
        self.P, self.S, self.n = pairs.shape[0], len(outer), needs.shape[1]
        self.count, self.tolerance = self.P + 3 * self.S, tolerance
        self.sides = arena.copy(sided)
        self.start = self.sides + self.P
        self.still = arena.copy(held)
        self.labels = self.still + self.S
        self.origin, self.reach = arena.copy(origin), arena.copy(reach)
        self.needs, self.rooms = arena.copy(needs), arena.copy(rooms)
        self.slack, self.log = arena.copy(slack), arena.take(self.n)
        self.values, self.shares = arena.take(self.count), arena.take(self.S)
        self.look(self.origin)
        for p in range(self.count):
            if self.values[p] < 0:
                self.slack[p] -= self.values[p]

    cdef double look(self, const double* y) noexcept:
        """The guards at y (D,), and the least of them."""
        cdef Py_ssize_t p, k, j, r = self.field.r
        cdef double a, least = INFINITY
        cdef double *way
        for p in range(self.P):
            j = self.pairs[p, 0]
            way = self.reach + (j * self.n + self.pairs[p, 1]) * r
            a = self.start[p]
            for k in range(r):
                a += way[k] * (y[j * r + k] - self.origin[j * r + k])
            self.values[p] = self.sides[p] * a + self.slack[p]
        if self.S:
            self.slides(y)
        for p in range(self.count):
            least = smaller(least, self.values[p])
        return least

    cdef double least_of(self, const double* y, const char* some) noexcept:
        """The least of some guards at y (D,)."""
        cdef Py_ssize_t p
        cdef double least = INFINITY
        self.look(y)
        for p in range(self.count):
            if some[p]:
                least = smaller(least, self.values[p])
        return least

    cdef void slides(self, const double* y) noexcept:
        """The guards of slides, and their multipliers."""
        cdef Py_ssize_t i, t
        cdef double size = 0.0, one, unsure, room, need, top, top_room, v
        cdef Field field = self.field
        field.look(0.0, y)
        for i in range(self.n):
            self.log[i] = field.log_step + field.weight(0.0, &one, &one)
        for i in range(field.L):
            self.log[self.live[i]] = field.log_step + field.weight(field.q[i], &one, &one)
            size = larger(size, fabs(field.q[i]))
        size += 1
        unsure = UNSURE * larger(self.tolerance, STAGE_NOISE * NOISE * size) * size
        for t in range(self.S):
            room = self.scaled(self.rooms + t * self.n, &top_room)
            need = self.scaled(self.needs + t * self.n, &top)
            top = exp(smaller(larger(top - top_room, -1e4), 700.0))
            need = smaller(larger(need * top / room, -1.0), 2.0)
            v = y[field.M * field.r + self.outer[t]] if self.outer[t] >= 0 else self.still[t]
            self.shares[t] = need
            self.values[self.P + t] = need + unsure + self.slack[self.P + t]
            self.values[self.P + self.S + t] = 1 - need + unsure + self.slack[self.P + self.S + t]
            v *= self.labels[t] * ((room > 0) - (room < 0))
            self.values[self.P + 2 * self.S + t] = v + self.slack[self.P + 2 * self.S + t]

    cdef double scaled(self, const double* row, double* top) noexcept:
        """row (n,) @ pulls in units of its largest term, and ln of this."""
        cdef Py_ssize_t i
        cdef double total = 0.0
        top[0] = -1e300
        for i in range(self.n):
            if row[i] != 0:
                top[0] = larger(top[0], self.log[i])
        for i in range(self.n):
            if row[i] != 0:
                total += row[i] * exp(self.log[i] - top[0])
        return total
