# The forces of the modified flow of a mode, as `modified.py` has them in NumPy, as power series in
# the share of a step: one coefficient after another, each from those of the motion so far.

cdef enum:
    MOST_TERMS = 20


cdef inline void product(double* found, const double* a, const double* b, Py_ssize_t p,
                         Py_ssize_t L) noexcept:
    """found (L,) = coefficient p of the product of two series (MOST_TERMS, L)."""
    cdef Py_ssize_t k, i
    cdef const double* x
    cdef const double* y
    fill(found, 0.0, L)
    for k in range(p + 1):
        x, y = a + k * L, b + (p - k) * L
        for i in range(L):
            found[i] += x[i] * y[i]


cdef class Forces:
    """(t + c) F and what a step of descent changes in it, series (MOST_TERMS, L), at a share x of a
    step h from s, where s enters as e^s.

    plain: of order 0;  whole: of the order of the field;  moves: the derivatives of the margins by
    x;  fall: -F'/F, of the exponential loss 1, falls: its product with these;  shrink
    (MOST_TERMS,): 1 / (t + c);  the others: what the orders 1 and 2 are made of.
    """

    cdef Field field
    cdef Py_ssize_t L
    cdef double h
    cdef double* plain
    cdef double* whole
    cdef double* fall
    cdef double* falls
    cdef double* moves
    cdef double* shrink
    cdef double* back
    cdef double* u
    cdef double* fall_u
    cdef double* felt
    cdef double* back2
    cdef double* v
    cdef double* bend
    cdef double* square
    cdef double* share
    cdef double* room
    cdef double* beta

    def __cinit__(self, Field field):
        cdef Py_ssize_t each = MOST_TERMS * field.L
        cdef Arena arena = field.arena
        self.field, self.L = field, field.L
        self.plain, self.moves = arena.bare(each), arena.bare(each)
        self.whole, self.falls, self.fall = self.plain, self.moves, arena.bare(field.L)
        if field.logistic:
            self.falls, self.fall = arena.bare(each), arena.bare(each)
        if field.order > 0:
            self.shrink, self.beta = arena.bare(MOST_TERMS), arena.bare(field.r)
            self.whole, self.back, self.u, self.fall_u, self.felt, self.share = (
                arena.bare(each), arena.bare(each), arena.bare(each), arena.bare(each),
                arena.bare(each), arena.bare(each))
            self.room = arena.bare(field.L)
        if field.order > 1:
            self.back2, self.v, self.bend, self.square = (
                arena.bare(each), arena.bare(each), arena.bare(each), arena.bare(each))

    cdef void begin(self, double s, const double* q, double h) noexcept:
        """Have them asked for from s and margins q (L,) on."""
        cdef Py_ssize_t i, p
        cdef double log, unit = s + self.field.log_unit
        self.h = h
        for i in range(self.L):
            log = self.field.log_weight(q[i], &self.fall[i])
            self.plain[i] = exp(smaller(unit + (self.field.log_step + log), LARGEST))
        if self.field.order > 0:
            self.shrink[0] = exp(smaller(-s - self.field.log_origin, LARGEST))
            for p in range(1, MOST_TERMS):
                self.shrink[p] = -h * self.shrink[p - 1] / p

    cdef const double* term(self, Py_ssize_t p) noexcept:
        """Coefficient p (L,); those before it have been asked for."""
        cdef Py_ssize_t i, L = self.L
        cdef double* found = self.whole + p * L
        cdef double* share = self.share + p * L
        cdef bint logistic = self.field.logistic
        if self.field.order == 0:
            return self.plain + p * L
        self.returned(self.plain, self.back, self.u, p)
        self.times_fall(self.fall_u, self.u, p)
        for i in range(L):
            share[i] = self.fall_u[p * L + i] / 2
        if self.field.order > 1:
            product(self.felt + p * L, self.plain, self.fall_u, p, L)
            self.returned(self.felt, self.back2, self.v, p)
            self.times_fall(self.bend, self.v, p)
            product(self.square + p * L, self.u, self.u, p, L)
            for i in range(L):
                share[i] += self.bend[p * L + i] / 3
            self.curved(p)
            for i in range(L):
                share[i] += self.room[i] / 12
        product(found, self.plain, self.share, p, L)
        for i in range(L):
            found[i] += self.plain[p * L + i]
        return found

    cdef void returned(self, const double* f, double* back, double* found, Py_ssize_t p) noexcept:
        """Coefficient p of P^T P f / (t + c)."""
        cdef Py_ssize_t k, L = self.L
        self.field.spread(f + p * L, self.beta)
        self.field.gather(self.beta, back + p * L)
        fill(found + p * L, 0.0, L)
        for k in range(p + 1):
            add(found + p * L, self.shrink[p - k], back + k * L, L)

    cdef void times_fall(self, double* found, const double* a, Py_ssize_t p) noexcept:
        """Coefficient p of -F'/F times a series."""
        if self.field.logistic:
            product(found + p * self.L, self.fall, a, p, self.L)
        else:
            memcpy(found + p * self.L, a + p * self.L, self.L * sizeof(double))

    cdef void curved(self, Py_ssize_t p) noexcept:
        """Coefficient p of F''/F u^2, in `room`: of the logistic loss F''/F is x (2 x - 1), x being
        -F'/F."""
        cdef Py_ssize_t i, L = self.L
        if not self.field.logistic:
            memcpy(self.room, self.square + p * L, L * sizeof(double))
            return
        product(self.bend + p * L, self.fall, self.square, p, L)
        product(self.room, self.fall, self.bend, p, L)
        for i in range(L):
            self.room[i] = 2 * self.room[i] - self.bend[p * L + i]

    cdef void go_on(self, Py_ssize_t p, const double* moves) noexcept:
        """Make coefficients p + 1, once it is known what coefficient p + 1 of the margins is:
        moves (L,) / (p + 1)."""
        cdef Py_ssize_t i, L = self.L
        cdef double* found = self.plain + (p + 1) * L
        cdef double* fall = self.fall + (p + 1) * L
        memcpy(self.moves + p * L, moves, L * sizeof(double))
        if self.field.logistic:  # x = -F'/F has x' = (1 - x) x q'
            product(self.falls + p * L, self.fall, self.moves, p, L)
            product(fall, self.fall, self.falls, p, L)
            for i in range(L):
                fall[i] = (self.falls[p * L + i] - fall[i]) / (p + 1)
        product(found, self.plain, self.falls, p, L)
        for i in range(L):
            found[i] = (self.h * self.plain[p * L + i] - found[i]) / (p + 1)
