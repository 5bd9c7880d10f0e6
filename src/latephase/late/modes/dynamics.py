"""The dynamical system of a run: a network, its points and its method, in the run's coordinates."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from latephase.core.arrays import Bools, Floats, Ints
from latephase.late.pattern import ACTIVE, SLIDING, Statuses, gains, statuses
from latephase.problem import Loss, Method, Problem
from latephase.problem.activation import activated

from .frame import Frame
from .gradients import Gradients, GramSum, Neuron
from .kinks import Kinks

_REMEMBERED = 10_000_000  # numbers in the neurons that are remembered
_SIDES = np.array([-1.0, 1.0, 0.0])  # of pairs by their status
_TAME = 2.0**100  # gradients up to this size, and down to its inverse, have squares


@dataclass(frozen=True)
class Dynamics:
    """What stays fixed while m neurons are trained on n points of d features.

    frame: the points (x_i, 1) in the coordinates of the run, `points` (n, k), x_i alone without
    biases;  labels (n,);  output_weights (m,);  slope: the negative slope;  shared_kinks: which
    points share their kinks, None for none;  parameters are arrays theta (m, k) in these
    coordinates, which are (w, b) itself unless that would lose digits;  modes: the last ones made,
    by their statuses and resting points: the second run of two goes through them again.
    """

    frame: Frame
    labels: Floats
    output_weights: Floats
    method: Method
    loss: Loss
    slope: float = 0.0
    shared_kinks: Kinks | None = None
    modes: dict[bytes, Any] = field(default_factory=dict, repr=False, compare=False)
    _last: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, problem: Problem) -> Dynamics:
        """The dynamics of gradient descent or flow."""
        network, data = problem.network, problem.data
        points, outer = network.points(data.inputs), network.output_weights.copy()
        frame, labels = Frame.of(points), data.labels.astype(float)
        kinks = Kinks.of(points, biased=network.biases is not None)
        slope = network.negative_slope
        return cls(frame, labels, outer, problem.method, problem.loss, slope, kinks)

    @property
    def points(self) -> Floats:
        """The points (n, k) in the coordinates of the run."""
        return self.frame.points

    @cached_property
    def kinks(self) -> Kinks:
        """Which points share a kink."""
        return self.shared_kinks or Kinks.of(self.points, biased=True)

    @property
    def bends(self) -> bool:
        """Whether there are kinks at all: the linear model has none, and one mode for ever."""
        return self.slope < 1

    def statuses(self, preactivations: Floats | Ints) -> Statuses:
        """Statuses (m, n) without sliding, a byte each, as a run compares them at every mode; of
        the linear model all active."""
        seen: Statuses = statuses(preactivations).astype(np.int8)
        return seen if self.bends else np.full_like(seen, ACTIVE)

    def alive(self, preactivations: Floats | Ints) -> Bools:
        """Neurons (m, 1) that may move: a ReLU neuron of length 0 never does."""
        return np.asarray(preactivations.any(axis=1, keepdims=True)) | (self.slope > 0)

    def gains(self, status: Statuses) -> Floats:
        """What part of each point's pull a neuron feels, (m, n)."""
        return gains(status, self.slope)

    def serves(self, status: Statuses, points: Bools) -> Bools:
        """Neurons (m,) that feel the pull of one of some points (n,)."""
        if not np.count_nonzero(points):
            return np.zeros(len(status), bool)
        return np.asarray((self.gains(status)[:, points] > 0).any(axis=1))

    @cached_property
    def signs(self) -> Floats:
        """v_j y_i (m, n): the way in which point i pulls neuron j when it is active there."""
        return np.outer(self.output_weights, self.labels)

    def neuron(self, j: int, status: Statuses, resting: Bools) -> Neuron:
        """Neuron j, which slides, in a mode of statuses (n,) with points at rest (n,)."""
        neurons = self._last.setdefault("neurons", {})
        key = j, status.tobytes(), resting.tobytes()
        found: Neuron | None = neurons.pop(key, None)
        if found is None:
            from . import follow  # which knows what was compiled, and needs this file

            found = follow.neuron(self, j, status, resting)
            while len(neurons) * (found.gradients.size + 2 * found.needs.size) > _REMEMBERED:
                del neurons[next(iter(neurons))]
        neurons[key] = found  # the last one asked for stands last
        return found

    def gradients(self, status: Statuses, resting: Bools) -> Gradients:
        """The gradients of margins with statuses (m, n) and points at rest (n,), made from the last
        ones asked for."""
        last: Gradients | None = self._last.get("gradients")
        if last is not None and np.array_equal(last.resting, resting):
            changed = np.logical_or.reduce(status != last.status, axis=1).nonzero()[0]
            serving, moves, sizes = last.serving.copy(), last.moves.copy(), last.sizes.copy()
            sides = last.sides.copy()
            neurons = last.neurons.copy()
        else:
            changed, neurons, sizes = np.arange(len(status)), {}, np.empty(len(status))
            serving, moves = np.empty(status.shape), np.empty(status.shape, bool)
            sides = np.empty(status.shape)
        order = False
        for j in changed.tolist():
            serving[j] = self.signs[j] * self.gains(status[j])
            if np.count_nonzero(status[j] == SLIDING):
                order |= j not in neurons
                neurons[j] = self.neuron(j, status[j], resting)
                moves[j], sizes[j] = neurons[j].moved, neurons[j].largest
            else:
                neurons.pop(j, None)
                moves[j] = (serving[j] != 0) & self.kinks.lies
                sizes[j] = np.maximum.reduce(np.abs(serving[j]) * self._sizes)
            sides[j] = _SIDES[status[j]] * self._watched if np.count_nonzero(moves[j]) else 0.0
        neurons = dict(sorted(neurons.items())) if order else neurons
        largest = float(np.maximum.reduce(sizes))
        gram, tame = None, largest == 0 or 1 / _TAME < largest < _TAME
        if (
            tame
            and not np.count_nonzero(resting)
            and not self.kinks.shared
            and GramSum.fits(*status.shape)
        ):
            gram = self._gram(changed.tolist(), serving, neurons)
        else:
            self._last.pop("gram", None)
        made = Gradients(status, resting, serving, neurons, moves, sides, sizes, gram)
        self._last["gradients"] = made
        return made

    def _gram(self, changed: list[int], serving: Floats, neurons: dict[int, Neuron]) -> Floats:
        """Inner products (n, n) of the gradients, of which those of some neurons have changed."""
        kept: GramSum | None = self._last.get("gram")
        if kept is None or len(changed) == len(serving):
            kept = self._last["gram"] = GramSum(*serving.shape)
            changed = list(range(len(serving)))
        for j in changed:
            if j in neurons:
                kept.put(j, neurons[j].gradients.T @ neurons[j].gradients)
            else:
                kept.put(j, np.outer(serving[j], serving[j]) * self._products)
        return kept.total

    @cached_property
    def _watched(self) -> Bools:
        """Points (n,) that have a kink."""
        return self.kinks.lies & self.bends

    @cached_property
    def _products(self) -> Floats:
        """Inner products (n, n) of the points."""
        return np.asarray(self.points @ self.points.T)

    @cached_property
    def _sizes(self) -> Floats:
        """The largest entry of each point, (n,)."""
        return np.asarray(np.abs(self.points).max(axis=1))

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs: not what can be made again."""
        return {**vars(replace(self)), "modes": {}, "_last": {}}

    def preactivations(self, theta: Floats) -> Floats:
        """a_ji (..., m, n)."""
        return np.asarray(theta @ self.points.T)

    def terms(self, theta: Floats) -> Floats:
        """Sizes (..., m, n) of the terms that a_ji is the sum of."""
        return np.asarray(np.abs(theta) @ np.abs(self.points).T)

    @cached_property
    def scale(self) -> Floats:
        """Sizes (m k,) of the coordinates of the gradients of margins."""
        outer = np.where(self.output_weights != 0, np.abs(self.output_weights), 1.0)
        return np.outer(outer, self.frame.scale).ravel()

    @cached_property
    def point_lengths(self) -> Floats:
        """|z_i| (n,)."""
        return np.asarray(np.linalg.norm(self.points, axis=1))

    def reach(self, moves: Floats) -> Floats:
        """How far the margins (n,) may move where neurons move by at most `moves` (m,)."""
        return np.asarray((np.abs(self.output_weights) @ moves) * self.point_lengths)

    def log_loss(self, theta: Floats) -> Floats:
        """ln L, (...)."""
        return self.loss.log_loss(self.margins(theta))

    def margins(self, theta: Floats) -> Floats:
        """q_i = y_i N(x_i), (..., n)."""
        a = activated(self.preactivations(theta), self.slope)
        return np.asarray(self.labels * (self.output_weights @ a))

    def log_pull(self, margins: Floats) -> Floats:
        """ln(-step size * dloss/dq_i), (..., n)."""
        return np.asarray(self.method.log_step + self.loss.log_weights(margins))

    def pull(self, margins: Floats) -> Floats:
        """-step size * dloss/dq_i, (..., n), cut off at e^700."""
        return np.asarray(np.exp(np.minimum(self.log_pull(margins), 700.0)))


def lengths(rows: Floats) -> Floats:
    """Euclidean, along the last axis: squares of 1e200 are no floats, those of 1e-200 are 0."""
    sizes = np.abs(rows).max(axis=-1)
    units = np.where(sizes > 0, sizes, 1.0)
    return np.asarray(units * np.linalg.norm(rows / units[..., None], axis=-1))
