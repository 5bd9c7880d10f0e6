# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, cpow=True
"""Ordinary steps of two neurons on two points: those of `by_jax`, sum for sum.

    lanes     a few steps of sixteen trials side by side
    stepper   from sum to sum, from look to look, from trials to trials

Four: of each neuron and point, x_11, x_12, x_21, x_22. Shapes stand in parentheses.
"""

from libc.math cimport INFINITY, fabs, isfinite, sqrt
from libc.stdint cimport int64_t
from libc.string cimport memset

include "lanes.pxi"

SOURCES = "f8c122855fd9"

cdef double ROUNDING = 4.0 * 2.0 ** -53  # of a kick, times 2 + |margin| of its size

# What is carried from sum to sum, as `_Pairs` of `by_jax`; `undecided` is 0 or 1.
cdef struct Lanes:
    Four a
    Four a_low
    Four got
    Four got_low
    Four off
    double error[16]
    char undecided[4][16]


def advance(
    const double[:, ::1] a,
    const double[:, ::1] off,
    const double[::1] error,
    const int64_t[:, ::1] counts,
    const int64_t[::1] order,
    const int64_t[::1] first_look,
    const int64_t[::1] looks,
    const double[::1] gram,
    double step_size,
    double[:, ::1] seen,
    char[:, ::1] undecided,
):
    """Step the trials `order` (R,) of T, sixteen at a time.

    a, off (4, T): pre-activations and their errors;  error (T,): of the parameters;  counts (M, T):
    after how many steps trials can be looked at;  looks (P,): those that are, trial by trial,
    first_look (T + 1,): where each begins;  gram (4,);  seen (13, P): what is found there, a, what
    was received, off, error;  undecided (4, P).
    """
    cdef Py_ssize_t begin = 0, end
    with nogil:
        while begin < order.shape[0]:
            end = min(begin + LANES, order.shape[0])
            _advance(a, off, error, counts, order[begin:end], first_look, looks, &gram[0],
                     step_size, seen, undecided)
            begin = end


cdef void _advance(
    const double[:, ::1] a,
    const double[:, ::1] off,
    const double[::1] error,
    const int64_t[:, ::1] counts,
    const int64_t[::1] trials,
    const int64_t[::1] first_look,
    const int64_t[::1] looks,
    const double* gram,
    double step_size,
    double[:, ::1] seen,
    char[:, ::1] undecided,
) noexcept nogil:
    """Step up to sixteen trials (R,) in lockstep, each by its own counts."""
    cdef Lanes lanes
    cdef Few few
    cdef Py_ssize_t look, l, i, done, end, until, t, R = trials.shape[0], M = counts.shape[0]
    cdef int64_t next_look[16]
    memset(&lanes, 0, sizeof(lanes))
    memset(&few, 0, sizeof(few))
    for l in range(R):
        t = trials[l]
        next_look[l] = first_look[t]
        lanes.error[l] = error[t]
        for i in range(4):
            lanes.a[i][l], lanes.off[i][l] = a[i, t], off[i, t]
    for look in range(M):
        for l in range(R):
            t = trials[l]
            few.counts[l] = counts[look, t] - (counts[look - 1, t] if look else 0)
        # The first steps may be huge: each is judged by itself.
        done, end = 0, _last(&lanes, &few, R)
        while done < end:
            until = done + (AT_ONCE if look else min(max(done, 1), <Py_ssize_t> AT_ONCE))
            until = min(until, end)
            _begin(&lanes, &few)
            steps(&few, gram, step_size, done, until)
            _sum(&lanes, &few, gram, done)
            done, end = until, _last(&lanes, &few, R)
        for l in range(R):
            t = trials[l]
            while next_look[l] < first_look[t + 1] and looks[next_look[l]] == look:
                _see(&lanes, l, next_look[l], seen, undecided)
                next_look[l] += 1


cdef Py_ssize_t _last(const Lanes* lanes, const Few* few, Py_ssize_t R) noexcept nogil:
    """The largest count of a trial that is still finite."""
    cdef Py_ssize_t l, last = 0
    for l in range(R):
        if isfinite(lanes.a[0][l] + lanes.a[1][l] + lanes.a[2][l] + lanes.a[3][l]):
            last = max(last, <Py_ssize_t> few.counts[l])
    return last


cdef void _begin(const Lanes* lanes, Few* few) noexcept nogil:
    """A few steps that begin where the trials stand."""
    cdef Py_ssize_t l, i
    for l in range(LANES):
        few.size[0][l] = few.size[1][l] = 0.0
        few.first[l] = few.later[l] = 1.0
        for i in range(4):
            few.base[i][l], few.got[i][l], few.nearest[i][l] = lanes.a[i][l], 0.0, INFINITY


cdef void _sum(Lanes* lanes, const Few* few, const double* gram, Py_ssize_t begun) noexcept nogil:
    """What a few steps sum up to, and their errors, as `_summed` of `by_jax` has it."""
    cdef double doubtful[4]
    cdef double rises[4]
    cdef double k11 = gram[0], k12 = gram[1], k22 = gram[3], grown, off, at_points, own
    cdef double lengths[2]
    cdef Py_ssize_t l, i, j, p
    cdef bint living[2]
    lengths[0], lengths[1] = sqrt(k11), sqrt(k22)
    for l in range(LANES):
        rises[0] = few.got[0][l] * k11 - few.got[1][l] * k12
        rises[1] = few.got[0][l] * k12 - few.got[1][l] * k22
        rises[2] = few.got[3][l] * k12 - few.got[2][l] * k11
        rises[3] = few.got[3][l] * k22 - few.got[2][l] * k12
        own = 0.0
        for i in range(4):
            doubtful[i] = few.got[i][l] * (ROUNDING * (2.0 + few.size[i & 1][l]))
            own += doubtful[i] * lengths[i & 1]
        lanes.error[l] = few.later[l] * (few.first[l] * lanes.error[l] + own)
        for j in range(2):
            living[j] = lanes.a[2 * j][l] > 0.0 or lanes.a[2 * j + 1][l] > 0.0
        for i in range(4):
            j, p = i >> 1, i & 1
            at_points = (doubtful[2 * j] * fabs(gram[p]) + doubtful[2 * j + 1] * fabs(gram[2 + p]))
            off = (few.first[l] if living[j] else 1.0) * lanes.off[i][l] + at_points
            lanes.off[i][l] = off = (few.later[l] if living[j] else 1.0) * off
            _add(&lanes.a[i][l], &lanes.a_low[i][l], rises[i])
            _add(&lanes.got[i][l], &lanes.got_low[i][l], few.got[i][l])
            # Those that have reached their counts were judged then.
            if living[j] and begun < few.counts[l]:
                if min(few.nearest[i][l], fabs(lanes.a[i][l])) <= off:
                    lanes.undecided[i][l] = 1


cdef inline void _add(double* high, double* low, double change) noexcept nogil:
    """high + low + change, the rounding error of the new high kept in low (TwoSum [knuth1997])."""
    cdef double total, moved
    change = low[0] + change
    total = high[0] + change
    moved = total - high[0]
    low[0] = (high[0] - (total - moved)) + (change - moved)
    high[0] = total


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
