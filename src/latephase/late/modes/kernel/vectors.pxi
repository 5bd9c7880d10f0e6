# Vectors of doubles, and the memory that they lie in.
#
# The loops that take the time are compiled for wider registers, too, where the compiler and the
# system choose between them when they are loaded. Sums are taken in one order whatever the width,
# and nothing is fused: results are the same to the last bit.

cdef extern from *:
    """
    #if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__GLIBC__)
    #define LATEPHASE_WIDE __attribute__((target_clones("avx2", "default")))
    #else
    #define LATEPHASE_WIDE
    #endif

    static LATEPHASE_WIDE void latephase_combine(
        double *restrict y, const double *restrict a, const double *restrict rows,
        Py_ssize_t count, Py_ssize_t n, Py_ssize_t stride)
    {
        Py_ssize_t i, l;
        for (i = 0; i + 4 <= count; i += 4) {
            const double a0 = a[i], a1 = a[i + 1], a2 = a[i + 2], a3 = a[i + 3];
            const double *x0 = rows + i * stride, *x1 = x0 + stride;
            const double *x2 = x1 + stride, *x3 = x2 + stride;
            for (l = 0; l < n; l++)
                y[l] += (a0 * x0[l] + a1 * x1[l]) + (a2 * x2[l] + a3 * x3[l]);
        }
        for (; i < count; i++) {
            const double *x = rows + i * stride;
            for (l = 0; l < n; l++)
                y[l] += a[i] * x[l];
        }
    }

    static LATEPHASE_WIDE double latephase_dot(
        const double *restrict x, const double *restrict y, Py_ssize_t n)
    {
        double t[8] = {0, 0, 0, 0, 0, 0, 0, 0}, rest = 0;
        Py_ssize_t i = 0;
        for (; i + 8 <= n; i += 8)
            for (int k = 0; k < 8; k++)
                t[k] += x[i + k] * y[i + k];
        for (; i < n; i++)
            rest += x[i] * y[i];
        return (((t[0] + t[4]) + (t[2] + t[6])) + ((t[1] + t[5]) + (t[3] + t[7]))) + rest;
    }

    static LATEPHASE_WIDE double latephase_guarded(
        double *restrict a, const double *restrict sides, const double *restrict slack,
        const double *restrict shares, Py_ssize_t n)
    {
        double t[8], least = INFINITY;
        Py_ssize_t i = 0;
        for (int k = 0; k < 8; k++)
            t[k] = INFINITY;
        for (; i + 8 <= n; i += 8)
            for (int k = 0; k < 8; k++) {
                const double x = sides[i + k] * a[i + k] + slack[i + k], y = x * shares[i + k];
                a[i + k] = x;
                t[k] = y < t[k] ? y : t[k];
            }
        for (; i < n; i++) {
            a[i] = sides[i] * a[i] + slack[i];
            least = a[i] * shares[i] < least ? a[i] * shares[i] : least;
        }
        for (int k = 0; k < 8; k++)
            least = t[k] < least ? t[k] : least;
        return least;
    }
    """
    # y (n,) += a (count,) @ rows (count, n), so many doubles from one row to the next: four rows at
    # a time, since memory is what it takes.
    void combine "latephase_combine"(double* y, const double* a, const double* rows,
                                     Py_ssize_t count, Py_ssize_t n, Py_ssize_t stride) noexcept
    double long_dot "latephase_dot"(const double* x, const double* y, Py_ssize_t n) noexcept
    # a (n,) = sides * a + slack, and the least of these times shares
    double guarded "latephase_guarded"(double* a, const double* sides, const double* slack,
                                       const double* shares, Py_ssize_t n) noexcept


cdef class Arena:
    """Memory that lives as long as the arena."""

    cdef void** blocks
    cdef Py_ssize_t count, room

    def __cinit__(self):
        self.count, self.room = 0, 32
        self.blocks = <void**> malloc(self.room * sizeof(void*))

    def __dealloc__(self):
        for i in range(self.count):
            free(self.blocks[i])
        free(self.blocks)

    cdef double* take(self, Py_ssize_t size) except NULL:
        """Memory for some doubles, all 0."""
        return self.kept(calloc(max(size, 1), sizeof(double)))

    cdef double* bare(self, Py_ssize_t size) except NULL:
        """Memory for some doubles, of any values."""
        return self.kept(malloc(max(size, 1) * sizeof(double)))

    cdef double* kept(self, void* found) except NULL:
        """Memory that the arena has from now on."""
        if found == NULL:
            raise MemoryError
        if self.count == self.room:
            self.room *= 2
            self.blocks = <void**> realloc(self.blocks, self.room * sizeof(void*))
        self.blocks[self.count] = found
        self.count += 1
        return <double*> found

    cdef double* copy(self, const double[:, :] rows) except NULL:
        """A copy of a matrix."""
        cdef Py_ssize_t i, j, size = rows.shape[1]
        cdef double* found = self.bare(rows.shape[0] * size)
        for i in range(rows.shape[0]):
            for j in range(size):
                found[i * size + j] = rows[i, j]
        return found


cdef inline double dot(const double* x, const double* y, Py_ssize_t n) noexcept:
    """x . y: of a few terms, as neurons in the plane have them, without a call, to the same bits."""
    cdef double total = 0.0
    cdef Py_ssize_t i
    if n >= 8:
        return long_dot(x, y, n)
    for i in range(n):
        total += x[i] * y[i]
    return total


cdef inline double larger(double a, double b) noexcept:
    return a if a > b else b


cdef inline double smaller(double a, double b) noexcept:
    return a if a < b else b


cdef inline void add(double* y, double a, const double* x, Py_ssize_t n) noexcept:
    """y += a x."""
    cdef Py_ssize_t i
    for i in range(n):
        y[i] += a * x[i]


cdef inline void combine_upper(double* y, const double* a, const double* rows,
                               Py_ssize_t n) noexcept:
    """y (n,) += a (n,) @ rows (n, n), of which only the upper triangle is not 0."""
    cdef Py_ssize_t i
    for i in range(0, n, 4):
        combine(y + i, a + i, rows + i * n + i, n - i if n - i < 4 else 4, n - i, n)


cdef inline void combine_lower(double* y, const double* a, const double* rows,
                               Py_ssize_t n) noexcept:
    """The same of a lower triangle."""
    cdef Py_ssize_t i, most
    for i in range(0, n, 4):
        most = n - i if n - i < 4 else 4
        combine(y, a + i, rows + i * n, most, i + most, n)


cdef inline void fill(double* y, double a, Py_ssize_t n) noexcept:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = a


cdef inline double largest(const double* x, Py_ssize_t n) noexcept:
    """max |x_i|."""
    cdef double top = 0.0
    cdef Py_ssize_t i
    for i in range(n):
        top = larger(top, fabs(x[i]))
    return top


cdef array(const double* rows, Py_ssize_t count, Py_ssize_t size):
    """A copy (count, size) for NumPy."""
    found = np.empty((count, size))
    cdef double[:, ::1] into = found
    if count * size:
        memcpy(&into[0, 0], rows, count * size * sizeof(double))
    return found
