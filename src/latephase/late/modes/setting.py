"""The setting of a run of any shallow ReLU network, and the instants of its clock."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

import numpy as np

from latephase.core import LogTime
from latephase.core.arrays import Bools, Floats, Ints
from latephase.problem import LOSSES, Dataset, Loss, Method, ShallowReLU

from .frame import Frame
from .neuron import Neuron

_EXACT = 2.0**53


@dataclass(frozen=True)
class Setting:
    """What stays fixed while m neurons are trained on n points of d features.

    frame: the points (x_i, 1) in the coordinates of the run, `points` (n, k);  labels (n,);
    outer (m,) output weights;  parameters are arrays theta (m, k) in these coordinates, which are
    (w, b) itself unless that would lose digits.
    """

    frame: Frame
    labels: Floats
    outer: Floats
    method: Method
    loss: Loss
    _neurons: dict[int, tuple[bytes, Neuron]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @classmethod
    def of(cls, network: ShallowReLU, data: Dataset, method: Method, loss: str) -> Setting:
        """The setting of a network on its data."""
        points = np.concatenate([data.inputs, np.ones((data.n, 1))], axis=1)
        outer = network.output_weights.copy()
        return cls(Frame.of(points), data.labels.astype(float), outer, method, LOSSES[loss])

    @property
    def points(self) -> Floats:
        """The points (n, k) in the coordinates of the run."""
        return self.frame.points

    @property
    def discrete(self) -> bool:
        """Gradient descent, whose time counts updates; gradient flow's is real."""
        return self.method.discrete

    @cached_property
    def log_step(self) -> float:
        """ln of the step size; 0 for gradient flow."""
        return self.method.log_step

    @cached_property
    def signs(self) -> Floats:
        """v_j y_i (m, n): the way in which point i pulls neuron j when it is active there."""
        return np.outer(self.outer, self.labels)

    def neuron(self, j: int, status: Ints, held: Bools) -> Neuron:
        """Neuron j in a mode of statuses (n,) with points held (n,); the last one asked for is
        remembered, since most modes differ in one neuron."""
        key = status.tobytes() + held.tobytes()
        if self._neurons.get(j, (b"",))[0] != key:
            self._neurons[j] = key, Neuron.of(self.frame, self.signs[j], status, held)
        return self._neurons[j][1]

    def preactivations(self, theta: Floats) -> Floats:
        """a_ji (..., m, n)."""
        return np.asarray(theta @ self.points.T)

    def terms(self, theta: Floats) -> Floats:
        """Sizes (..., m, n) of the terms that a_ji is the sum of."""
        return np.asarray(np.abs(theta) @ np.abs(self.points).T)

    @cached_property
    def scale(self) -> Floats:
        """Sizes (m k,) of the coordinates of the gradients of margins."""
        outer = np.where(self.outer != 0, np.abs(self.outer), 1.0)
        return np.outer(outer, self.frame.scale).ravel()

    @cached_property
    def lengths(self) -> Floats:
        """|z_i| (n,)."""
        return np.asarray(np.linalg.norm(self.points, axis=1))

    def reach(self, moves: Floats) -> Floats:
        """How far the margins (n,) may move where neurons move by at most `moves` (m,)."""
        return np.asarray((np.abs(self.outer) @ moves) * self.lengths)

    def log_loss(self, theta: Floats) -> Floats:
        """ln L, (...)."""
        return self.loss.log_loss(self.margins(theta))

    def margins(self, theta: Floats) -> Floats:
        """q_i = y_i N(x_i), (..., n)."""
        a = np.maximum(self.preactivations(theta), 0.0)
        return np.asarray(np.einsum("mn,...mn->...n", self.signs, a))

    def log_pull(self, margins: Floats) -> Floats:
        """ln(-step size * dloss/dq_i), (..., n)."""
        return np.asarray(self.log_step + self.loss.log_weights(margins))


@dataclass(frozen=True)
class Instant:
    """A time on the clock of a run: exact `value` while it is below 2**53, else None; `log`."""

    value: int | Fraction | None
    log: float

    @classmethod
    def start(cls) -> Instant:
        """t = 0."""
        return cls(0, -math.inf)

    def log_until(self, time: LogTime) -> float:
        """ln(time - self); -inf if the time is not later."""
        if self.value is not None and time.value is not None:
            left = Fraction(time.value) - self.value
            if left <= 0:
                return -math.inf
            return math.log(left.numerator) - math.log(left.denominator)
        if time.log <= self.log:
            return -math.inf
        return time.log + math.log1p(-math.exp(self.log - time.log))

    def later(self, log_elapsed: float, whole: bool) -> Instant:
        """The instant a time exp(log_elapsed) later, rounded to an integer if `whole`."""
        if self.value is not None and log_elapsed < math.log(_EXACT):
            elapsed = Fraction(math.exp(log_elapsed))
            return self.plus(round(elapsed) if whole else elapsed)
        return Instant(None, float(np.logaddexp(self.log, log_elapsed)))

    def plus(self, elapsed: int | Fraction) -> Instant:
        """The instant `elapsed` later."""
        if elapsed == 0:
            return self
        if self.value is None:
            return Instant(None, float(np.logaddexp(self.log, math.log(elapsed))))
        total = self.value + elapsed
        return Instant(total if total < _EXACT else None, math.log(total))


def lengths(rows: Floats) -> Floats:
    """Euclidean, along the last axis: squares of 1e200 are no floats, those of 1e-200 are 0."""
    sizes = np.abs(rows).max(axis=-1)
    units = np.where(sizes > 0, sizes, 1.0)
    return np.asarray(units * np.linalg.norm(rows / units[..., None], axis=-1))
