# How a step is found: by the power series of the motion, which shows where a guard is met without
# another step, and where the mode is stiff by Radau IIA.

cdef enum:
    MOST_SERIES = 20  # steps by series: a mode that lasts longer is stiff before long
cdef double STIFF = 0.03  # in s: series that reach no farther are left for good
cdef double NEGLIGIBLE = 0.1  # of the tolerance: the last two terms of a series that is cut short


cdef class Stepper:
    """What makes steps of a mode;  taken: how many by series, stiff: whether these are left."""

    cdef Field field
    cdef Scales scales
    cdef Forces forces
    cdef Radau radau
    cdef bint stiff
    cdef Py_ssize_t taken
    cdef double* log
    cdef double* end

    def __init__(self, mode, Field field, Scales scales):
        self.field, self.scales, self.forces = field, scales, Forces(field)
        self.stiff, self.taken = False, 0
        self.radau = Radau(mode, field, scales, self.forces)
        self.log, self.end = field.arena.bare(field.L), field.arena.bare(field.size)

    cdef void advance(self, double s, const double* y, double h, Step old, bint goes_on,
                      double tolerance, Step step):
        """One step from s and a state y of at most h, that is within the tolerance; `step` may be
        `old`, which ended here if this one `goes_on`, else began here."""
        step.work = 0
        if old.exact and not goes_on and 0 < h <= old.h and step is old:
            step.cut(h / old.h)
            step.h = h
            return
        if not self.stiff:
            self.expand(s, y, h, tolerance, step)
            step.work = 1
            self.taken += 1
            self.stiff = step.h < smaller(h, STIFF) or self.taken > MOST_SERIES
            if not self.stiff:
                return
            step.h, step.exact = 0.0, False
        self.radau.advance(s, y, h, old, goes_on, tolerance, step)

    cdef void speed(self, double s, const double* y, double* found) noexcept:
        """d y / ds (size,)."""
        self.forces.begin(s, y + self.field.q, 1.0)
        self.moved(0, found)

    cdef void moved(self, Py_ssize_t p, double* row) noexcept:
        """Coefficient p + 1 of the state (size,)."""
        cdef Field field = self.field
        cdef const double* f = self.forces.term(p)
        cdef double share = self.forces.h / (p + 1)
        cdef Py_ssize_t l
        field.spread(f, row)
        for l in range(field.r):
            row[l] *= share
        if field.upper:
            for l in range(field.r):
                row[field.w + l] = share * f[l]
        else:
            field.carry(row, row + field.w)
        field.gather(row, row + field.q)

    cdef void expand(self, double s, const double* y, double h, double tolerance,
                     Step step) noexcept:
        """A step of at most h by the series, as far as that goes. Its length is such that the last
        two terms are as large as what is tolerated [jorba2005]."""
        cdef Py_ssize_t p, i, L = self.field.L
        cdef double share = 1.0, size = INFINITY, before
        cdef double* row = step.rows
        self.forces.begin(s, y + self.field.q, h)
        for p in range(MOST_TERMS):
            row = step.rows + p * step.size
            self.moved(p, row)
            before, size = size, self.scales.of_margins(y, row)
            if larger(before, size) <= NEGLIGIBLE * tolerance and (
                    larger(self.scales.of_neurons(row), self.scales.of_neurons(row - step.size))
                    <= NEGLIGIBLE * tolerance):
                break
            if p + 1 < MOST_TERMS:
                for i in range(L):
                    self.log[i] = (p + 1) * row[self.field.q + i]
                self.forces.go_on(p, self.log)
        else:
            for p in range(MOST_TERMS - 1, MOST_TERMS + 1):
                row = step.rows + (p - 1) * step.size
                size = larger(self.scales.of_neurons(row), self.scales.of_margins(y, row))
                share = smaller(share, SAFE * (tolerance / size) ** (1.0 / p)) if (
                    size < INFINITY) else 0.0
            p = MOST_TERMS - 1
        step.degree, step.h, step.exact = p + 1, h, True
        if not share > 0:
            step.h = 0.0
            return
        if share < 1:
            step.cut(share)
        step.at(y, 1.0, self.end)
        while step.h > SMALLEST and not (
                self.field.log_pulls(s + step.h, self.end, self.log) <= LARGEST):
            step.cut(0.25)
            step.at(y, 1.0, self.end)
        step.next_h = MOST_GROWTH * step.h if share == 1 else step.h
