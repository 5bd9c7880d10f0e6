"""One mode of a network: a pattern of active, inactive and sliding pairs, and how it moves.

While a mode lasts the network is linear in its parameters: theta' = sum_i l_i g_i, where l_i is the
pull of point i and g_i the gradient of its margin, projected so that sliding pairs stay on their
kinks. Points that the active neurons cannot fit come to rest against one another while the others
go on for ever: of such *resting* points the margins stay, and the motion is projected off them.
All directions of motion lie in the span of the g_i, of dimension r <= min(n, m (d + 1)); beta (r,)
are coordinates in an orthonormal basis of it, in which no margin is a difference of large numbers:
where g_1 and g_2 are nearly opposite (x = 2021, 2020), one coordinate moves both and another, of
another size, their difference. Source: docs/theory.md, "Any shallow network".
"""

from __future__ import annotations

import math
from copy import copy
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from latephase.core.arrays import Bools, Floats, Ints
from latephase.late.pattern import Statuses

from .dynamics import Dynamics
from .linear_algebra import off_rows, spanned

_SMALLEST = -1000  # binary exponent of a unit
_TAME = 2.0**100  # gradients up to this size, and down to its inverse, are taken as they are
_REMEMBERED = 10_000_000  # numbers in the ways of modes that are remembered


@dataclass(frozen=True)
class Mode:
    """A mode entered at theta (m, k), in the coordinates of its dynamics.

    status (m, n);  resting (n,): points at rest;  live: indices of the L points that pull;
    serving (m, n): gains times v_j y_i;  pull (r, L): beta' = exp(log_drive) pull @ l, where pull
    has squares: with output weights of 1e-120 pulls of 1e240 move something;  gram (L, L): its
    columns' inner products;
    ways (r, m k): theta moves by w @ ways, w being beta, or where there is a `factor` (r, r), upper
    triangular, the solution of factor @ w = beta: then they are gradients, and need no basis;
    held (h,): neurons that slide, offs (h, k, k): orthonormal bases of how they may, with columns
    of 0;  norms, reach (m, r): how far neurons move per unit of w, and of beta, at most;
    margins (n,) at entry;
    slides: pairs (S, 2) whose multipliers may reach an end, needs and rooms (S, n) map pulls to
    multiplier * room, and to the room.
    """

    dynamics: Dynamics
    theta: Floats
    status: Statuses
    resting: Bools
    live: Ints
    serving: Floats
    pull: Floats
    gram: Floats
    ways: Floats
    factor: Floats | None
    held: Ints
    offs: Floats
    norms: Floats
    reach: Floats
    log_drive: float
    margins: Floats
    slides: Ints
    needs: Floats
    rooms: Floats

    @classmethod
    def of(cls, dynamics: Dynamics, theta: Floats, status: Statuses, resting: Bools) -> Mode:
        """The mode of statuses (m, n) entered at theta, with some points at rest (n,)."""
        key = status.tobytes() + resting.tobytes()
        made = dynamics.modes.get(key)
        if made is None:
            # Copies: whoever asks may go on to write into its arrays.
            made = cls._made(dynamics, theta, status.copy(), resting.copy())
            if len(dynamics.modes) * made.ways.size < _REMEMBERED:
                dynamics.modes[key] = made
        return made.entered(theta)

    @classmethod
    def _made(cls, dynamics: Dynamics, theta: Floats, status: Statuses, resting: Bools) -> Mode:
        """The mode made anew."""
        found = dynamics.gradients(status, resting)
        neurons = dict(sorted(found.neurons.items()))
        g, moving = off_rows(found.g.reshape(-1, theta.size), resting, dynamics.scale)
        live = np.flatnonzero(moving)
        g = g if moving.all() else g[live]
        unit = _unit(g)
        ways, factor, pull = _spanned(dynamics, g if unit == 1 else g / unit, live)
        ways = ways if unit == 1 else ways / unit
        serving = dynamics.signs * dynamics.gains(status)
        if factor is None or dynamics.kinks.shared or resting.any():
            norms = _norms(ways.reshape(len(ways), *theta.shape))
        else:  # a slide only shortens them
            norms = np.abs(serving[:, live]) * (dynamics.point_lengths[live] / unit) / unit
        slides = [(j, i) for j, one in neurons.items() for i in one.slides]
        none = np.zeros((0, len(resting)))
        return cls(
            dynamics=dynamics,
            theta=theta,
            status=status,
            resting=resting,
            live=live,
            serving=serving,
            pull=pull,
            gram=pull.T @ pull,
            ways=ways,
            factor=factor,
            held=np.array(list(neurons), np.int64),
            offs=_padded([one.off for one in neurons.values()], theta.shape[1]),
            norms=norms,
            reach=_reach(norms, factor),
            log_drive=2 * math.log(unit),
            margins=np.zeros(0),
            slides=np.array(slides, np.int64).reshape(-1, 2),
            needs=np.concatenate([none, *(one.needs for one in neurons.values())]),
            rooms=np.concatenate([none, *(one.rooms for one in neurons.values())]),
        )

    def entered(self, theta: Floats) -> Mode:
        """The same mode entered at other parameters (m, k)."""
        made = copy(self)
        margins = (self.serving * self.dynamics.preactivations(theta)).sum(axis=0)
        vars(made).update(theta=theta, margins=margins)
        return made

    def on_kinks(self) -> Mode:
        """The same mode with sliding pairs on their kinks, along the way that their points kick
        them."""
        theta = self.theta.copy()
        along = np.einsum("hkr,hk->hr", self.offs, theta[self.held])
        theta[self.held] = np.einsum("hkr,hr->hk", self.offs, along)
        return self.entered(theta)

    def parameters(self, beta: Floats) -> Floats:
        """theta (..., m, k) at beta (..., r)."""
        moved = beta @ self.basis.T
        return np.asarray(self.theta + moved.reshape(*beta.shape[:-1], *self.theta.shape))

    def direction(self) -> Floats:
        """The way in which theta sets off (m, k), of any length."""
        log = self.dynamics.log_pull(self.margins[self.live])
        pulls = np.exp(log - log.max(initial=-np.inf))
        return np.asarray((self.basis @ (self.pull @ pulls)).reshape(self.theta.shape))

    def margins_at(self, beta: Floats) -> Floats:
        """q_i (n,) at beta (r,)."""
        q = self.margins.copy()
        q[self.live] += beta @ self.pull
        return q

    @property
    def rank(self) -> int:
        """The dimension r of the motion."""
        return len(self.pull)

    @cached_property
    def basis(self) -> Floats:
        """Orthogonal, (m k, r): theta moves by basis @ beta."""
        from scipy.linalg import solve_triangular

        if self.factor is None:
            return self.ways.T
        return np.asarray(solve_triangular(self.factor, self.ways, trans="T")).T

    @cached_property
    def neuron_basis(self) -> Floats:
        """The basis by neuron and coordinate, (m, k, r)."""
        return self.basis.reshape(*self.theta.shape, -1)

    @property
    def moving(self) -> Bools:
        """Neurons (m,) that move at all."""
        return np.asarray(self.reach.any(axis=1))

    @property
    def sliding(self) -> bool:
        """Whether a pair slides."""
        return self.held.size > 0


def _unit(g: Floats) -> float:
    """What gradients (L, m k) are divided by, so that squares of pulls are floats: 1, or a power of
    two next to the largest entry, which divides all without rounding."""
    largest = max(float(g.max(initial=0.0)), -float(g.min(initial=0.0)))
    if largest == 0 or 1 / _TAME < largest < _TAME:
        return 1.0
    return math.ldexp(1.0, max(math.frexp(largest)[1] - 1, _SMALLEST))


def _spanned(dynamics: Dynamics, g: Floats, live: Ints) -> tuple[Floats, Floats | None, Floats]:
    """Ways (r, m k), factor (r, r) if any, and pull (r, L), of gradients g (L, m k) of live points.

    Of points on one ray one is enough, the others add rounding.
    """
    if not dynamics.kinks.shared:
        return spanned(g)
    place, ratio = dynamics.kinks.proportional(live, not dynamics.bends)
    leads = np.flatnonzero(place == np.arange(len(live)))
    ways, factor, inside = spanned(g[leads])
    signs = dynamics.labels[live] * dynamics.labels[live[place]]
    return ways, factor, inside[:, np.searchsorted(leads, place)] * (ratio * signs)


def _norms(ways: Floats) -> Floats:
    """How far neurons move (m, r) per unit of w, at most; ways (r, m, k)."""
    sizes = np.maximum(ways.max(axis=2, initial=0.0), -ways.min(axis=2, initial=0.0))
    return math.sqrt(ways.shape[2]) * sizes.T


def _reach(norms: Floats, factor: Floats | None) -> Floats:
    """The same per unit of beta."""
    from scipy.linalg.lapack import dtrtri

    if factor is None or factor.size == 0:  # LAPACK has no matrices of rank 0
        return norms
    return np.asarray(norms @ np.abs(dtrtri(factor)[0]))


def _padded(offs: list[Floats], k: int) -> Floats:
    """Matrices (k, .) with columns of 0 behind, (h, k, k)."""
    found = np.zeros((len(offs), k, k))
    for one, off in zip(found, offs, strict=True):
        one[:, : off.shape[1]] = off
    return found
