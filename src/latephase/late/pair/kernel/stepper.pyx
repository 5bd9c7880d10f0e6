# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, cpow=True
"""Ordinary steps of two neurons on two points: those of `by_jax`, sum for sum.

    lanes     a few steps of sixteen trials side by side
    sums      what they sum up to, and its errors
    stepper   from sum to sum, from look to look, from trials to trials

Four: of each neuron and point, x_11, x_12, x_21, x_22. Shapes stand in parentheses.
"""

from libc.math cimport isfinite
from libc.stdint cimport int64_t
from libc.string cimport memset

include "lanes.pxi"
include "sums.pxi"

SOURCES = "d2e4258c38c6"


def advance(
    const double[:, ::1] a,
    const double[:, ::1] off,
    const double[::1] error,
    const int64_t[:, ::1] counts,
    const int64_t[::1] order,
    const int64_t[::1] first_look,
    const int64_t[::1] looks,
    const int64_t[::1] places,
    const double[::1] gram,
    double step_size,
    double[:, ::1] seen,
    char[:, ::1] undecided,
):
    """Step the trials `order` (R,) of T, sixteen at a time.

    a, off (4, T): pre-activations and their errors;  error (T,): of the parameters;  counts (M, T):
    after how many steps trials can be looked at;  looks (P,): those that are, trial by trial,
    first_look (T + 1,): where each begins;  places (P,): where what is seen goes;  gram (4,);
    seen (13, P): what is found there, a, what was received, off, error;  undecided (4, P).
    """
    cdef Py_ssize_t begin = 0, end
    with nogil:
        while begin < order.shape[0]:
            end = min(begin + LANES, order.shape[0])
            _advance(a, off, error, counts, order[begin:end], first_look, looks, places,
                     &gram[0], step_size, seen, undecided)
            begin = end


cdef void _advance(
    const double[:, ::1] a,
    const double[:, ::1] off,
    const double[::1] error,
    const int64_t[:, ::1] counts,
    const int64_t[::1] trials,
    const int64_t[::1] first_look,
    const int64_t[::1] looks,
    const int64_t[::1] places,
    const double* gram,
    double step_size,
    double[:, ::1] seen,
    char[:, ::1] undecided,
) noexcept nogil:
    """Step up to sixteen trials (R,) side by side, each from look to look by its own counts."""
    cdef Lanes lanes
    cdef Few few
    cdef Py_ssize_t l, i, t, most, count, R = trials.shape[0], M = counts.shape[0]
    cdef Py_ssize_t look[16]
    cdef Py_ssize_t done[16]
    cdef int64_t next_look[16]
    memset(&lanes, 0, sizeof(lanes))
    memset(&few, 0, sizeof(few))
    for l in range(R):
        t = trials[l]
        look[l], done[l], next_look[l], lanes.error[l] = 0, 0, first_look[t], error[t]
        for i in range(4):
            lanes.a[i][l], lanes.off[i][l] = a[i, t], off[i, t]
    while True:
        most = 0
        for l in range(R):
            t = trials[l]
            while look[l] < M and (done[l] >= counts[look[l], t] or not _is_finite(&lanes, l)):
                while next_look[l] < first_look[t + 1] and looks[next_look[l]] == look[l]:
                    _see(&lanes, l, places[next_look[l]], seen, undecided)
                    next_look[l] += 1
                look[l] += 1
            count = 0
            if look[l] < M:
                count = min(counts[look[l], t] - done[l], <Py_ssize_t> AT_ONCE)
                if look[l] == 0:  # the first steps may be huge: each is judged by itself
                    count = min(count, max(done[l], 1))
            few.counts[l] = count
            done[l] += count
            most = max(most, count)
        if most == 0:
            return
        begin(&lanes, &few)
        steps(&few, gram, step_size, most)
        add_up(&lanes, &few, gram)


cdef inline bint _is_finite(const Lanes* lanes, Py_ssize_t l) noexcept nogil:
    return isfinite(lanes.a[0][l] + lanes.a[1][l] + lanes.a[2][l] + lanes.a[3][l])


cdef void _see(
    const Lanes* lanes, Py_ssize_t l, Py_ssize_t at, double[:, ::1] seen, char[:, ::1] undecided
) noexcept nogil:
    """Write down where a trial stands."""
    cdef Py_ssize_t i
    for i in range(4):
        seen[i, at], seen[4 + i, at], seen[8 + i, at] = (
            lanes.a[i][l], lanes.got[i][l], lanes.off[i][l])
        undecided[i, at] = lanes.undecided[i][l]
    seen[12, at] = lanes.error[l]
