"""A mode followed in NumPy, where no kernel was compiled."""

from __future__ import annotations

import math
from dataclasses import dataclass
from dataclasses import field as given

import numpy as np

from latephase.core.arrays import Bools, Floats
from latephase.late.modes.kernel.tableau import NODES, STAGES, THROUGH

from .field import LayeredField, rate_of
from .guards import NOISE, LayeredGuards
from .mode import LayeredMode
from .radau import Spectrum, Stages, stages
from .segment import LayeredSegment

_RESOLVED = math.log(2.0**40)  # beyond it the steps of gradient descent are not told apart
_MOST_STEPS = 3_000
_SMALLEST_LOG = -1e6
_SMALLEST = 1e-13  # of a step, in s
_FIRST = 0.3  # step, in s: a mode relaxes in a time of 1
_GROWTH = 3.0  # of steps, at most: beyond it the last one is no guess of the next
_SHORTENED, _EASED = 0.4, 1.2  # of a step that was not found, and of the longest one from there on
_FLOOR = 1e-3  # of the other half of its neuron: the size that a coordinate has at least
_SHRUNK = 1e-8  # of its size at entry: a neuron on its way to 0 is not followed below it
_REFINED = 4  # steps by which a root is found
_STEADY = 1.0  # relaxation per step up to which a flow stays where steps do
_ROUGHEST = 1e-6  # step, in s, by which the time when that is passed is found
_LOOSER, _MOST_LOOSE = 100.0, 2  # times the tolerance, where rounding keeps a solver from it


def follow_by_numpy(
    field: LayeredField,
    loose: Floats,
    log_times: Floats,
    log_end: float,
    tolerance: float,
    cap: float,
) -> LayeredSegment:
    """Follow a mode, as `follow.follow` says."""
    guards = LayeredGuards.of(field.mode, loose, tolerance)
    return _Follower(field.mode, field, guards, log_times, log_end, tolerance, cap).run()


@dataclass
class _Follower:
    """The solver on its way: at s = ln(1 + t / c) and coordinates y (D,)."""

    mode: LayeredMode
    field: LayeredField
    guards: LayeredGuards
    log_times: Floats
    log_end: float
    tolerance: float
    cap: float
    s: float = 0.0
    y: Floats = given(init=False)
    sampled: list[Floats] = given(default_factory=list)
    spectrum: Spectrum | None = None
    stale: bool = True
    most: float = math.inf
    work: int = 0

    def __post_init__(self) -> None:
        self.y = self.mode.start.copy()
        self.reaches = np.linalg.norm(self.mode.forms, axis=2).max(axis=1)
        self.least = np.zeros(len(self.y))
        self.least = _SHRUNK * self._units()
        self.units, self.noise = self._units(), self.field.rounding(0.0, self.y)

    def run(self) -> LayeredSegment:
        """Step until something ends the segment."""
        end, h, loose, last = self._at(self.log_end), _FIRST, 0, None
        while self.s < end and self.work <= _MOST_STEPS:
            step = self._advance(min(h, self.most, end - self.s), last, beyond=True)
            if step is None:  # rounding keeps the solver from its tolerance
                if loose == _MOST_LOOSE:
                    return self._ended(failed=True)
                self.tolerance, loose, h = self.tolerance * _LOOSER, loose + 1, 0.01
                continue
            if self._roughens(step):
                if step.h <= _ROUGHEST:
                    return self._ended(rough=True)
                h = self.most = step.h / 4
                continue
            h = step.h * min(max(0.9 * max(step.error, 1e-12) ** (-1 / 6), 0.2), _GROWTH)
            self.most *= _EASED
            event = self._event(step)
            if event is not None:
                met = self._up_to_guard(step, *event)
                if met is not None:
                    return met
                continue
            self._sample(step, self.s + step.h)
            self._move(step)
            last = step
        return self._ended(failed=self.s < end)

    def _roughens(self, step: Stages) -> bool:
        """Whether steps of gradient descent leave the flow at the end of a step: pulls that hold
        one another relax ever faster while output weights grow."""
        if not self.mode.dynamics.method.discrete:
            return False
        return rate_of(self.mode, self.y + step.moves[:, -1]) > _STEADY

    def _move(self, step: Stages) -> None:
        self.s, self.y = self.s + step.h, self.y + step.moves[:, -1]
        self.field = self.field.with_rest(self.s, self.y, self.cap)
        self.noise = self.field.rounding(self.s, self.y)
        self.units, self.stale = self._units(), True

    def _advance(
        self, h: float, like: Stages | None = None, *, beyond: bool = False
    ) -> Stages | None:
        """A step of at most h that is good enough; None if there is none.

        like: the step whose polynomial is the first guess, of which this one is a part, or that it
        goes `beyond`.
        """
        while h > _SMALLEST or like is not None:
            self.work += 1
            step = self._tried(h, None if like is None else _guess(like, h, beyond))
            if step.error <= 1 or (like is not None and not beyond and step.error < math.inf):
                return step
            like = like if beyond and h > _SMALLEST else None
            if step.error == math.inf:
                h *= _SHORTENED
                self.most = h
            else:
                h *= max(0.9 * step.error ** (-1 / 6), 0.1)
        return None

    def _tried(self, h: float, guess: Floats | None) -> Stages:
        """The stages of a step, by the cheaper iteration that finds them."""
        of_margins, of_pulls = self.noise
        noise = NOISE * (of_margins + h * of_pulls)
        given = (self.field, self.s, self.y, h, self.units, max(self.tolerance, noise))
        if self.spectrum is None:
            step = stages(*given, None, guess, noise)
            if step.error < math.inf:
                return step
        elif not self.stale or guess is None:
            step = stages(*given, self.spectrum, guess, noise, logs=self.field.logs)
            if step.error < math.inf:
                return step
        if self.spectrum is None or self.stale:
            self.spectrum = Spectrum.of(self.field.jacobian(self.s, self.y))
            self.stale = False
        step = stages(*given, self.spectrum, guess, noise, logs=self.field.logs)
        if step.error < math.inf:
            return step
        return stages(*given, self.spectrum, guess, noise, self.field.jacobian, self.field.logs)

    def _event(self, step: Stages) -> tuple[Bools, float, float] | None:
        """The guards that are first below 0 on a step, and between which shares of it they fall so:
        at its nodes, or between these, where one falls and rises again."""
        moves = np.column_stack([np.zeros(len(self.y)), step.moves])
        values = self.guards(self.y[:, None] + moves)
        below = values[:, 1:] < 0
        first = int(np.argmax(below.any(axis=0))) if below.any() else STAGES
        high = float(NODES[first]) if first < STAGES else 1.0
        dip = self._dip(step, values, high)
        if dip is not None:
            return dip
        if first == STAGES:
            return None
        return below[:, first], 0.0 if first == 0 else float(NODES[first - 1]), high

    def _dip(self, step: Stages, values: Floats, most: float) -> tuple[Bools, float, float] | None:
        """The guard that is below 0 first, before a share of the step, where it has fallen and
        rises again; values (G, 6): guards at the start and at the stages."""
        least, bottom, which = values.min(axis=1), most, -1
        for k in np.flatnonzero(least <= values.max(axis=1) - least):
            share = _lowest(values[k], bottom)
            if share < bottom:
                bottom, which = share, int(k)
        part = self._advance(bottom * step.h, step) if which >= 0 else None
        if part is None or part.h != bottom * step.h:
            return None
        if not self.guards(self.y[:, None] + part.moves[:, -1:])[which, 0] < 0:
            return None
        return np.arange(len(values)) == which, 0.0, bottom

    def _up_to_guard(
        self, step: Stages, some: Bools, low: float, high: float
    ) -> LayeredSegment | None:
        """The segment up to where some guards fall below 0 in a step, between two shares of it.

        Gradient descent notices at its next step only: None, and the run goes on, if the guard has
        risen again by then.  Where steps are not told apart, and on slides, it ends there and then.
        """
        share = self._root(step, some, low, high)
        s = self.s + share * step.h
        waits = self.mode.dynamics.method.discrete and not self.mode.sliding
        if waits and self._log_time(s) < _RESOLVED:
            whole = max(math.ceil(math.exp(self._log_time(s)) - 1e-9), 1)
            return self._on_to(self._at(math.log(whole)), some)
        part = self._refined(step, some, share * step.h)
        self._sample(step, self.s + part.h)
        self._move(part)
        return self._ended(some)

    def _root(self, step: Stages, some: Bools, low: float, high: float) -> float:
        """The share of a step at which the least of some guards falls below 0, by collocation."""
        from scipy.optimize import brentq

        def least(share: float) -> float:
            y = self.y[:, None] + step.along(np.array([share]))
            return float(self.guards(y)[some].min())

        if least(low) <= 0:
            return low
        return float(brentq(least, low, high, xtol=1e-14)) if least(high) < 0 else high

    def _refined(self, step: Stages, some: Bools, h: float) -> Stages:
        """The step that ends where some guards fall below 0, to full order: by secants."""
        part, before = step, (0.0, float(self.guards(self.y[:, None])[some].min()))
        for _ in range(_REFINED):
            found = self._advance(max(h, _SMALLEST), step)
            if found is None or found.h != max(h, _SMALLEST):
                return part if found is None else found
            part = found
            value = float(self.guards(self.y[:, None] + part.moves[:, -1:])[some].min())
            if part.h == before[0] or value == before[1]:
                break
            shift = -value * (part.h - before[0]) / (value - before[1])
            if abs(shift) < 1e-15 + 1e-14 * h or not 0 < part.h + shift < 1.5 * step.h:
                break
            before, h = (part.h, value), part.h + shift
        return part

    def _on_to(self, s: float, some: Bools) -> LayeredSegment | None:
        """On in the same mode up to s, whatever the guards say on the way."""
        while self.s < min(s, self._at(self.log_end)):
            step = self._advance(min(s, self._at(self.log_end)) - self.s)
            if step is None or self.work > _MOST_STEPS:
                return self._ended(failed=True)
            self._sample(step, self.s + step.h)
            self._move(step)
        values = self.guards(self.y[:, None])[:, 0]
        return self._ended(some) if (values < 0).any() else None

    def _sample(self, step: Stages, s: float) -> None:
        """Record the samples up to s within a step, by steps of their own where its polynomial is
        not good enough."""
        while len(self.sampled) < len(self.log_times):
            at = self._at(self.log_times[len(self.sampled)])
            if at > s:
                return
            share, moved = np.array([(at - self.s) / step.h]), step.moves[:, -1]
            if at < self.s + step.h:
                moved = step.along(share)[:, 0]
                if not step.follows(self.tolerance):
                    part = self._advance(max(at - self.s, _SMALLEST), step)
                    exact = part is not None and part.h == at - self.s
                    moved = part.moves[:, -1] if part is not None and exact else moved
            self.sampled.append(self.mode.parameters(self.y + moved))

    def _units(self) -> Floats:
        """Sizes (D,) of the coordinates that tolerances are relative to: of its neuron, if what
        they add to its heights is no more than these (at x = 1000 and 1001 one adds 1e6 times as
        much as the other); or where that is far less, what moves a margin by 1."""
        c, v = self.mode.parted(self.y)
        hidden, outer = np.linalg.norm(c, axis=1), np.abs(v)
        heights = np.abs(np.einsum("mlr,mr->ml", self.mode.forms, c)).max(axis=1)
        reaches = self.field.scale[: c.size].reshape(c.shape)
        adds = np.where(np.isfinite(reaches), np.abs(c) * reaches, 0.0).max(axis=1)
        with np.errstate(divide="ignore", over="ignore"):
            own = np.minimum(
                hidden[:, None], np.where(reaches < np.inf, adds[:, None] / reaches, np.inf)
            )
            least = 1 / (outer * self.reaches), 1 / heights
        hidden_unit = np.maximum(own, np.minimum(_FLOOR * outer, least[0])[:, None])
        outer_unit = np.maximum(outer, np.minimum(_FLOOR * hidden, least[1]))
        units = np.concatenate([hidden_unit.ravel(), outer_unit])
        return np.asarray(np.maximum(np.where(units > 0, units, 1.0), self.least))

    def _at(self, log_time: float) -> float:
        """The solver's variable at a time since entry."""
        return float(np.logaddexp(log_time - self.field.log_origin, 0.0))

    def _log_time(self, s: float) -> float:
        """ln of the time since entry at the solver's variable s."""
        if s <= 0:
            return _SMALLEST_LOG
        return self.field.log_origin + s + math.log(-math.expm1(-s))

    def _ended(
        self, some: Bools | None = None, *, failed: bool = False, rough: bool = False
    ) -> LayeredSegment:
        shape = self.mode.status.shape
        met = np.zeros(shape, bool) if some is None else self.guards.triggered(self.y, some)
        released = self.guards.released_to(self.y, met)
        reached = some is None and not failed and not rough
        if reached:  # samples that no step has come to: nothing has moved by then
            left = len(self.log_times) - len(self.sampled)
            self.sampled += [self.mode.parameters(self.y)] * left
        log_time = self.log_end if reached else self._log_time(self.s)
        state = self.mode.parameters(self.y)
        return LayeredSegment(
            log_time, state, self.sampled, met, released, failed, self.work, rough
        )


def _guess(like: Stages, h: float, beyond: bool) -> Floats:
    """Moves (D, 5) of a step h by the polynomial of another one."""
    if not beyond:
        return like.along(h * NODES / like.h)
    return np.asarray(like.along(1 + h * NODES / like.h) - like.moves[:, -1:])


def _lowest(values: Floats, most: float) -> float:
    """The first share of a step, before `most`, where what has these values (6,) at its start and
    its nodes is below 0 and least, between where it falls and rises; `most` if there is none."""
    path = np.polynomial.Polynomial(THROUGH @ values)
    turns = path.deriv().roots()
    real = np.sort(turns.real[np.abs(turns.imag) < 1e-9])
    rises = path.deriv(2)(real) > 0
    found = real[rises & (real > 0) & (real < most) & (path(real) < 0)]
    return float(found[0]) if found.size else most
