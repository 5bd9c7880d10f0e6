# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""A mode followed from its entry to where something ends it, compiled: one call for a segment; and
what a neuron does on its kinks.

    vectors   memory, and what is done with vectors of doubles
    tableau   constants of Radau IIA
    field     a mode as the solver sees it
    forces    what moves it, as power series
    ways      how neurons move
    step      a step, and its errors
    radau     how it is found where the mode is stiff
    stepper   how it is found
    slides    multipliers
    guards    what must stay positive while the mode lasts
    landing   where a step has to end that passes one
    filippov  what a neuron does on its kinks
    sliding   how a neuron moves that is held there

Shapes stand in parentheses; all matrices are in C order.
"""

from libc.math cimport INFINITY, ceil, exp, expm1, fabs, hypot, log, log1p, sqrt
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy

import numpy as np

from latephase.late.modes import balance, linear_algebra
from latephase.late.modes.kernel import tableau

include "vectors.pxi"
include "tableau.pxi"
include "field.pxi"
include "forces.pxi"
include "ways.pxi"
include "step.pxi"
include "radau.pxi"
include "stepper.pxi"
include "slides.pxi"
include "guards.pxi"
include "landing.pxi"
include "filippov.pxi"
include "sliding.pxi"

SOURCES = "f23461be5005"

cdef enum:
    MOST_STEPS = 3_000
    MOST_LOOSE = 2  # times that a tolerance is loosened, where rounding keeps the solver from it
    GLANCE = 10  # steps after which it is asked whether the clock is too fast
cdef double LOOSER = 100.0  # times the tolerance, then
cdef double FIRST = 0.1  # in s, the power of the tolerance: a mode relaxes in a time of 1
cdef double AS_LONG = 4.0  # times the time that the last mode has lasted: a first step
cdef double SHORTEST = 1e-3  # in s: a first step
cdef double INSTANT = 1e-12  # in s: over less than this the field is constant
cdef double PULLS = balance.PULLS
cdef double UNSURE = 10.0  # tolerances by which a solver may be off
cdef double NOISE = 30.0  # times that, for what rounding leaves of forces that hold one another
cdef double FINE = 3e-11  # the loosest tolerance there: what is left of the forces moves all

REACHED, TRIGGERED, RESTS, RELAXED, FAILED = range(5)
cdef enum Why:
    _REACHED, _TRIGGERED, _RESTS, _RELAXED, _FAILED


cdef class Follower:
    """A mode on its way, at the solver's variable s and a state y (size,).

    mode: a `Mode`;  points: of the run;  places, held: its neurons that slide, and what they have
    of their own;  order: of the modified flow;  logistic: the loss, else exponential;  loose, least
    (m, n): how far below 0 guards may go, as shares of the terms of pre-activations, at least these;
    balanced: how far the margin of a point at rest may still have to go;  whole: whether events
    wait for whole times.
    """

    cdef Field field
    cdef Ways ways
    cdef Slides slides
    cdef Guards guards
    cdef Stepper stepper
    cdef Landing landing
    cdef Step now, part
    cdef Py_ssize_t r, L, steps, work
    cdef double s, there, end, began, length, tolerance, balanced
    cdef double* y
    cdef double* ahead
    cdef double* log
    cdef double* speed
    cdef double* sizes

    def __init__(self, mode, Points points, list places, list held, int order, bint logistic,
                 const double[:, ::1] loose, const double[:, ::1] least, double tolerance,
                 double balanced, bint whole):
        cdef Field field = Field(mode, order, logistic)
        cdef Arena arena = field.arena
        cdef Py_ssize_t i
        self.field, self.r, self.L, self.steps, self.work = field, field.r, field.L, 0, 0
        self.ways = Ways(mode, field, points, places, held)
        self.slides = Slides(field, places, held, loose,
                             UNSURE * tolerance * (NOISE if field.slow else 1.0))
        self.guards = Guards(mode, field, self.ways, self.slides, loose, least)
        self.stepper = Stepper(
            mode, field, Scales(field, points, mode.theta, mode.norms, least))
        self.landing = Landing(self.guards, self.stepper, whole)
        self.now, self.part = Step(field.size, arena), Step(field.size, arena)
        self.tolerance = smaller(tolerance, FINE) if field.slow else tolerance
        self.balanced, self.s = balanced, 0.0
        self.y, self.ahead, self.speed = (
            arena.bare(field.size), self.landing.ahead, arena.bare(field.size))
        memcpy(self.y, field.entry, field.size * sizeof(double))
        self.log, self.sizes = arena.bare(self.L), arena.bare(self.L)
        for i in range(self.L):
            self.sizes[i] = sqrt(dot(field.pull_t + i * self.r, field.pull_t + i * self.r, self.r))

    def follow(self, const double[:] times, double log_end, double log_last):
        """Follow the mode for a time exp(log_end), or until a guard falls below 0, or all that is
        fast has relaxed, or points have come to rest; then what `ended` returns.

        times: ln of those of samples, sorted;  log_last: ln of the time that the last mode has
        lasted, as this one may.
        """
        cdef double h
        cdef int loose = 0
        cdef Why why = _FAILED
        cdef list sampled = []
        self.end = self.field.solver_time(log_end)
        if self.end < INSTANT:
            return self.at_once(times)
        h = larger(AS_LONG * self.field.solver_time(log_last), SHORTEST)
        h = smaller(h, self.tolerance ** FIRST)
        while why == _FAILED and self.work < MOST_STEPS:
            h = larger(smaller(h, self.end - self.s), SMALLEST)
            self.stepper.advance(self.s, self.y, h, self.now, True, self.tolerance, self.now)
            self.work += self.now.work
            if self.now.h == 0:  # rounding keeps the solver from its tolerance
                if loose == MOST_LOOSE:
                    break
                h, loose = self.tolerance ** FIRST, loose + 1
                self.tolerance *= LOOSER
                continue
            h = self.now.next_h
            why = self.stepped()
            self.sample(times, sampled)
            self.s = self.there
            memcpy(self.y, self.ahead, self.field.size * sizeof(double))
            if why == _FAILED:
                why = self.left()
        return self.ended(sampled, why)

    cdef at_once(self, const double[:] times):
        """A mode followed for so short a time that its field is constant."""
        cdef double at
        cdef list sampled = []
        self.stepper.speed(0.0, self.y, self.speed)
        for log_time in times:
            at = self.field.solver_time(log_time)
            if at > self.end:
                break
            memcpy(self.ahead, self.y, self.field.size * sizeof(double))
            add(self.ahead, at, self.speed, self.field.size)
            sampled.append(self.theta_at(self.ahead))
        add(self.y, self.end, self.speed, self.field.size)
        self.s = self.end
        return self.ended(sampled, _REACHED)

    cdef Why stepped(self):
        """To where the step leads (`there`, `ahead`), or the first event on it."""
        cdef Landing landing = self.landing
        cdef Suspects some
        cdef Py_ssize_t k
        cdef double low = 0.0, high = 0.0, most = 1.0, bottom
        cdef bint met = False
        cdef Why why = _FAILED
        self.steps += 1
        landing.distance = 0.0
        self.now.at(self.y, 1.0, self.ahead)
        self.began, self.length = self.s, self.now.h
        if self.guards.ends_at(self.ahead):  # what is below 0 at its end tells how far to look
            some = Suspects(self.guards, self.guards.below_zero())
            some.begin(self.y, self.now)
            most = some.first_node()
        some = Suspects(self.guards, self.guards.doubtful(self.y, self.now, most))
        some.begin(self.y, self.now)
        for k in range(STAGES):
            low, high = high, NODES[k]
            met = some.below(high)
            if self.slides.S:
                self.now.at(self.y, high, self.ahead)
                if self.slides.multiply(self.ahead):
                    some.add_ends(self.slides.below_zero())
                    met = True
            if met or high >= most:
                break
        bottom = some.dips(high)
        if bottom < INFINITY:
            low, high, met = 0.0, bottom, True
        if met:
            landing.some = some
            landing.land(self.s, self.y, self.now, low, high, self.end, self.tolerance)
            self.work += landing.work
            why = _TRIGGERED if landing.hit else _FAILED
        if why == _FAILED:
            if self.now.h != self.length:  # a landing that missed
                self.guards.ends_at(self.ahead)
            self.guards.arrive()
        self.there = self.s + self.now.h + landing.distance
        return why

    cdef void sample(self, const double[:] times, list sampled):
        """Record the samples on the way to `there`: where the step is not exact on its way, by
        steps of their own."""
        cdef double at, asked
        while len(sampled) < len(times):
            at = self.field.solver_time(times[len(sampled)])
            if at > self.there:
                break
            asked = larger(at - self.s, SMALLEST)
            if not self.now.exact:
                self.stepper.advance(
                    self.s, self.y, asked, self.now, False, self.tolerance, self.part)
            if not self.now.exact and self.part.h == asked:
                self.part.at(self.y, 1.0, self.speed)
            else:
                self.now.at(self.y, asked / self.now.h, self.speed)
            sampled.append(self.theta_at(self.speed))

    cdef Why left(self):
        """Why the mode is left where it is, FAILED if it is not."""
        cdef double moves
        if self.s >= self.end:
            return _REACHED
        if self.may_rest() and self.resting().any():
            return _RESTS
        if self.steps % GLANCE == 0:
            self.stepper.speed(self.s, self.y, self.speed)
            moves = largest(self.speed + self.field.q, self.L)
            if 0 < moves < SLOW:
                return _RELAXED
        return _FAILED

    cdef bint may_rest(self):
        """Whether any live point has pulled for long; `log` (L,) is ln(t l) of each."""
        cdef double unit = self.field.log_time(self.s) - self.s - self.field.log_origin
        cdef Py_ssize_t i
        cdef bint found = False
        self.field.log_pulls(self.s, self.y, self.log)
        for i in range(self.L):
            self.log[i] += unit
            found |= self.log[i] + 2 * log(self.sizes[i]) > PULLS
        return found

    cdef resting(self):
        """Points (n,) that have come to rest."""
        cdef double one
        cdef Py_ssize_t i
        found = np.zeros(self.field.n, bool)
        if not self.may_rest():
            return found
        bend = np.empty(self.L)
        for i in range(self.L):
            self.field.log_weight(self.y[self.field.q + i], &one)
            bend[i] = one
        log = array(self.log, 1, self.L)[0]
        found[self.field.live] = balance.at_rest(
            np.asarray(self.field.rows).T, log, bend, self.balanced)
        return found

    cdef theta_at(self, const double* y):
        """theta (m, k) at a state."""
        found = np.empty((self.ways.m, self.ways.k))
        cdef double[:, ::1] into = found
        self.guards.parameters(y + self.field.w, &into[0, 0])
        return found

    cdef ended(self, list sampled, Why why):
        """Where the mode was left, and why: ln of the time since entry, theta (m, k) and margins
        (n,) there, theta (m, k) at each sample, one of the words above, pairs (m, n) below their
        guards, statuses (m, n) that slides go over to, points (n,) at rest, and attempts at
        steps."""
        cdef double share
        cdef double[::1] margins = np.empty(self.field.n)
        theta = self.theta_at(self.y)
        pairs, ends = [], []
        if why == _TRIGGERED:
            share = (self.s - self.began) / self.length
            if share <= 1:
                self.guards.passed(self.y, share)
            else:
                self.guards.below(self.y)
            pairs, ends = self.guards.below_zero(), self.slides.below_zero()
            if not pairs and not ends:  # rounding hides it at its root
                pairs, ends = self.landing.some.nearest(self.y)
        met, released_to = self.guards.triggered(pairs, ends)
        self.field.all_margins(self.y, &margins[0])
        return (self.field.log_time(self.s), theta, np.asarray(margins), sampled, int(why), met,
                released_to, self.resting(), self.work)
