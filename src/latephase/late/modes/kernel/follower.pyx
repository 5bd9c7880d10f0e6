# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""A mode followed from its entry to where something ends it, compiled: one call for a segment.

    vectors   memory, and what is done with vectors of doubles
    field     the modified flow of a mode
    tableau   constants of the method
    systems   its linear systems
    radau     a step
    guards    what must stay positive while the mode lasts
    suspects  guards that a step has passed
    landing   where such a step has to end

Shapes stand in parentheses; all matrices are in C order.
"""

from libc.math cimport INFINITY, ceil, exp, expm1, fabs, hypot, log, log1p, sqrt
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy

import numpy as np

from latephase.late.modes.kernel import tableau

include "vectors.pxi"
include "field.pxi"
include "tableau.pxi"
include "systems.pxi"
include "radau.pxi"
include "guards.pxi"
include "suspects.pxi"
include "landing.pxi"

cdef enum:
    MOST_STEPS = 3_000
    MOST_LOOSE = 2  # times that a tolerance is loosened, where rounding keeps the solver from it
    GLANCE = 10  # steps after which it is asked whether the clock is too fast
cdef double LOOSER = 100.0  # times the tolerance, then
cdef double FIRST = 0.1  # in s, the power of the tolerance: a mode relaxes in a time of 1
cdef double AS_LONG = 4.0  # times the time that the last mode has lasted: a first step
cdef double SHORTEST = 1e-3  # in s: a first step
cdef double INSTANT = 1e-12  # in s: over less than this the field is constant
cdef double PULLS = 12.0  # ln(t l) from which on a point may be at rest: it pulls for nothing

REACHED, TRIGGERED, RESTS, RELAXED, FAILED = range(5)
cdef enum Why:
    _REACHED, _TRIGGERED, _RESTS, _RELAXED, _FAILED


cdef class Follower:
    """A mode on its way, at the solver's variable s and beta (r,).

    scale (m k,): sizes of the coordinates;  log_balanced: ln of the share of its pull that may be
    left of a point at rest;  whole: whether events wait for whole times.
    """

    cdef Field field
    cdef Guards guards
    cdef Radau radau
    cdef Landing landing
    cdef Step now, part
    cdef Py_ssize_t r, L, steps, work
    cdef double s, there, end, tolerance, log_balanced
    cdef bint alights
    cdef double* beta
    cdef double* ahead
    cdef double* log
    cdef double* speed
    cdef double* sizes
    cdef const double[:] scale

    def __init__(self, Field field, Guards guards, const double[:] scale, double log_balanced,
                 bint whole):
        cdef Py_ssize_t i
        cdef Arena arena = field.arena
        self.field, self.guards, self.radau = field, guards, Radau()
        self.radau.open(field, guards.scales)
        self.landing = Landing(guards, self.radau, whole)
        self.now, self.part = self.radau.step(), self.radau.step()
        self.r, self.L, self.steps, self.work, self.s = field.r, field.L, 0, 0, 0.0
        self.scale, self.log_balanced, self.alights = scale, log_balanced, False
        self.beta, self.speed = arena.take(self.r), arena.take(self.r)
        self.ahead = self.landing.ahead
        self.log, self.sizes = arena.take(self.L), arena.take(self.L)
        for i in range(self.L):
            self.sizes[i] = sqrt(dot(field.pull_t + i * self.r, field.pull_t + i * self.r, self.r))

    def follow(self, const double[:] times, double log_end, double log_last, double tolerance):
        """Follow the mode for a time exp(log_end), or until a guard falls below 0, or all that is
        fast has relaxed, or points have come to rest; then what `ended` returns.

        times: ln of those of samples, sorted;  log_last: ln of the time that the last mode has
        lasted, as this one may.
        """
        cdef double h
        cdef int loose = 0
        cdef Py_ssize_t passed = 0
        cdef Why why = _FAILED
        cdef double[:, ::1] sampled = np.empty((len(times) + 1, self.r))  # and where it ends
        self.end, self.tolerance = self.field.solver_time(log_end), tolerance
        if self.end < INSTANT:
            return self.at_once(times, sampled)
        h = larger(AS_LONG * self.field.solver_time(log_last), SHORTEST)
        h = smaller(h, tolerance ** FIRST)
        while why == _FAILED and self.work < MOST_STEPS:
            h = larger(smaller(h, self.end - self.s), SMALLEST)
            self.radau.advance(self.s, self.beta, h, self.now, True, self.tolerance, self.now)
            self.work += self.now.work
            if self.now.h == 0:  # rounding keeps the solver from its tolerance
                if loose == MOST_LOOSE:
                    break
                h, loose = self.tolerance ** FIRST, loose + 1
                self.tolerance *= LOOSER
                continue
            h = self.now.next_h
            why = self.stepped()
            passed = self.sample(times, sampled, passed)
            self.s = self.there
            memcpy(self.beta, self.ahead, self.r * sizeof(double))
            if why == _FAILED:
                why = self.left()
        return self.ended(sampled, passed, why)

    cdef at_once(self, const double[:] times, double[:, ::1] sampled):
        """A mode followed for so short a time that its field is constant."""
        cdef Py_ssize_t passed = 0, k
        self.field.speed(0.0, self.beta, self.log, self.speed)
        while passed < len(times) and self.field.solver_time(times[passed]) <= self.end:
            for k in range(self.r):
                sampled[passed, k] = self.field.solver_time(times[passed]) * self.speed[k]
            passed += 1
        add(self.beta, self.end, self.speed, self.r)
        self.s = self.end
        return self.ended(sampled, passed, _REACHED)

    cdef Why stepped(self):
        """To where the step leads (`there`, `ahead`), or the first event on it."""
        cdef Landing landing = self.landing
        cdef Py_ssize_t k
        cdef Why why = _FAILED
        self.steps += 1
        landing.distance = 0.0
        for k in range(STAGES):
            landing.end_of(self.beta, self.now.z + k * self.r)
            if self.guards.below(self.ahead):
                landing.some = Suspects(self.guards, *self.guards.below_zero())
                landing.land(self.s, self.beta, self.now, k, self.end, self.tolerance)
                self.work += landing.work
                why = _TRIGGERED if landing.hit else _FAILED
                break
        self.there = self.s + self.now.h + landing.distance
        return why

    cdef Py_ssize_t sample(self, const double[:] times, double[:, ::1] sampled, Py_ssize_t passed):
        """Record the samples on the way to `there` by steps of their own; how many have passed."""
        cdef double at, asked
        cdef Py_ssize_t k
        while passed < len(times):
            at = self.field.solver_time(times[passed])
            if at > self.there:
                break
            asked = larger(at - self.s, SMALLEST)
            self.radau.advance(self.s, self.beta, asked, self.now, False, self.tolerance, self.part)
            if self.part.h < asked:
                self.radau.along(self.now.z, asked / self.now.h, self.speed)
            else:
                memcpy(self.speed, self.part.z + (STAGES - 1) * self.r, self.r * sizeof(double))
            for k in range(self.r):
                sampled[passed, k] = self.beta[k] + self.speed[k]
            passed += 1
        return passed

    cdef Why left(self):
        """Why the mode is left where it is, FAILED if it is not."""
        cdef double moves
        if self.s >= self.end:
            return _REACHED
        if self.may_rest() and self.resting().any():
            return _RESTS
        if self.steps % GLANCE == 0:
            self.field.speed(self.s, self.beta, self.log, self.speed)
            fill(self.log, 0.0, self.L)
            self.field.gather(self.speed, self.log)
            moves = largest(self.log, self.L)
            if 0 < moves < SLOW:
                return _RELAXED
        return _FAILED

    cdef bint may_rest(self):
        """Whether any live point has pulled for long; `log` (L,) is ln(t l) of each."""
        cdef double unit = self.field.log_time(self.s) - self.s - self.field.log_origin
        cdef Py_ssize_t i
        cdef bint found = False
        self.field.log_pulls(self.s, self.beta, self.log)
        for i in range(self.L):
            self.log[i] += unit
            found |= self.log[i] + 2 * log(self.sizes[i]) > PULLS
        return found

    cdef resting(self):
        """Points (n,) that have pulled for long without moving: they have come to rest.

        Forces count in units of their coordinates: where x = 10001 and 10000 hold one another,
        what moves both is 1e-8 of what they pull with, and is all that matters.
        """
        found = np.zeros(self.field.n, bool)
        if not self.may_rest():
            return found
        log = array(self.log, 1, self.L)[0]
        forces = self.guards.forces() / np.asarray(self.scale) * np.exp(log - log.max())[:, None]
        left = np.linalg.norm(forces.sum(axis=0)) / exp(self.log_balanced)
        old = log + 2 * np.log(array(self.sizes, 1, self.L)[0]) > PULLS
        found[self.field.live] = old & (np.linalg.norm(forces, axis=1) > left)
        return found

    cdef ended(self, double[:, ::1] sampled, Py_ssize_t count, Why why):
        """Where the mode was left, and why: ln of the time since entry, theta (m, k) and margins
        (n,) there, theta at the samples (passed, m, k), one of the words above, pairs (m, n) below
        their guards, statuses (m, n) that slides go over to, points (n,) at rest, and attempts at
        steps."""
        cdef Guards guards = self.guards
        memcpy(&sampled[count, 0], self.beta, self.r * sizeof(double))
        thetas = guards.thetas(sampled, count + 1)
        pairs, ends = [], []
        if why == _TRIGGERED:
            guards.below(self.beta)
            pairs, ends = guards.below_zero()
            if not pairs and not ends:  # rounding hides it at its root
                pairs, ends = self.landing.some.nearest(self.beta)
        met, released_to = guards.triggered(pairs, ends)
        return (self.field.log_time(self.s), thetas[count], guards.margins_seen(self.beta),
                thetas[:count], int(why), met, released_to, self.resting(), self.work)
