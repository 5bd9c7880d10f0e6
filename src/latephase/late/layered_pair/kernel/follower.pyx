# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, cpow=True
"""Orbits of pairs whose layers are both trained, over their sample times.

    lanes        sixteen numbers side by side, and their exponentials, as steps of pairs have them
    panel        one panel of an orbit
    orbit        an orbit from panel to panel, then its series
    steps        one step of sixteen pairs side by side

Shapes stand in parentheses.
"""

from libc.math cimport INFINITY, exp, expm1, fabs, hypot, log as ln, log1p, rint, sqrt
from libc.stdint cimport int64_t
from libc.string cimport memset

include "../../pair/kernel/lanes.pxi"
include "panel.pxi"
include "orbit.pxi"
include "steps.pxi"

SOURCES = "5ada276e0770"


def follow(
    const double[:, ::1] orbits,
    const double[:, ::1] times,
    const int64_t[::1] first,
    bint discrete,
    const double[:, ::1] leaving,
    const double[:, ::1] rules,
    const double[::1] nodes,
    double[:, :, ::1] found,
    double[::1] left,
):
    """Follow orbits (7, R): log_tau, margin, spread, ln t, P, M and log_push, from the columns first
    (R,) of times (R, S) on.

    leaving (7, R): p, m, least of both neurons and the length of the point, (7, 0) where none
    leaves;  rules (16, 16), nodes (16,) of a panel;  found (2, R, S): margins and spreads, and left
    (R,): ln of the time at which a neuron leaves, to be filled.
    """
    cdef Py_ssize_t r, columns = times.shape[1], rows = first.shape[0]
    cdef Orbit on
    cdef Leaves leaves
    cdef Leaves* ends = &leaves if leaving.shape[1] else NULL
    with nogil:
        for r in range(rows):
            on.log_tau, on.margin, on.large = orbits[0, r], orbits[1, r], orbits[4, r]
            on.small, on.log_push = orbits[5, r], orbits[6, r]
            on.lam = on.fallen = on.clock = 0.0
            if ends != NULL:
                leaves.p[0], leaves.p[1] = leaving[0, r], leaving[1, r]
                leaves.m[0], leaves.m[1] = leaving[2, r], leaving[3, r]
                leaves.least[0], leaves.least[1] = leaving[4, r], leaving[5, r]
                leaves.length = leaving[6, r]
            left[r] = follow_one(
                &on, orbits[2, r], orbits[3, r], &times[r, 0], columns, first[r], discrete, ends,
                &rules[0, 0], &nodes[0], &found[0, r, 0], &found[1, r, 0])


def make_steps(
    const double[:, ::1] first,
    double[:, ::1] moved,
    double[:, ::1] low,
    double[::1] error,
    double[::1] log_time,
    double[::1] log_entry,
    const double[::1] gram,
    double log_step,
    Py_ssize_t count,
    const double[::1] ends,
    const int64_t[::1] column,
    const int64_t[::1] trials,
    const char[::1] exact,
    double[:, :, ::1] sampled,
    double[:, ::1] errors,
    char[:, ::1] known,
):
    """Step trials (R,) so many times, and record what is due on the way.

    first (4, R), moved, low (6, R), error, log_time (R,): as in `LayeredPairState`;  log_entry
    (R,): ln of the time since which the pattern stands;  ends (S + 1,): the times of samples, and
    inf, from column (R,) on;  trials (R,): where they stand in sampled (6, T, S), errors, known
    (T, S), which of them are `exact` (R,).
    """
    cdef Py_ssize_t begin = 0
    with nogil:
        while begin < trials.shape[0]:
            few_steps(first, moved, low, error, log_time, log_entry, &gram[0], log_step, count,
                      ends, column, trials, exact, sampled, errors, known, begin)
            begin += LANES


cdef void few_steps(
    const double[:, ::1] first,
    double[:, ::1] moved,
    double[:, ::1] low,
    double[::1] error,
    double[::1] log_time,
    double[::1] log_entry,
    const double* gram,
    double log_step,
    Py_ssize_t count,
    const double[::1] ends,
    const int64_t[::1] column,
    const int64_t[::1] trials,
    const char[::1] exact,
    double[:, :, ::1] sampled,
    double[:, ::1] errors,
    char[:, ::1] known,
    Py_ssize_t begin,
) noexcept nogil:
    """Step up to sixteen trials from `begin` on, side by side."""
    cdef Pairs on
    cdef Py_ssize_t R = min(trials.shape[0] - begin, <Py_ssize_t> LANES), l, i, step, t, at
    cdef double time[16]
    cdef double entry[16]
    cdef int pattern[16]
    cdef int64_t due[16]
    cdef int now
    memset(&on, 0, sizeof(on))
    for l in range(R):
        for i in range(4):
            on.first[i][l] = first[i, begin + l]
        for i in range(6):
            on.moved[i][l], on.low[i][l] = moved[i, begin + l], low[i, begin + l]
        on.error[l], due[l] = error[begin + l], column[begin + l]
        time[l], entry[l] = rint(exp(log_time[begin + l])), 0.0
    heights(&on, gram)
    for l in range(R):
        pattern[l] = pattern_of(&on, l)
    for step in range(count):
        step_pairs(&on, gram, log_step)
        for l in range(R):
            time[l] += 1
            now = pattern_of(&on, l)
            if now != pattern[l]:
                pattern[l], entry[l] = now, time[l]
            if time[l] == ends[due[l]]:
                t, at = trials[begin + l], due[l]
                for i in range(6):
                    sampled[i, t, at] = on.moved[i][l]
                errors[t, at], known[t, at] = on.error[l], exact[begin + l]
                due[l] += 1
    for l in range(R):
        for i in range(6):
            moved[i, begin + l], low[i, begin + l] = on.moved[i][l], on.low[i][l]
        error[begin + l], log_time[begin + l] = on.error[l], ln(time[l])
        if entry[l] > 0:
            log_entry[begin + l] = ln(entry[l])


cdef inline int pattern_of(const Pairs* on, Py_ssize_t l) noexcept nogil:
    """Which pre-activations are positive."""
    return ((on.a[0][l] > 0) | (on.a[1][l] > 0) << 1 | (on.a[2][l] > 0) << 2
            | (on.a[3][l] > 0) << 3)
