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
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from latephase.core.arrays import Bools, Floats, Ints
from latephase.late.pattern import Statuses

from .dynamics import Dynamics
from .gradients import Neuron, Teams, dense
from .linear_algebra import off_rows, regular_factor, spanned

_SMALLEST = -1000  # binary exponent of a unit
_TAME = 2.0**100  # gradients up to this size, and down to its inverse, are taken as they are
_REMEMBERED = 10_000_000  # numbers in the modes that are remembered


@dataclass(frozen=True)
class Mode:
    """A mode entered at theta (m, k), in the coordinates of its dynamics.

    status (m, n);  resting (n,): points at rest;  live: indices of the L points that pull;
    serving, sides (m, n): as `Gradients` has them;  pull (r, L): beta' = exp(log_drive) pull @ l,
    where pull has squares: with output weights of 1e-120 pulls of 1e240 move something;  gram
    (L, L): its columns' inner products;  neurons: those that slide, in order;
    given: the `ways` (r, m k), None where they are the gradients themselves, which a neuron has of
    its own;  factor (r, r): upper triangular: ways are gradients, and need no basis, else None;
    norms (m, r): how far neurons move per unit of w, at most;  kept: what is made of it when asked
    for, wherever it is entered.
    """

    dynamics: Dynamics
    theta: Floats
    status: Statuses
    resting: Bools
    live: Ints
    serving: Floats
    sides: Floats
    pull: Floats
    gram: Floats
    neurons: dict[int, Neuron]
    given: Floats | None
    factor: Floats | None
    norms: Floats
    log_drive: float
    kept: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, dynamics: Dynamics, theta: Floats, status: Statuses, resting: Bools) -> Mode:
        """The mode of statuses (m, n) entered at theta, with some points at rest (n,)."""
        key = status.tobytes() + resting.tobytes()
        made = dynamics.modes.pop(key, None)
        if made is None:
            # Copies: whoever asks may go on to write into its arrays.
            made = cls._made(dynamics, theta, status.copy(), resting.copy())
            while len(dynamics.modes) * made.size > _REMEMBERED:
                del dynamics.modes[next(iter(dynamics.modes))]
        dynamics.modes[key] = made  # the last one asked for stands last
        return made.entered(theta)

    @classmethod
    def _made(cls, dynamics: Dynamics, theta: Floats, status: Statuses, resting: Bools) -> Mode:
        """The mode made anew: where the gradients are regular, of themselves, neuron by neuron."""
        found = dynamics.gradients(status, resting)
        given = norms = None
        live, log_drive, factor = np.logical_or.reduce(found.moves).nonzero()[0], 0.0, None
        if found.gram is not None and 0 < len(live) < theta.size:
            whole = len(live) == len(resting)
            gram = found.gram if whole else found.gram[np.ix_(live, live)]
            factor = regular_factor(gram)
        if factor is None:
            teams = Teams.of(status, dynamics.output_weights)
            g = teams.gradients(dense(found.serving, dynamics.points, found.neurons))
            scale = teams.scale(dynamics.scale)
            g, moving = off_rows(g, resting, scale)
            live = np.flatnonzero(moving)
            g = g if moving.all() else g[live]
            unit = _unit(g)
            log_drive = 2 * math.log(unit)
            g, scale = (g, scale) if unit == 1 else (g / unit, scale / unit)
            given, factor, pull = _spanned(dynamics, g, live, scale)
            given = teams.spread(given if unit == 1 else given / unit)
            norms = _norms(given.reshape(len(given), *theta.shape))
            gram = pull.T @ pull
        else:  # a slide only shortens them
            pull = factor
            norms = np.abs(found.serving if whole else found.serving[:, live])
            norms = np.ascontiguousarray(norms * dynamics.point_lengths[live])
        return cls(
            dynamics=dynamics,
            theta=theta,
            status=status,
            resting=resting,
            live=live,
            serving=found.serving,
            sides=found.sides,
            pull=pull,
            gram=gram,
            neurons=found.neurons,
            given=given,
            factor=factor,
            norms=norms,
            log_drive=log_drive,
        )

    def entered(self, theta: Floats) -> Mode:
        """The same mode entered at other parameters (m, k)."""
        made = object.__new__(Mode)
        vars(made).update(vars(self), theta=theta)
        vars(made).pop("margins", None)
        vars(made).pop("preactivations", None)
        return made

    @cached_property
    def preactivations(self) -> Floats:
        """a_ji (m, n) at entry."""
        return self.dynamics.preactivations(self.theta)

    @cached_property
    def margins(self) -> Floats:
        """The margins q_i (n,) at entry."""
        return np.asarray(np.add.reduce(self.serving * self.preactivations))

    @cached_property
    def reach(self) -> Floats:
        """How far neurons move (m, r) per unit of beta, at most."""
        return _reach(self.norms, self.factor)

    def on_kinks(self) -> Mode:
        """The same mode with sliding pairs on their kinks, along the way that their points kick
        them."""
        theta = self.theta.copy()
        for j, one in self.neurons.items():
            theta[j] = one.off @ (one.off.T @ theta[j])
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
    def ways(self) -> Floats:
        """What theta moves by, (r, m k): by w @ ways, w being beta, or where there is a `factor`
        the solution of factor @ w = beta."""
        if self.given is not None:
            return self.given
        found = dense(self.serving, self.dynamics.points, self.neurons)
        return found.reshape(-1, self.theta.size)[self.live]

    @cached_property
    def slides(self) -> Ints:
        """Pairs (S, 2) whose multipliers may reach an end."""
        pairs = [(j, i) for j, one in self.neurons.items() for i in one.slides]
        return np.array(pairs, np.int64).reshape(-1, 2)

    @cached_property
    def needs(self) -> Floats:
        """Maps pulls to multiplier * room, (S, n)."""
        return np.concatenate([self._none, *(one.needs for one in self.neurons.values())])

    @cached_property
    def rooms(self) -> Floats:
        """Maps pulls to the room, (S, n)."""
        return np.concatenate([self._none, *(one.rooms for one in self.neurons.values())])

    @property
    def _none(self) -> Floats:
        return np.zeros((0, len(self.resting)))

    @cached_property
    def basis(self) -> Floats:
        """Orthogonal, (m k, r): theta moves by basis @ beta."""
        from scipy.linalg import solve_triangular

        if self.factor is None:
            return self.ways.T
        return np.asarray(solve_triangular(self.factor, self.ways, trans="T")).T

    @property
    def size(self) -> int:
        """How many numbers it has, of its own."""
        parts = self.status, self.pull, self.gram, self.given, self.norms, self.sides
        return sum(part.size for part in parts if part is not None)

    @cached_property
    def neuron_basis(self) -> Floats:
        """The basis by neuron and coordinate, (m, k, r)."""
        return self.basis.reshape(*self.theta.shape, -1)

    @property
    def moving(self) -> Bools:
        """Neurons (m,) that move at all."""
        return np.asarray(self.norms.any(axis=1))

    @property
    def sliding(self) -> bool:
        """Whether a pair slides."""
        return bool(self.neurons)


def _unit(g: Floats) -> float:
    """What gradients (L, m k) are divided by, so that squares of pulls are floats: 1, or a power of
    two next to the largest entry, which divides all without rounding."""
    largest = max(float(g.max(initial=0.0)), -float(g.min(initial=0.0)))
    if largest == 0 or 1 / _TAME < largest < _TAME:
        return 1.0
    return math.ldexp(1.0, max(math.frexp(largest)[1] - 1, _SMALLEST))


def _spanned(
    dynamics: Dynamics, g: Floats, live: Ints, scale: Floats
) -> tuple[Floats, Floats | None, Floats]:
    """Ways (r, D), factor (r, r) if any, and pull (r, L), of gradients g (L, D) of live points, of
    which coordinates are of sizes `scale` (D,).

    Of points on one ray one is enough, the others add rounding.
    """
    if not dynamics.kinks.shared:
        return spanned(g, scale)
    place, ratio = dynamics.kinks.proportional(live, not dynamics.bends)
    leads = np.flatnonzero(place == np.arange(len(live)))
    ways, factor, inside = spanned(g[leads], scale)
    signs = dynamics.labels[live] * dynamics.labels[live[place]]
    return ways, factor, inside[:, np.searchsorted(leads, place)] * (ratio * signs)


def _norms(ways: Floats) -> Floats:
    """How far neurons move (m, r) per unit of w, at most; ways (r, m, k)."""
    sizes = np.maximum(ways.max(axis=2, initial=0.0), -ways.min(axis=2, initial=0.0))
    return np.ascontiguousarray(math.sqrt(ways.shape[2]) * sizes.T)


def _reach(norms: Floats, factor: Floats | None) -> Floats:
    """The same per unit of beta."""
    from scipy.linalg.lapack import dtrtri

    if factor is None or factor.size == 0:  # LAPACK takes no empty matrix, and prints so
        return norms
    return np.asarray(norms @ np.abs(dtrtri(factor)[0]))
