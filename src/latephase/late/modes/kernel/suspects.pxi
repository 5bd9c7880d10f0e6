# Guards that are below 0 somewhere on a step, at a fraction of the work of all of them.

cdef class Suspects:
    """Some guards: pairs (p,), places in (m, n), as functions rows (p, c + 1) of (w, 1), and ends
    (e,) of slides, places in (S, 2);  values (p + e,)."""

    cdef Guards guards
    cdef list pairs, ends
    cdef Py_ssize_t count
    cdef double* rows
    cdef double* values
    cdef double* before
    cdef Arena arena

    def __init__(self, Guards guards, list pairs, list ends):
        cdef Py_ssize_t p, i, l, j, place, c = guards.r, k = guards.k, size = guards.m * guards.k
        cdef double x
        self.guards, self.pairs, self.ends, self.arena = guards, pairs, ends, Arena()
        self.count = len(pairs) + len(ends)
        self.rows = self.arena.take(len(pairs) * (c + 1))
        self.values = self.arena.take(self.count)
        self.before = self.arena.take(self.count)
        for p, place in enumerate(pairs):
            j = place // guards.n
            for l in range(k):
                x = guards.sides[place] * guards.points_t[l * guards.n + place % guards.n]
                for i in range(c):
                    self.rows[p * (c + 1) + i] += x * guards.ways[i * size + j * k + l]
                self.rows[p * (c + 1) + c] += x * guards.theta[j * k + l]
            self.rows[p * (c + 1) + c] += guards.slack[place]

    cdef double least(self, const double* beta) noexcept:
        """The least of these guards at beta (r,); all are left in `values`."""
        cdef Guards guards = self.guards
        cdef Py_ssize_t p, c = guards.r, watched = self.count - len(self.ends)
        cdef double found = INFINITY
        guards.carry(beta)
        for p in range(watched):
            self.values[p] = dot(self.rows + p * (c + 1), guards.w, c) + self.rows[p * (c + 1) + c]
        if self.ends:
            guards.multiply(beta)
            for p in range(watched, self.count):
                self.values[p] = guards.inside[<Py_ssize_t> self.ends[p - watched]]
        for p in range(self.count):
            found = smaller(found, self.values[p])
        return found

    cdef tuple nearest(self, const double* beta):
        """Those that are least at beta (r,): pairs and ends."""
        cdef double least = self.least(beta)
        cdef Py_ssize_t p, watched = len(self.pairs)
        return (
            [self.pairs[p] for p in range(watched) if self.values[p] <= least],
            [self.ends[p - watched] for p in range(watched, self.count) if self.values[p] <= least],
        )
