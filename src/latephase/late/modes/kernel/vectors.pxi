# Vectors of doubles, and the memory that they lie in.

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
        if self.count == self.room:
            self.room *= 2
            self.blocks = <void**> realloc(self.blocks, self.room * sizeof(void*))
        cdef double* found = <double*> calloc(max(size, 1), sizeof(double))
        if found == NULL:
            raise MemoryError
        self.blocks[self.count] = found
        self.count += 1
        return found

    cdef const double* taken(self, const double[:, :] rows) except NULL:
        """A matrix itself if it lies in C order, else a copy; it has to live as long as the arena."""
        if rows.size and rows.strides[1] == sizeof(double) and (
                rows.strides[0] == rows.shape[1] * <Py_ssize_t> sizeof(double)):
            return &rows[0, 0]
        return self.copy(rows)

    cdef double* copy(self, const double[:, :] rows) except NULL:
        """A copy of a matrix."""
        cdef Py_ssize_t i, j, size = rows.shape[1]
        cdef double* found = self.take(rows.shape[0] * size)
        for i in range(rows.shape[0]):
            for j in range(size):
                found[i * size + j] = rows[i, j]
        return found


cdef inline double larger(double a, double b) noexcept:
    return a if a > b else b


cdef inline double smaller(double a, double b) noexcept:
    return a if a < b else b


cdef inline void add(double* y, double a, const double* x, Py_ssize_t n) noexcept:
    """y += a x."""
    cdef Py_ssize_t i
    for i in range(n):
        y[i] += a * x[i]


cdef void combine(double* y, const double* a, const double* rows, Py_ssize_t count,
                  Py_ssize_t n, Py_ssize_t stride) noexcept:
    """y (n,) += a (count,) @ rows (count, n), so many doubles from one row to the next: four rows
    at a time, since memory is what it takes."""
    cdef Py_ssize_t i, l
    cdef double a0, a1, a2, a3
    cdef const double *x
    for i in range(0, count - 3, 4):
        a0, a1, a2, a3 = a[i], a[i + 1], a[i + 2], a[i + 3]
        x = rows + i * stride
        for l in range(n):
            y[l] += (a0 * x[l] + a1 * x[stride + l]) + (
                a2 * x[2 * stride + l] + a3 * x[3 * stride + l])
    for i in range(count - count % 4, count):
        add(y, a[i], rows + i * stride, n)


cdef inline void fill(double* y, double a, Py_ssize_t n) noexcept:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = a


cdef inline double dot(const double* x, const double* y, Py_ssize_t n) noexcept:
    cdef double total = 0.0
    cdef Py_ssize_t i
    for i in range(n):
        total += x[i] * y[i]
    return total


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
