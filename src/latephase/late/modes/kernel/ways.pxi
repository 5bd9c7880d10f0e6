# How neurons move in a mode: by the gradients of the margins, or by other ways.

cdef class Points:
    """Points (n, k), the same in columns (k, n), the sizes of these, and the largest of each, tops
    (k,);  lengths (n,), 1 / length, 0 of those at the origin, and the longest;  products (n, n),
    the inner ones."""

    cdef Py_ssize_t n, k
    cdef double* rows
    cdef double* columns
    cdef double* sizes
    cdef double* tops
    cdef double* lengths
    cdef double* inverse
    cdef double* products
    cdef double longest
    cdef Arena arena

    def __init__(self, const double[:, :] points):
        cdef Py_ssize_t i, l
        self.n, self.k, self.arena = points.shape[0], points.shape[1], Arena()
        self.rows = self.arena.copy(points)
        self.columns, self.sizes = self.arena.copy(points.T), self.arena.copy(points.T)
        self.lengths, self.inverse = self.arena.take(self.n), self.arena.take(self.n)
        self.products = self.arena.take(self.n * self.n)
        self.longest = 0.0
        self.tops = self.arena.take(self.k)
        for i in range(self.n * self.k):
            self.sizes[i] = fabs(self.sizes[i])
        for l in range(self.k):
            self.tops[l] = largest(self.columns + l * self.n, self.n)
        for i in range(self.n):
            combine(self.products + i * self.n, self.rows + i * self.k, self.columns, self.k,
                    self.n, self.n)
            for l in range(self.k):
                self.lengths[i] = hypot(self.lengths[i], self.rows[i * self.k + l])
            self.longest = larger(self.longest, self.lengths[i])
            self.inverse[i] = 1 / self.lengths[i] if self.lengths[i] > 0 else 0.0


cdef class Held:
    """What a neuron that slides has of its own, as `gradients.Neuron` says: `off` transposed, (c, k),
    its gradients (n, k), these in columns (k, n), the points (s,) of its slides, needs and rooms
    (s, n);  alone: whether no kink is shared, so that only the point itself has a room."""

    cdef const double[:, ::1] off_t
    cdef const double[:, ::1] gradients, columns
    cdef const long long[::1] slides
    cdef const double[:, ::1] needs
    cdef const double[:, ::1] rooms
    cdef bint alone

    def __init__(self, off, gradients, slides, needs, rooms):
        self.off_t = np.ascontiguousarray(off.T)
        self.gradients = np.ascontiguousarray(gradients.T)
        self.columns = np.ascontiguousarray(gradients)
        self.slides = np.ascontiguousarray(slides)
        self.needs, self.rooms = np.ascontiguousarray(needs), np.ascontiguousarray(rooms)
        self.alone = np.count_nonzero(rooms) <= len(rooms)  # each has one at least


def put_on_kinks(double[:, ::1] theta, list places, list held):
    """Put neurons that slide, of theta (m, k), on their kinks, along the way that these kick them."""
    cdef Py_ssize_t p, c, k = theta.shape[1]
    cdef Arena arena = Arena()
    cdef double* along = arena.take(k)
    cdef double* row
    cdef Held one
    for p in range(len(held)):
        one, row = held[p], &theta[<Py_ssize_t> places[p], 0]
        for c in range(one.off_t.shape[0]):
            along[c] = dot(&one.off_t[c, 0], row, k)
        fill(row, 0.0, k)
        if one.off_t.shape[0]:
            combine(row, along, &one.off_t[0, 0], one.off_t.shape[0], k, k)


cdef class Ways:
    """What m neurons of k coordinates move by, while w (r,) grows.

    given (r, m k): ways, or None where they are the gradients of the live points: held, columns
    (m,): those of neurons that slide, others serve points with their gains (m, n), `serving`.
    """

    cdef Py_ssize_t m, k, n, r
    cdef Field field
    cdef Points points
    cdef bint dense
    cdef const double[:, ::1] given
    cdef const double[:, ::1] serving
    cdef const double** held
    cdef const double** columns
    cdef double* full
    cdef double* served

    def __init__(self, mode, Field field, Points points, list places, list held):
        cdef Py_ssize_t p, j
        cdef Held one
        cdef Arena arena = field.arena
        self.field, self.points, self.serving = field, points, mode.serving
        self.m, self.k, self.n, self.r = len(mode.serving), points.k, points.n, field.r
        self.full, self.served = arena.take(self.n), arena.bare(self.n + self.r)
        self.held = <const double**> arena.take(self.m)
        self.columns = <const double**> arena.take(self.m)
        self.dense = mode.given is not None
        if self.dense:
            self.given = np.ascontiguousarray(mode.given)
        for p in range(len(held)):
            one = held[p]
            j = places[p]
            self.held[j], self.columns[j] = &one.gradients[0, 0], &one.columns[0, 0]

    cdef void at(self, const double* w) noexcept:
        """Have neurons asked for at w (r,)."""
        cdef Py_ssize_t i
        if self.dense:
            memcpy(self.served, w, self.r * sizeof(double))
            return
        for i in range(self.r):
            self.full[self.field.live[i]] = w[i]

    cdef void move(self, Py_ssize_t j, double* theta) noexcept:
        """Add to theta (k,) what neuron j has moved there."""
        cdef Py_ssize_t i
        cdef const double* rows = self.points.rows
        cdef const double* served = self.full
        if self.dense:
            if self.r:
                combine(theta, self.served, &self.given[0, j * self.k], self.r, self.k,
                        self.m * self.k)
            return
        if self.held[j] != NULL:
            rows = self.held[j]
        else:
            for i in range(self.n):
                self.served[i] = self.serving[j, i] * self.full[i]
            served = self.served
        combine(theta, served, rows, self.n, self.k, self.k)

    cdef void seen(self, Py_ssize_t j, Py_ssize_t i, double side, double* row) noexcept:
        """Add to row (r,) how the pre-activation of neuron j at point i moves with w, times `side`."""
        cdef Py_ssize_t c, l, r = self.r, k = self.k
        cdef const double* z = self.points.rows + i * k
        cdef const double* products = self.points.products + i * self.n
        cdef const double* gains = &self.serving[j, 0]
        if not self.dense and self.held[j] == NULL:
            if r == self.n:  # all points are live
                for c in range(r):
                    row[c] += side * gains[c] * products[c]
                return
            for c in range(r):
                l = self.field.live[c]
                row[c] += side * gains[l] * products[l]
            return
        if self.dense:
            for c in range(r):
                row[c] += side * dot(z, &self.given[c, j * k], k)
            return
        fill(self.served, 0.0, self.n)
        combine(self.served, z, self.columns[j], k, self.n, self.n)
        for c in range(r):
            row[c] += side * self.served[self.field.live[c]]
