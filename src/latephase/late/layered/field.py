"""The field of a mode in ln t: gradient flow, or gradient descent's modified flow of order two.

With w_i the pull of point i, f = sum_i w_i grad q_i and Hessians H_i of the margins, a step of
gradient descent, p <- p + f, is followed up to O(w^4) by the flow

    p' = f - f'f / 2 + f'f'f / 3 + f''(f, f) / 12                     (backward error analysis)
    f'g = sum_i w_i [ -a_i <grad q_i, g> grad q_i + H_i g ]
    f''(g, g) = sum_i w_i [ (b_i c_i^2 - a_i <g, H_i g>) grad q_i - 2 a_i c_i H_i g ]

where c_i = <grad q_i, g>, and a = -w'/w and b = w''/w are the slopes of the loss (1 of the
exponential one); third derivatives of margins vanish.  The variable is s = ln(1 + t / c), t counted
from the entry into the mode and c a time of the mode itself, as in `late/modes/modified.py`.
Source: docs/theory.md, "Every layer trained"; [hairer2006].
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from latephase.core.arrays import Floats
from latephase.late.modes.linear_algebra import DEPENDENT

from .mode import LayeredMode

LARGEST = 500.0  # exponents are cut here: a solver's trial points may be anywhere, a run may not
_TOGETHER = 8.0  # between the logarithms of pulls that hold one another
_BALANCED = 1e-4  # of its pull: what may be left of it where it is at rest against others
_NOTHING = 1e-17  # of the field: what is not worth its work


class Speed(NamedTuple):
    """How fast a mode moves at entry, as natural logarithms: log_rate, of the largest relaxation
    rate (1 / step);  log_move, of the fastest change of a margin, or of a neuron in its own units,
    per step."""

    log_rate: float
    log_move: float

    @property
    def log_defect(self) -> float:
        """What the modified flow of order 2 leaves out of a step, up to a constant."""
        return self.log_move + 2 * self.log_rate


class _Values(NamedTuple):
    """What forms come to at coordinates (D, S): c (M, r, S), v (M, S), A (M, L, S), q (L, S)."""

    c: Floats
    v: Floats
    a: Floats
    q: Floats


@dataclass(frozen=True)
class LayeredField:
    """The field of a mode at coordinates (D, S), S of them at once: d y / d s (D, S).

    order: 0 (gradient flow) or 2;  log_origin: ln c;  clocks (L,): the s at which the clock of a
    point stands still.  Points that the active neurons cannot fit come to rest against one another
    while the others go on, and pull ever more strongly against ever less: what holds them does so
    just as well, up to the inverse of that pull, by a clock that was stopped.

    stiffest: the fastest relaxation, in s, that is followed. Where x = 1e-8 both points pull along
    one direction, 1e16 times as strongly as they are told apart, and that direction turns while
    output weights grow. No solver has the digits; what is faster is slowed down to that, along the
    eigenvectors of sum_i w_i a_i grad q_i grad q_i^T at each place, where forces cancel all along.
    """

    mode: LayeredMode
    order: int
    log_origin: float
    clocks: Floats
    stiffest: float = math.inf

    @classmethod
    def of(cls, mode: LayeredMode, order: int, stiffest: float = math.inf) -> LayeredField:
        """The field on the mode's own time scale."""
        never = np.full(len(mode.live), np.inf)
        return cls(mode, order, -speed_of(mode).log_rate, never, stiffest)

    def with_rest(self, s: float, y: Floats, cap: float) -> LayeredField:
        """The field with the clocks of points stopped that pull for long and get nowhere: by e^cap
        one of them, and by no more than e^8 less the others, which stop together.

        Forces count in units of their coordinates: where x = 10001 and 10000 hold one another, what
        moves both is 1e-8 of what they pull with, and is all that matters.
        """
        at = self._forms(y[:, None])
        log = self.log_pulls(np.array([s]), at.q)[:, 0]
        if self.clocks.size == 0 or log.max() + self._log_reach < cap / 2:
            return self
        gradients = self._gradients(at)
        with np.errstate(divide="ignore"):
            sizes = 2 * np.log(np.linalg.norm(gradients, axis=0))
        log = np.where(np.isinf(self.clocks), log + sizes, -np.inf)
        if log.max() < cap:
            return self
        forces = gradients / self.scale[:, None] * np.exp(log - sizes - (log - sizes).max())
        left = np.linalg.norm(forces.sum(axis=1)) / _BALANCED
        rest = (log > cap - _TOGETHER) & (np.linalg.norm(forces, axis=0) > left)
        since = s - (log.max() - cap)  # a long step may have gone far past that time
        return replace(self, clocks=np.where(rest, since, self.clocks)) if rest.any() else self

    @cached_property
    def scale(self) -> Floats:
        """Sizes (D,) of the coordinates that the margins are forms of, each of its own neuron: one
        that slides moves by what its kink leaves, 1e-3 of the others' at x = 1000 and 1001; inf
        where they are rounding of the others, and cannot keep a point from its rest."""
        found: Floats | None = self.mode.known.get("scale")
        if found is None:
            hidden = np.abs(self.mode.forms).max(axis=1)
            largest = hidden.max(axis=1)
            hidden = np.where(hidden > DEPENDENT * largest[:, None], hidden, np.inf)
            found = self.mode.known["scale"] = np.concatenate([hidden.ravel(), largest])
        return found

    @cached_property
    def _log_reach(self) -> float:
        """ln of the square of the largest form."""
        return 2 * math.log(float(np.abs(self.mode.forms).max()))

    def _gradients(self, at: _Values) -> Floats:
        """grad q_i (D, L) at one place."""
        count, _, width = self.mode.forms.shape
        hidden = at.v[:, 0, None, None] * self._columns.reshape(count, width, -1)
        return np.concatenate([hidden.reshape(count * width, -1), at.a[..., 0]])

    def __call__(self, s: Floats, y: Floats) -> Floats:
        """d y / d s (D, S) at times s (S,)."""
        at = self._forms(y)
        w, slope, bend = self._pulls(s, at.q)
        found = self._modified(s, at, w, slope, bend)
        for k in np.flatnonzero(w.max(axis=0, initial=0.0) * self._reach(at) > self.stiffest):
            one = _Values(*(part[..., k : k + 1] for part in at))
            axes, rates = self._stiff(one, (w * slope)[:, k])
            slowed = np.maximum(1 - self.stiffest / rates, 0.0)
            found[:, k] -= axes @ (slowed * (axes.T @ found[:, k]))
        return found

    def _modified(self, s: Floats, at: _Values, w: Floats, slope: Floats, bend: Floats) -> Floats:
        pulled = self._sums(w)
        first = self._combined(at, w, pulled)
        back = np.exp(np.minimum(-s - self.log_origin, LARGEST))  # 1 / (t + c)
        if self.order == 0 or float((back * w * self._reach(at)).max(initial=0.0)) < _NOTHING:
            return first
        turned, toward, second = self._derivative(at, w, slope, pulled, first)
        *_, third = self._derivative(at, w, slope, pulled, second)
        fc, fv = self.mode.parted(first)
        twist = bend * toward**2 - 2 * slope * np.einsum("ms,mls->ls", fv, turned)
        curved = self._combined(at, w * twist)
        curved += _along(fc, fv, self._sums(-2 * slope * w * toward))
        return np.asarray(first - back / 2 * second + back**2 * (third / 3 + curved / 12))

    def _stiff(self, at: _Values, curvatures: Floats) -> tuple[Floats, Floats]:
        """The eigenvectors (D, e) that relax, and how fast (e,), at one place; curvatures (L,)."""
        axes, sizes, _ = np.linalg.svd(self._gradients(at) * np.sqrt(curvatures), False)
        return axes[:, sizes > 0], sizes[sizes > 0] ** 2

    def jacobian(self, s: float, y: Floats) -> Floats:
        """Its Jacobian (D, D), symmetric; of order 2 that of what is left near balance."""
        at = self._forms(y[:, None])
        w, slope, _ = self._pulls(np.array([s]), at.q)
        (count, _, width), size = self.mode.forms.shape, len(y)
        back = math.exp(min(-s - self.log_origin, LARGEST)) if self.order else 0.0
        stiff = bool((w[:, 0].max(initial=0.0) * self._reach(at) > self.stiffest).any())
        if stiff:
            axes, rates = self._stiff(at, (w * slope)[:, 0])
            step = np.minimum(back * rates, 1.0)
            slowed = np.minimum(rates, self.stiffest) * (1 + step / 2 + step**2 / 3)
            result = -(axes * slowed) @ axes.T
        else:
            gradients = self._gradients(at)
            result = -(gradients * (w * slope)[:, 0]) @ gradients.T
        pulled, neurons = self._sums(w)[..., 0], np.arange(count)[:, None]
        hidden, outer = neurons * width + np.arange(width), size - count + neurons
        result[hidden, outer] += pulled
        result[outer, hidden] += pulled
        if not stiff and float((back * w * self._reach(at)).max(initial=0.0)) > _NOTHING:
            step = back * result
            result = result - result @ step / 2 + result @ step @ step / 3
        return result

    def log_pulls(self, s: Floats, q: Floats) -> Floats:
        """ln((t + c) w) (L, S) at margins (L, S)."""
        clock = np.minimum(s, self.clocks[:, None])
        return np.asarray(self.mode.dynamics.log_pull(q) + (clock + self.log_origin))

    def logs(self, s: Floats, y: Floats) -> Floats:
        """The same at coordinates (D, S)."""
        return self.log_pulls(s, self._forms(y).q)

    def rounding(self, s: float, y: Floats) -> tuple[float, float]:
        """What rounding leaves in a move, in ulp of the coordinates: of margins in the pulls; and,
        times its length, of pulls that hold one another."""
        at = self._forms(y[:, None])
        log = np.minimum(self.log_pulls(np.array([s]), at.q)[:, 0], LARGEST)
        fastest = float(np.exp(log.max()) * self._reach(at)[0])
        pulls = math.sqrt(float(np.exp(2 * log).sum()) * self._squares)
        slowed = self.stiffest / fastest if fastest > self.stiffest else 1.0
        return float(np.abs(at.q).max()), pulls * slowed

    @cached_property
    def _squares(self) -> float:
        return float((self.mode.forms**2).sum())

    def _reach(self, at: _Values) -> Floats:
        """By how much at most a pull relaxes per its size, (S,): |grad q|^2 and |H| of the margins.
        Where x = 10^8 pulls are 10^-16 of what they do."""
        outward = self._squares * np.square(at.v).max(axis=0, initial=0.0)
        return np.asarray(outward + np.square(at.a).sum(axis=(0, 1)) + math.sqrt(self._squares))

    @cached_property
    def _columns(self) -> Floats:
        """G_ji as columns, (M r, L)."""
        return np.ascontiguousarray(self.mode.forms.swapaxes(1, 2)).reshape(
            -1, self.mode.forms.shape[1]
        )

    def _sums(self, weights: Floats) -> Floats:
        """sum_i weights_i G_ji (M, r, S) for weights (L, S)."""
        count, _, width = self.mode.forms.shape
        return (self._columns @ weights).reshape(count, width, -1)

    def _forms(self, y: Floats) -> _Values:
        c, v = self.mode.parted(y)
        a = self.mode.forms @ c
        return _Values(c, v, a, np.einsum("ms,mls->ls", v, a))

    def _pulls(self, s: Floats, q: Floats) -> tuple[Floats, Floats, Floats]:
        """(t + c) w, -w'/w and w''/w at the live points, (L, S) each."""
        w = np.exp(np.minimum(self.log_pulls(s, q), LARGEST))
        return w, *self.mode.dynamics.loss.slopes(q)

    def _combined(self, at: _Values, weights: Floats, sums: Floats | None = None) -> Floats:
        """sum_i weights_i grad q_i (D, S)."""
        return _along(at.c, at.v, self._sums(weights) if sums is None else sums)

    def _derivative(
        self, at: _Values, w: Floats, slope: Floats, pulled: Floats, g: Floats
    ) -> tuple[Floats, Floats, Floats]:
        """<G_ji, g_j> (M, L, S), <grad q_i, g> (L, S) and f'g (D, S)."""
        gc, gv = self.mode.parted(g)
        turned = self.mode.forms @ gc
        toward = np.einsum("ms,mls->ls", at.v, turned) + np.einsum("ms,mls->ls", gv, at.a)
        result = self._combined(at, -w * slope * toward) + _along(gc, gv, pulled)
        return turned, toward, result


def _along(c: Floats, v: Floats, sums: Floats) -> Floats:
    """(v_j sums_j; <c_j, sums_j>) (D, S) for sums (M, r, S): what points that lie close together
    pull is summed up first, so that nothing is left of it where they hold one another."""
    hidden = v[:, None] * sums
    return np.concatenate([hidden.reshape(-1, hidden.shape[-1]), (c * sums).sum(axis=1)])


def gradients_of(mode: LayeredMode, y: Floats) -> Floats:
    """grad q_i (D, L) of the live points at coordinates (D,)."""
    c, v = mode.parted(y)
    hidden = v[:, None, None] * mode.forms.swapaxes(1, 2)
    return np.concatenate(
        [hidden.reshape(-1, len(mode.live)), np.einsum("mlr,mr->ml", mode.forms, c)]
    )


def rate_of(mode: LayeredMode, y: Floats) -> float:
    """The largest relaxation rate of a mode per step, at coordinates (D,)."""
    return math.exp(min(_speed_at(mode, y).log_rate, LARGEST))


def speed_of(mode: LayeredMode) -> Speed:
    """The speed of a mode at its entry; (-inf, -inf) at rest."""
    return _speed_at(mode, mode.start)


def _speed_at(mode: LayeredMode, y: Floats) -> Speed:
    if mode.live.size == 0:
        return Speed(-math.inf, -math.inf)
    c, v = mode.parted(y)
    a = (mode.forms @ c[..., None])[..., 0]
    log = mode.dynamics.log_pull(v @ a)
    top = float(log.max())
    w = np.exp(log - top)
    sums = w @ mode.forms
    served = (v[:, None, None] * mode.forms).swapaxes(0, 1).reshape(len(w), -1)
    gram = served @ served.T + a.T @ a
    sizes, pulled = np.sqrt((c * c).sum(axis=1) + v * v), np.sqrt((sums * sums).sum(axis=1))
    moves = np.hypot(pulled * v, a @ w)
    own = float((moves / np.where(sizes > 0, sizes, np.inf)).max())
    rate = max(float((np.abs(gram) @ w).max()), float(pulled.max()))
    move = max(float(np.abs(gram @ w).max()), own)
    if not (rate > 0 and move > 0):
        return Speed(-math.inf, -math.inf)
    return Speed(top + math.log(rate), top + math.log(move))
