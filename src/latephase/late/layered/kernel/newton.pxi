# The linear systems of a Newton step: root / h - Jacobian, for each root of the method.
#
# The Jacobian of a mode is K - sum_i w_i a_i grad q_i grad q_i^T, K of small blocks, one for each
# neuron: v_j against c_j. Where there are fewer live points than coordinates its system is one of
# the points (Woodbury's formula), else one of the coordinates. Its matrix is symmetric, not
# Hermitian, and its real part is positive as long as nothing grows by e^(3.6) in a step, which no
# step does that finds its stages: so no pivoting is needed.
#
# With one Jacobian for all stages the iteration contracts while h w (h turn)^2 < 1, where gradients
# turn by `turn` in a time of 1. Two points that are 1e-3 of their size apart pull 1e6 times as much
# against one another as what moves them: for these there are systems with the gradients and pulls
# of each stage, by Woodbury's formula, of 5 L unknowns.

cdef double SLIGHT = 1e-3  # of the Jacobian: what is not worth its work


cdef class Newton:
    """Those at a place;  small: whether they are systems of the points;  size of them."""

    cdef Field field
    cdef Py_ssize_t size
    cdef bint small
    cdef double *grads
    cdef double *tilt
    cdef double *gram
    cdef double *re
    cdef double *im
    cdef double *ways_re
    cdef double *ways_im
    cdef double *u_re
    cdef double *u_im
    cdef double *each
    cdef double *matrix
    cdef double *unknown
    cdef double *x_re
    cdef double *x_im

    def __init__(self, Field field):
        cdef Arena arena = field.arena
        self.field, self.small = field, field.L < field.D
        self.size = min(field.L, field.D)
        self.grads, self.tilt = arena.take(field.L * field.D), arena.take(field.M * field.r)
        self.gram = arena.take(2 * field.L ** 2)
        self.re, self.im = arena.take(3 * self.size ** 2), arena.take(3 * self.size ** 2)
        if self.small:
            self.ways_re = arena.take(3 * field.L * field.D)
            self.ways_im = arena.take(3 * field.L * field.D)
        self.u_re, self.u_im = arena.take(field.L), arena.take(field.L)
        self.each = self.matrix = NULL

    cdef void open(self, double s, const double* y) noexcept:
        """The Jacobian at y (D,): sqrt(w_i a_i) grad q_i, and what couples v_j and c_j."""
        cdef Field field = self.field
        cdef Py_ssize_t i
        field.look(s, y)
        field.pull()
        memcpy(self.tilt, field.pulled, field.M * field.r * sizeof(double))
        for i in range(field.L):
            self.look(y, i, self.grads + i * field.D)
        self.modify(s, self.grads)

    cdef void look(self, const double* y, Py_ssize_t i, double* found) noexcept:
        """sqrt(w_i a_i) grad q_i (D,) at y (D,), where the field was just asked for."""
        cdef Py_ssize_t k
        cdef double share = sqrt(self.field.w[i] * self.field.one[i])
        self.field.gradient(y, i, found)
        for k in range(self.field.D):
            found[k] *= share

    cdef void modify(self, double s, double* rows) noexcept:
        """Rows G^T (L, D) so that G G^T is what the modified flow of order two makes of it:
        A + A^2 / (2 (t + c)) + A^3 / (3 (t + c)^2) for A = G G^T, by Cholesky's factor of what
        stands between G and G^T."""
        cdef Py_ssize_t i, k, l, L = self.field.L, D = self.field.D
        cdef double back = exp(smaller(-s - self.field.log_origin, LARGEST)), top = 0.0, x
        cdef double *gram = self.gram
        cdef double *between = self.gram + L * L
        if self.field.order == 0:
            return
        for i in range(L):
            for l in range(i + 1):
                x = back * dot(rows + i * D, rows + l * D, D)
                gram[i * L + l], gram[l * L + i] = x, x
            top = larger(top, gram[i * L + i])
        if not SLIGHT < top < INFINITY:
            return
        for i in range(L):
            for l in range(L):
                between[i * L + l] = (
                    (i == l) + gram[i * L + l] / 2 + dot(gram + i * L, gram + l * L, L) / 3)
        for i in range(L):
            for l in range(i):
                x = between[i * L + l] - dot(between + i * L, between + l * L, l)
                between[i * L + l] = x / between[l * L + l]
            between[i * L + i] = sqrt(
                between[i * L + i] - dot(between + i * L, between + i * L, i))
        for l in range(L):  # new row l = sum over i >= l of factor_il * row i
            for k in range(D):
                rows[l * D + k] *= between[l * L + l]
            for i in range(l + 1, L):
                add(rows + l * D, between[i * L + l], rows + i * D, D)

    cdef void factorise(self, double h) noexcept:
        """The systems of a step h, as L D L^T."""
        cdef Py_ssize_t which
        for which in range(3):
            if self.small:
                self.of_points(which, ROOTS_RE[which] / h, ROOTS_IM[which] / h)
            else:
                self.of_coordinates(which, ROOTS_RE[which] / h, ROOTS_IM[which] / h)
            triangular(self.re + which * self.size ** 2, self.im + which * self.size ** 2,
                       self.size)

    cdef void of_points(self, Py_ssize_t which, double z_re, double z_im) noexcept:
        """1 + G^T (z - K)^-1 G."""
        cdef Py_ssize_t i, l, D = self.field.D, L = self.field.L
        cdef double *re = self.re + which * L * L
        cdef double *im = self.im + which * L * L
        cdef double *way_re
        cdef double *way_im
        for i in range(L):
            way_re, way_im = self.ways_re + (which * L + i) * D, self.ways_im + (which * L + i) * D
            memcpy(way_re, self.grads + i * D, D * sizeof(double))
            fill(way_im, 0.0, D)
            self.by_neuron(z_re, z_im, way_re, way_im)
            for l in range(i + 1):
                re[l * L + i] = dot(self.grads + l * D, way_re, D)
                im[l * L + i] = dot(self.grads + l * D, way_im, D)
            re[i * L + i] += 1.0

    cdef void of_coordinates(self, Py_ssize_t which, double z_re, double z_im) noexcept:
        """z - K + G G^T."""
        cdef Py_ssize_t i, j, k, D = self.field.D, r = self.field.r, outer = self.field.M * r
        cdef double *re = self.re + which * D * D
        cdef double *im = self.im + which * D * D
        cdef double *g
        fill(re, 0.0, D * D)
        fill(im, 0.0, D * D)
        for i in range(self.field.L):
            g = self.grads + i * D
            for k in range(D):
                add(re + k * D + k, g[k], g + k, D - k)
        for k in range(D):
            re[k * D + k] += z_re
            im[k * D + k] += z_im
        for j in range(self.field.M):
            for k in range(r):
                re[(j * r + k) * D + outer + j] -= self.tilt[j * r + k]

    cdef void by_neuron(self, double z_re, double z_im, double* re, double* im) noexcept:
        """Solve (z - K) x = b (D,) in place, b = re + i im."""
        cdef Py_ssize_t j, k, r = self.field.r, outer = self.field.M * r
        cdef double size = z_re * z_re + z_im * z_im, i_re = z_re / size, i_im = -z_im / size
        cdef double a, b, c, d, v_re, v_im
        cdef double *p
        for j in range(self.field.M):
            p = self.tilt + j * r
            a, b = dot(p, re + j * r, r), dot(p, im + j * r, r)
            v_re = re[outer + j] + (a * i_re - b * i_im)
            v_im = im[outer + j] + (a * i_im + b * i_re)
            a = dot(p, p, r)
            c, d = z_re - a * i_re, z_im - a * i_im
            a = c * c + d * d
            v_re, v_im = (v_re * c + v_im * d) / a, (v_im * c - v_re * d) / a
            re[outer + j], im[outer + j] = v_re, v_im
            for k in range(j * r, (j + 1) * r):
                a, b = re[k] + self.tilt[k] * v_re, im[k] + self.tilt[k] * v_im
                re[k], im[k] = a * i_re - b * i_im, a * i_im + b * i_re

    cdef void solve(self, Py_ssize_t which, double h, double* re, double* im) noexcept:
        """Solve one of these systems in place, re and im (D,) the parts of the right side."""
        cdef Py_ssize_t i, D = self.field.D, L = self.field.L
        cdef double *mat_re = self.re + which * self.size ** 2
        cdef double *mat_im = self.im + which * self.size ** 2
        if not self.small:
            backward(mat_re, mat_im, D, re, im)
            return
        self.by_neuron(ROOTS_RE[which] / h, ROOTS_IM[which] / h, re, im)
        for i in range(L):
            self.u_re[i] = dot(self.grads + i * D, re, D)
            self.u_im[i] = dot(self.grads + i * D, im, D)
        backward(mat_re, mat_im, L, self.u_re, self.u_im)
        for i in range(which * L, (which + 1) * L):
            add(re, -self.u_re[i - which * L], self.ways_re + i * D, D)
            add(re, self.u_im[i - which * L], self.ways_im + i * D, D)
            add(im, -self.u_re[i - which * L], self.ways_im + i * D, D)
            add(im, -self.u_im[i - which * L], self.ways_re + i * D, D)

    cdef void by_stages(self):
        """Room for systems with the gradients of each stage."""
        cdef Py_ssize_t L = self.field.L, D = self.field.D
        if self.each == NULL:
            self.each = self.field.arena.take(STAGES * L * D)
            self.matrix = self.field.arena.take((STAGES * L) ** 2)
            self.unknown = self.field.arena.take(STAGES * L)
            self.x_re, self.x_im = self.field.arena.take(D), self.field.arena.take(D)

    cdef void keep(self, Py_ssize_t c, double s, const double* y) noexcept:
        """The gradients at stage c, y (D,) at s, where the field was just asked for."""
        cdef Py_ssize_t i, L = self.field.L
        for i in range(L):
            self.look(y, i, self.each + (c * L + i) * self.field.D)
        self.modify(s, self.each + c * L * self.field.D)

    cdef void exactly(self, double h, double* residual, double* change) noexcept:
        """The change (5, D) of a Newton step with the gradients of each stage, by its residual."""
        cdef Py_ssize_t p, L = self.field.L, D = self.field.D, size = STAGES * L
        self.couple(h)
        self.apart(h, residual, change)
        for p in range(size):
            self.unknown[p] = dot(self.each + p * D, change + (p // L) * D, D)
        eliminate(self.matrix, self.unknown, size)
        for p in range(size):
            add(residual + (p // L) * D, -self.unknown[p], self.each + p * D, D)
        self.apart(h, residual, change)

    cdef void couple(self, double h) noexcept:
        """1 + U^T (A^-1 / h - K)^-1 U (5 L, 5 L), U the gradients of the stages."""
        cdef Py_ssize_t p, o, which, L = self.field.L, D = self.field.D, size = STAGES * L
        cdef double re, im, a, b
        fill(self.matrix, 0.0, size * size)
        for p in range(size):
            for which in range(3):
                memcpy(self.x_re, self.each + p * D, D * sizeof(double))
                fill(self.x_im, 0.0, D)
                self.by_neuron(ROOTS_RE[which] / h, ROOTS_IM[which] / h, self.x_re, self.x_im)
                for o in range(size):
                    re = BACK_RE[which][o // L] * INTO_RE[which][p // L]
                    re -= BACK_IM[which][o // L] * INTO_IM[which][p // L]
                    im = BACK_RE[which][o // L] * INTO_IM[which][p // L]
                    im += BACK_IM[which][o // L] * INTO_RE[which][p // L]
                    a = dot(self.each + o * D, self.x_re, D)
                    b = dot(self.each + o * D, self.x_im, D)
                    self.matrix[o * size + p] += re * a - im * b
            self.matrix[p * size + p] += 1.0

    cdef void apart(self, double h, const double* right, double* found) noexcept:
        """Solve (A^-1 / h - K) found = right, (5, D) each."""
        cdef Py_ssize_t c, which, D = self.field.D
        fill(found, 0.0, STAGES * D)
        for which in range(3):
            fill(self.x_re, 0.0, D)
            fill(self.x_im, 0.0, D)
            for c in range(STAGES):
                add(self.x_re, INTO_RE[which][c], right + c * D, D)
                add(self.x_im, INTO_IM[which][c], right + c * D, D)
            self.by_neuron(ROOTS_RE[which] / h, ROOTS_IM[which] / h, self.x_re, self.x_im)
            for c in range(STAGES):
                add(found + c * D, BACK_RE[which][c], self.x_re, D)
                add(found + c * D, -BACK_IM[which][c], self.x_im, D)


cdef void eliminate(double* rows, double* x, Py_ssize_t n) noexcept:
    """Solve rows (n, n) @ found = x (n,) in place, with pivots."""
    cdef Py_ssize_t i, j, k, best
    cdef double share
    for k in range(n):
        best = k
        for i in range(k + 1, n):
            if fabs(rows[i * n + k]) > fabs(rows[best * n + k]):
                best = i
        if best != k:
            for j in range(k, n):
                share, rows[k * n + j] = rows[k * n + j], rows[best * n + j]
                rows[best * n + j] = share
            share, x[k] = x[k], x[best]
            x[best] = share
        for i in range(k + 1, n):
            share = rows[i * n + k] / rows[k * n + k]
            if share != 0:
                add(rows + i * n + k, -share, rows + k * n + k, n - k)
                x[i] -= share * x[k]
    for k in range(n - 1, -1, -1):
        x[k] = (x[k] - dot(rows + k * n + k + 1, x + k + 1, n - k - 1)) / rows[k * n + k]


cdef void triangular(double* re, double* im, Py_ssize_t n) noexcept:
    """A symmetric complex matrix, its upper triangle (n, n), as U^T diag(U)^-1 U in place."""
    cdef Py_ssize_t i, j, k
    cdef double a, b, size, l_re, l_im
    for k in range(n):
        a, b = re[k * n + k], im[k * n + k]
        size = a * a + b * b
        for i in range(k + 1, n):
            l_re = (re[k * n + i] * a + im[k * n + i] * b) / size
            l_im = (im[k * n + i] * a - re[k * n + i] * b) / size
            for j in range(i, n):
                re[i * n + j] -= l_re * re[k * n + j] - l_im * im[k * n + j]
                im[i * n + j] -= l_re * im[k * n + j] + l_im * re[k * n + j]


cdef void backward(const double* re, const double* im, Py_ssize_t n, double* x,
                   double* y) noexcept:
    """Solve a system that is `triangular` in place, x + i y (n,) its right side."""
    cdef Py_ssize_t k, j
    cdef double a, b, size, l_re, l_im
    for k in range(n):
        a, b = re[k * n + k], im[k * n + k]
        size = a * a + b * b
        l_re, l_im = (x[k] * a + y[k] * b) / size, (y[k] * a - x[k] * b) / size
        for j in range(k + 1, n):
            x[j] -= l_re * re[k * n + j] - l_im * im[k * n + j]
            y[j] -= l_re * im[k * n + j] + l_im * re[k * n + j]
    for k in range(n - 1, -1, -1):
        l_re, l_im = x[k], y[k]
        for j in range(k + 1, n):
            l_re -= re[k * n + j] * x[j] - im[k * n + j] * y[j]
            l_im -= re[k * n + j] * y[j] + im[k * n + j] * x[j]
        a, b = re[k * n + k], im[k * n + k]
        size = a * a + b * b
        x[k], y[k] = (l_re * a + l_im * b) / size, (l_im * a - l_re * b) / size
