# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, cpow=True
"""A mode of two trained layers from its entry to where something ends it: one call for a segment.

    field     the modified flow of a mode
    newton    the linear systems of its solver
    radau     a step
    guards    what must stay positive while the mode lasts

Memory and the constants of the method are those of `late/modes/kernel`. Shapes stand in
parentheses; all matrices are in C order.
"""

from libc.math cimport INFINITY, ceil, exp, expm1, fabs, log as ln, log1p, sqrt
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy

import numpy as np

from latephase.late.modes.kernel import tableau

include "../../modes/kernel/vectors.pxi"
include "../../modes/kernel/tableau.pxi"
include "field.pxi"
include "newton.pxi"
include "radau.pxi"
include "guards.pxi"

SOURCES = "3ff739931d81"

cdef double RESOLVED = ln(2.0 ** 40)  # beyond it the steps of gradient descent are not told apart
cdef enum:
    MOST_STEPS = 3_000
    MOST_LOOSE = 2  # times that a tolerance is loosened, where rounding keeps the solver from it
    REFINED = 4  # steps by which a root is found
    HALVED = 100  # times that an interval with a root in it is made smaller, at most
    LOOKS = 8  # parts of a step in each of which a guard is least once at most
cdef double SMALLEST = 1e-13  # of a step, in s
cdef double FIRST = 0.3  # step, in s: a mode relaxes in a time of 1
cdef double GROWTH = 3.0  # of steps, at most: beyond it the last one is no guess of the next
cdef double SHORTENED = 0.4, EASED = 1.2  # of a step not found, and of the longest one after it
cdef double FLOOR = 1e-3  # of the other half of its neuron: the size that a coordinate has at least
cdef double SHRUNK = 1e-8  # of its size at entry: a neuron on its way to 0 is not followed below it
cdef double STEADY = 1.0  # relaxation per step up to which a flow stays where steps do
cdef double ROUGHEST = 1e-6  # step, in s, by which the time when that is passed is found
cdef double LOOSER = 100.0  # times the tolerance, where rounding keeps a solver from it

REACHED, TRIGGERED, FAILED, ROUGH, _ON = range(5)
cdef enum Why:
    _REACHED, _TRIGGERED, _FAILED, _ROUGH, _ON_


cdef class Follower:
    """A mode on its way, at s = ln(1 + t / c) and y (D,).

    discrete: whether steps of gradient descent are followed;  whole: whether events wait for whole
    times;  cap: ln of the pull at which points that get nowhere are at rest.
    """

    cdef Field field
    cdef Guards guards
    cdef Radau radau
    cdef Step now, last, part
    cdef bint discrete, whole, opened, stale, followed, known
    cdef Py_ssize_t D, work, passed
    cdef double s, end, most, cap, tolerance, margin_noise, pull_noise
    cdef double *y
    cdef double *at
    cdef double *units
    cdef double *least
    cdef double *reaches
    cdef double *nodes
    cdef char[:] some
    cdef const double[:] times
    cdef double[:, ::1] sampled

    def __init__(self, Field field, Guards guards, bint discrete, bint whole, double cap,
                 double tolerance):
        cdef Arena arena = field.arena
        cdef Py_ssize_t j, i, k
        self.field, self.guards, self.radau, self.D = field, guards, Radau(field), field.D
        self.now, self.last, self.part = (
            Step(self.D, arena), Step(self.D, arena), Step(self.D, arena))
        self.discrete, self.whole, self.cap, self.tolerance = discrete, whole, cap, tolerance
        self.opened, self.stale, self.followed, self.known = False, True, False, False
        self.s, self.most, self.work, self.passed = 0.0, INFINITY, 0, 0
        self.y, self.at, self.units = arena.take(self.D), arena.take(self.D), arena.take(self.D)
        self.least, self.reaches = arena.take(self.D), arena.take(field.M)
        self.some = np.zeros(guards.count, np.int8)
        self.nodes = arena.take((STAGES + 1) * guards.count)
        memcpy(self.y, guards.origin, self.D * sizeof(double))
        for j in range(field.M):
            for i in range(j * field.L, (j + 1) * field.L):
                k = i * field.r
                self.reaches[j] = larger(
                    self.reaches[j], sqrt(dot(field.forms + k, field.forms + k, field.r)))
        self.measure()
        for k in range(self.D):
            self.least[k] = SHRUNK * self.units[k]

    def follow(self, const double[:] times, double log_end):
        """Follow the mode for a time exp(log_end) or until a guard falls below 0.

        times: ln of those of samples, sorted.  Returns ln of the time it took, y, sampled (k, D),
        why it ended, whether guards (P + 3 S,) are below 0 there, multipliers (S,), and its steps.
        """
        cdef Why why
        cdef Py_ssize_t p
        self.times, self.end = times, self.field.solver_time(log_end)
        self.sampled = np.empty((len(times), self.D))
        why = self.run()
        if why == _REACHED:
            while self.passed < len(times):  # nothing has moved by then
                memcpy(&self.sampled[self.passed, 0], self.y, self.D * sizeof(double))
                self.passed += 1
        below = np.zeros(self.guards.count, bool)
        if why == _TRIGGERED:
            below = self.below()
        log_time = log_end if why == _REACHED else self.field.log_time(self.s)
        sampled = np.asarray(self.sampled)[: self.passed]
        shares = array(self.guards.shares, 1, self.guards.S)[0]
        return log_time, array(self.y, 1, self.D)[0], sampled, <int> why, below, shares, self.work

    cdef below(self):
        """Whether each guard is below 0 at y; if none is, the least among `some`: rounding hides it
        at its root."""
        cdef Py_ssize_t p
        cdef double least = self.guards.look(self.y)
        if not least < 0:
            least = self.guards.least_of(self.y, &self.some[0])
            return np.array([self.some[p] and self.guards.values[p] == least
                             for p in range(self.guards.count)], bool)
        return np.array([self.guards.values[p] < 0 for p in range(self.guards.count)], bool)

    cdef Why run(self):
        """Step until something ends the segment."""
        cdef double h = FIRST, bottom, high
        cdef int loose = 0
        cdef Py_ssize_t first
        cdef Why why
        while self.s < self.end:
            if self.work > MOST_STEPS:
                return _FAILED
            if not self.advance(smaller(smaller(h, self.most), self.end - self.s), self.now,
                                self.last if self.followed else None, True):
                if loose == MOST_LOOSE:
                    return _FAILED
                self.tolerance, loose, h = self.tolerance * LOOSER, loose + 1, 0.01
                continue
            if self.discrete and self.roughens():
                if self.now.h <= ROUGHEST:
                    return _ROUGH
                h = self.most = self.now.h / 4
                continue
            h = 0.9 * larger(self.now.error, 1e-12) ** (-1.0 / (STAGES + 1))
            h = self.now.h * smaller(larger(h, 0.2), GROWTH)
            self.most *= EASED
            first = self.crossed()
            high = NODES[first] if first < STAGES else 1.0
            bottom = self.dip(high)
            if bottom < high or first < STAGES:
                why = self.up_to_guard(
                    NODES[first - 1] if bottom == high and first else 0.0, bottom)
                if why != _ON_:
                    return why
                continue
            self.sample(self.now, self.s + self.now.h)
            self.move(self.now)
            self.last.take(self.now)
            self.followed = True
        return _REACHED

    cdef bint roughens(self):
        """Whether steps of gradient descent leave the flow at the end of a step: pulls that hold
        one another relax ever faster while output weights grow."""
        self.to(self.now.end())
        self.field.look(self.s + self.now.h, self.at)
        return self.field.rate(self.at) > STEADY

    cdef void move(self, Step step):
        """Go where a step leads."""
        self.s += step.h
        add(self.y, 1.0, step.end(), self.D)
        self.known = step is self.now
        self.measure()

    cdef void measure(self):
        """What is known where it stands: points at rest, rounding, and units."""
        self.field.look(self.s, self.y)
        if self.s > 0:
            self.field.rest(self.s, self.y, self.cap)
        self.margin_noise, self.pull_noise = largest(self.field.q, self.field.L), self.field.held()
        self.measure_units()
        self.stale = True

    cdef void measure_units(self) noexcept:
        """Sizes (D,) of the coordinates that tolerances are relative to: of its neuron, if what
        they add to its heights is no more than these (at x = 1000 and 1001 one adds 1e6 times as
        much as the other); or where that is far less, what moves a margin by 1."""
        cdef Py_ssize_t j, k, r = self.field.r, place
        cdef double hidden, outer, floor, adds, size
        cdef double *reach = self.field.scale
        for j in range(self.field.M):
            hidden, place = sqrt(dot(self.y + j * r, self.y + j * r, r)), self.field.M * r + j
            outer, adds = fabs(self.y[place]), 0.0
            for k in range(j * r, (j + 1) * r):
                if reach[k] < INFINITY:
                    adds = larger(adds, fabs(self.y[k]) * reach[k])
            floor = smaller(FLOOR * outer, 1 / (outer * self.reaches[j]))
            for k in range(j * r, (j + 1) * r):
                size = smaller(hidden, adds / reach[k]) if reach[k] < INFINITY else hidden
                self.unit(k, size, floor)
            size = largest(self.field.a + j * self.field.L, self.field.L)
            floor = smaller(FLOOR * hidden, 1 / size)
            self.unit(place, outer, floor)

    cdef void unit(self, Py_ssize_t k, double size, double floor) noexcept:
        """That of a coordinate of a size, at least `floor`."""
        size = larger(size, floor)
        self.units[k] = larger(size if size > 0 else 1.0, self.least[k])

    cdef bint advance(self, double h, Step into, Step like, bint beyond):
        """A step of at most h that is good enough; whether there is one.

        like: the step whose polynomial is the first guess, of which this one is a part, or that it
        goes `beyond`.
        """
        while h > SMALLEST or like is not None:
            self.work += 1
            into.h = h
            self.attempt(into, like, beyond)
            if into.error <= 1 or (like is not None and not beyond and into.error < INFINITY):
                return True
            if not beyond or h <= SMALLEST:
                like = None
            if into.error == INFINITY:
                h *= SHORTENED
                self.most = h
            else:
                h *= larger(0.9 * into.error ** (-1.0 / (STAGES + 1)), 0.1)
        return False

    cdef void attempt(self, Step step, Step like, bint beyond):
        """The stages of a step, by the cheapest iteration that finds them."""
        if not self.opened:
            self.by(PLAIN, step, like, beyond)
            if step.error < INFINITY:
                return
        elif not self.stale or like is None:
            self.by(NEWTON, step, like, beyond)
            if step.error < INFINITY:
                return
        if not self.opened or self.stale:
            self.radau.newton.open(self.s, self.y)
            self.opened, self.stale = True, False
            self.by(NEWTON, step, like, beyond)
        if step.error == INFINITY:
            self.by(EXACT, step, like, beyond)

    cdef void by(self, int way, Step step, Step like, bint beyond):
        """The stages of a step by one way of iteration."""
        cdef double noise = NOISE * (self.margin_noise + step.h * self.pull_noise)
        cdef double tolerance = larger(self.tolerance, noise)
        self.guess(step, like, beyond)
        self.radau.stages(self.s, self.y, step, self.units, tolerance, way, noise)

    cdef void guess(self, Step step, Step like, bint beyond):
        """Moves of a step by the polynomial of another one, or none."""
        cdef Py_ssize_t c
        if like is None:
            fill(step.moves, 0.0, STAGES * self.D)
            return
        for c in range(STAGES):
            like.along((step.h * NODES[c]) / like.h + (1.0 if beyond else 0.0),
                       step.moves + c * self.D)
            if beyond:
                add(step.moves + c * self.D, -1.0, like.end(), self.D)

    cdef Py_ssize_t crossed(self):
        """The first stage of the step at which a guard is below 0, then marked in `some`; and all
        of them at its `nodes`."""
        cdef Py_ssize_t c, p, first = STAGES, count = self.guards.count
        cdef double least
        if self.known:
            memcpy(self.nodes, self.nodes + STAGES * count, count * sizeof(double))
        else:
            self.guards.look(self.y)
            memcpy(self.nodes, self.guards.values, count * sizeof(double))
        self.known = False
        for c in range(STAGES):
            self.to(self.now.moves + c * self.D)
            least = self.guards.look(self.at)
            memcpy(self.nodes + (c + 1) * count, self.guards.values, count * sizeof(double))
            if least < 0 and first == STAGES:
                first = c
                for p in range(count):
                    self.some[p] = self.guards.values[p] < 0
        return first

    cdef double dip(self, double most):
        """The first share of the step, before `most`, where a guard is below 0 that has fallen and
        rises again, then the one marked in `some`; `most` if there is none."""
        cdef Py_ssize_t p, c, which = -1, count = self.guards.count
        cdef double share, bottom = most, least, top, value
        for p in range(count):
            least = top = self.nodes[p]
            for c in range(1, STAGES + 1):
                value = self.nodes[c * count + p]
                least, top = smaller(least, value), larger(top, value)
            if not least > top - least:  # a polynomial keeps to 0.64 of that from its values
                share = lowest(self.nodes + p, count, bottom)
                if share < bottom:
                    bottom, which = share, p
        if which < 0 or not self.advance(bottom * self.now.h, self.part, self.now, False):
            return most
        self.to(self.part.end())
        self.guards.look(self.at)
        if self.part.h != bottom * self.now.h or not self.guards.values[which] < 0:
            return most
        for p in range(count):
            self.some[p] = p == which
        return bottom

    cdef void to(self, const double* moves) noexcept:
        """at (D,): y and what it moves."""
        cdef Py_ssize_t k
        for k in range(self.D):
            self.at[k] = self.y[k] + moves[k]

    cdef Why up_to_guard(self, double low, double high):
        """Up to where a guard falls below 0 in a step, between two shares of it.

        Gradient descent notices at its next step only, and goes on if the guard has risen again by
        then.  Where steps are not told apart, and on slides, it ends there and then.
        """
        cdef double share = self.root(low, high)
        cdef double log_time = self.field.log_time(self.s + share * self.now.h)
        if self.whole and log_time < RESOLVED:
            log_time = ln(larger(ceil(exp(log_time) - 1e-9), 1.0))
            return self.on_to(smaller(self.field.solver_time(log_time), self.end))
        self.refine(share * self.now.h)
        self.sample(self.part, self.s + self.part.h)
        self.move(self.part)
        return _TRIGGERED

    cdef double root(self, double low, double high):
        """The share of the step at which the least of `some` guards falls below 0, by collocation:
        regula falsi, the end that stays counting half (Illinois)."""
        cdef double below, above = self.at_share(low), share, value
        cdef int kept = 0, _
        if above <= 0:
            return low
        below = self.at_share(high)
        if below >= 0:
            return high
        for _ in range(HALVED):
            if high - low <= 1e-14:
                break
            share = (low * below - high * above) / (below - above)
            if not low < share < high:
                share = (low + high) / 2
            value = self.at_share(share)
            if value == 0:
                return share
            if value > 0:
                low, above = share, value
                below = below / 2 if kept > 0 else below
                kept = 1
            else:
                high, below = share, value
                above = above / 2 if kept < 0 else above
                kept = -1
        return high

    cdef double at_share(self, double share):
        """The least of `some` guards at a share of the step."""
        self.now.along(share, self.at)
        self.to(self.at)
        return self.guards.least_of(self.at, &self.some[0])

    cdef void refine(self, double h):
        """The `part` of the step that ends where some guards fall below 0, to full order: by
        secants."""
        cdef double before_h = 0.0, before = self.guards.least_of(self.y, &self.some[0])
        cdef double value, shift
        cdef int _
        cdef Step found = Step(self.D, self.field.arena)
        self.part.take(self.now)
        for _ in range(REFINED):
            if not self.advance(larger(h, SMALLEST), found, self.now, False):
                return
            self.part.take(found)
            if found.h != larger(h, SMALLEST):
                return
            self.to(found.end())
            value = self.guards.least_of(self.at, &self.some[0])
            if found.h == before_h or value == before:
                return
            shift = -value * (found.h - before_h) / (value - before)
            if fabs(shift) < 1e-15 + 1e-14 * h or not 0 < found.h + shift < 1.5 * self.now.h:
                return
            before_h, before, h = found.h, value, found.h + shift

    cdef Why on_to(self, double s):
        """On in the same mode up to s, whatever the guards say on the way."""
        while self.s < s:
            if self.work > MOST_STEPS or not self.advance(s - self.s, self.part, None, False):
                return _FAILED
            self.sample(self.part, self.s + self.part.h)
            self.move(self.part)
        return _TRIGGERED if self.guards.look(self.y) < 0 else _ON_

    cdef void sample(self, Step step, double s):
        """Record the samples up to s within a step, by steps of their own where its polynomial is
        not good enough."""
        cdef double at
        cdef Step own
        while self.passed < len(self.times):
            at = self.field.solver_time(self.times[self.passed])
            if at > s:
                return
            if at < self.s + step.h:
                step.along((at - self.s) / step.h, self.at)
                if not step.follows(self.tolerance):
                    own = Step(self.D, self.field.arena)
                    if self.advance(larger(at - self.s, SMALLEST), own, step, False) and (
                            own.h == at - self.s):
                        memcpy(self.at, own.end(), self.D * sizeof(double))
                self.to(self.at)
            else:
                self.to(step.end())
            memcpy(&self.sampled[self.passed, 0], self.at, self.D * sizeof(double))
            self.passed += 1


cdef double lowest(const double* values, Py_ssize_t stride, double most) noexcept:
    """The first share of a step, before `most`, where what has these values at its start and its
    nodes is below 0 and least, between where it falls and rises; `most` if there is none."""
    cdef double[STAGES] moves
    cdef double low, high, middle, before, after, value
    cdef Py_ssize_t c, power, look, _
    for power in range(STAGES):
        moves[power] = 0.0
        for c in range(STAGES):
            moves[power] += COLLOCATION[c][power] * (values[(c + 1) * stride] - values[0])
    before = moves[0]
    for look in range(LOOKS):
        low, high = most * look / LOOKS, most * (look + 1) / LOOKS
        after = rise(moves, high)
        if before < 0 <= after:
            for _ in range(40):
                middle = (low + high) / 2
                if rise(moves, middle) < 0:
                    low = middle
                else:
                    high = middle
            value = 0.0
            for power in range(STAGES - 1, -1, -1):
                value = (value + moves[power]) * high
            if values[0] + value < 0:
                return smaller(high, most)
        before = after
    return most


cdef inline double rise(const double* moves, double share) noexcept:
    """The derivative of that at a share."""
    cdef double found = 0.0
    cdef Py_ssize_t power
    for power in range(STAGES - 1, -1, -1):
        found = found * share + (power + 1) * moves[power]
    return found
