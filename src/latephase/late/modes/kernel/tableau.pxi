# The constants of `tableau.py`, for the kernel.

cdef enum:
    STAGES = 5
cdef double[5] NODES
cdef double[5][5] MATRIX, INVERSE, COLLOCATION
cdef double[5] ERROR
cdef double[3] ROOTS_RE, ROOTS_IM
cdef double[3][5] INTO_RE, INTO_IM, BACK_RE, BACK_IM
cdef double GAMMA = tableau.GAMMA


cdef void read_tableau():
    for c in range(STAGES):
        NODES[c], ERROR[c] = tableau.NODES[c], tableau.ERROR[c]
        for d in range(STAGES):
            MATRIX[c][d], INVERSE[c][d] = tableau.MATRIX[c, d], tableau.INVERSE[c, d]
            COLLOCATION[c][d] = tableau.COLLOCATION[c, d]
    for k in range(3):
        ROOTS_RE[k], ROOTS_IM[k] = tableau.ROOTS[k].real, tableau.ROOTS[k].imag
        for c in range(STAGES):
            INTO_RE[k][c], INTO_IM[k][c] = tableau.INTO[k, c].real, tableau.INTO[k, c].imag
            BACK_RE[k][c], BACK_IM[k][c] = tableau.BACK[c, k].real, tableau.BACK[c, k].imag


read_tableau()
