"""What a run that trains both layers converges to: its direction, and what deviates from it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from latephase.core.arrays import Floats
from latephase.late.layered.dynamics import LayeredDynamics
from latephase.late.modes.frame import Frame
from latephase.problem import ShallowReLU

from .ending import Ending
from .kkt import KKTPoint

_APART = 1e-6  # between exponents that are told apart
_DIGITS = 12  # of an exponent: an eigenvalue has no more
_FADED = 1e-9  # of the direction: a deviation no larger than that is rounding
_THERE = 0.5  # of a deviation: what it may still change by beyond the latest time


@dataclass(frozen=True)
class Coordinates:
    """States (..., m, k + 1) of a run as the user has them, (..., m, d + 2): a linear map, and what
    no point sees of the parameters, `unseen` (m, d + 2), which stays."""

    frame: Frame
    unseen: Floats

    @classmethod
    def of(cls, frame: Frame, start: Floats) -> Coordinates:
        """Those of a run from `start` (m, d + 2)."""
        entered, _ = frame.coordinates(start[:, :-1])
        unseen = np.zeros_like(start)
        if frame.axes is not None:
            unseen[:, :-1] = start[:, :-1] - entered @ frame.axes.astype(float)
        return cls(frame, unseen)

    def __call__(self, state: Floats, share: float = 1.0) -> Floats:
        """A state with a share of what no point sees."""
        theta = state[..., :-1]
        if self.frame.axes is not None:
            theta = theta @ self.frame.axes.astype(float)
        return np.asarray(np.concatenate([theta, state[..., -1:]], axis=-1) + share * self.unseen)


@dataclass(frozen=True)
class Deviation:
    """What decays like Q^-exponent of the direction of a run with common margin Q: `along`
    (m, d + 2), in the user's coordinates, at Q = 1;  known: whether it is there for the most part
    at the latest time that was looked at."""

    exponent: float
    along: Floats
    known: bool


@dataclass(frozen=True)
class LayeredLimit:
    """Where a run that has settled leads.

    point: the KKT point of its last mode;  logs (F,), far (F, m, k + 1): late ln t, each eight
    times the one before, and its states there;  scales (F,): their common margins Q.
    """

    coordinates: Coordinates
    point: KKTPoint
    far: Floats
    logs: Floats
    scales: Floats

    @classmethod
    def of(
        cls, dynamics: LayeredDynamics, network: ShallowReLU, ending: Ending
    ) -> LayeredLimit | None:
        """That of a network, as it starts, which ends so; None of a run that has not settled."""
        if ending.point is None or ending.far is None or ending.logs is None:
            return None
        start = np.concatenate([network.parameters, network.output_weights[:, None]], axis=1)
        coordinates = Coordinates.of(dynamics.frame, start)
        scales = dynamics.margins(ending.far).min(axis=1)
        return cls(coordinates, ending.point, ending.far, ending.logs, scales)

    @property
    def offset(self) -> float:
        """By how much the common margin, ln t + ln ln t + const, is ahead of ln t, at the first of
        the late times."""
        return float(self.scales[0] - self.logs[0])

    @cached_property
    def direction(self) -> Floats:
        """The KKT point (m, d + 2) in the user's coordinates."""
        return self.coordinates(self.point.state, 0.0)

    @property
    def shares(self) -> Floats:
        """Of the neurons in the squared length of all parameters, (m,)."""
        squares = (self.direction**2).sum(axis=1)
        return np.asarray(squares / squares.sum())

    @cached_property
    def deviations(self) -> list[Deviation]:
        """By exponent, ascending; without what stays for ever among neurons of one role."""
        point = self.point
        seen = [point.growing(*late) for late in zip(self.far, self.scales, strict=True)]
        components, found = extrapolated(np.array(seen)), list[Deviation]()
        ahead = np.abs(components - seen[-1])
        decays = point.exponents > _APART
        for exponent in _distinct(point.exponents[decays]):
            same = np.abs(point.exponents - exponent) <= _APART
            inside = np.einsum("e,emk->mk", components[same], point.vectors[same])
            along = self.coordinates(inside, float(abs(exponent - 0.5) <= _APART))
            if np.linalg.norm(along) > _FADED * np.linalg.norm(self.direction):
                known = np.linalg.norm(ahead[same]) <= _THERE * np.linalg.norm(components[same])
                found.append(Deviation(round(exponent, _DIGITS), along, bool(known)))
        return found


def extrapolated(values: Floats) -> Floats:
    """The limits (...) of three values (3, ...) whose distances from them shrink by one factor;
    where that is not so the last ones, or where rounding at the latest time has put these farther
    from the second ones than the first ones are, the second ones."""
    first, last = values[1] - values[0], values[2] - values[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = last / first
        step = last * ratio / (1 - ratio)
    shrinks = np.isfinite(step) & (ratio > 0) & (ratio < 0.99)
    settled = np.where(np.abs(last) > np.abs(first), values[1], values[2])
    return np.asarray(np.where(shrinks, values[2] + step, settled))


def _distinct(values: Floats) -> list[float]:
    """Values ascending, of those that agree one."""
    ordered = np.sort(values)
    new = np.diff(ordered, prepend=-np.inf) > _APART
    return [float(value) for value in ordered[new]]
