# The three linear systems of a Newton step.

cdef class Systems:
    """root / h + slope for each root of the method: (r, r), symmetric, upper triangles."""

    cdef Py_ssize_t r
    cdef double* re
    cdef double* im

    def __init__(self, Py_ssize_t r, Arena arena):
        self.r, self.re, self.im = r, arena.take(3 * r * r), arena.take(3 * r * r)

    cdef void factorise(self, const double* slope, double h) noexcept:
        """The systems root / h + slope as U^T diag(U)^-1 U: real parts are positive definite, so
        that no pivoting is needed."""
        cdef Py_ssize_t r = self.r, i, j, k, which
        cdef double a, b, size, lr, li
        cdef double *re
        cdef double *im
        for which in range(3):
            re, im = self.re + which * r * r, self.im + which * r * r
            memcpy(re, slope, r * r * sizeof(double))
            fill(im, 0.0, r * r)
            for k in range(r):
                re[k * r + k] += ROOTS_RE[which] / h
                im[k * r + k] += ROOTS_IM[which] / h
            for k in range(r):
                a, b = re[k * r + k], im[k * r + k]
                size = a * a + b * b
                for i in range(k + 1, r):
                    lr = (re[k * r + i] * a + im[k * r + i] * b) / size
                    li = (im[k * r + i] * a - re[k * r + i] * b) / size
                    if which == 0:
                        add(re + i * r + i, -lr, re + k * r + i, r - i)
                        continue
                    for j in range(i, r):
                        re[i * r + j] -= lr * re[k * r + j] - li * im[k * r + j]
                        im[i * r + j] -= lr * im[k * r + j] + li * re[k * r + j]

    cdef void solve(self, Py_ssize_t which, double* x, double* y) noexcept:
        """Solve one of these systems in place, x and y (r,) the real and imaginary parts."""
        cdef Py_ssize_t r = self.r, k, j
        cdef double a, b, size, lr, li
        cdef double *re = self.re + which * r * r
        cdef double *im = self.im + which * r * r
        for k in range(r):
            a, b = re[k * r + k], im[k * r + k]
            size = a * a + b * b
            lr, li = (x[k] * a + y[k] * b) / size, (y[k] * a - x[k] * b) / size
            for j in range(k + 1, r):
                x[j] -= lr * re[k * r + j] - li * im[k * r + j]
                y[j] -= lr * im[k * r + j] + li * re[k * r + j]
        for k in range(r - 1, -1, -1):
            lr, li = x[k], y[k]
            for j in range(k + 1, r):
                lr -= re[k * r + j] * x[j] - im[k * r + j] * y[j]
                li -= re[k * r + j] * y[j] + im[k * r + j] * x[j]
            a, b = re[k * r + k], im[k * r + k]
            size = a * a + b * b
            x[k], y[k] = (lr * a + li * b) / size, (li * a - lr * b) / size
