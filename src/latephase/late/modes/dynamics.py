"""The dynamical system of a run: a network, its points and its method, in the run's coordinates;
and one neuron of it: which points it serves, on whose kinks it slides, and what follows."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from latephase.core.arrays import Bools, Floats, Ints
from latephase.late.pattern import ACTIVE, SLIDING, Statuses, gains, statuses
from latephase.problem import Loss, Method, Problem
from latephase.problem.activation import activated

from .frame import Frame
from .kinks import Kinks
from .linear_algebra import complement


@dataclass(frozen=True)
class Neuron:
    """A neuron's share of a mode.

    off (k, k - rank): orthonormal, spans what is left beside the points on whose kinks it slides;
    gradients (k, n): of the margins by its parameters, off the kinks;
    slides (s,): points, the first of their kinks, whose multipliers may reach an end;
    needs, rooms (s, n): map pulls l (n,) to multiplier times room, and to the room: what the kink
    adds to the pull, on its active side, beyond that on the other.
    """

    off: Floats
    gradients: Floats
    slides: Ints
    needs: Floats
    rooms: Floats

    @classmethod
    def of(
        cls,
        frame: Frame,
        signs: Floats,
        status: Statuses,
        resting: Bools,
        slope: float,
        kinks: Kinks,
    ) -> Neuron:
        """The neuron with signs v_j y_i (n,) and statuses (n,) on the points of a frame, of which
        some are `resting` (n,).

        A neuron that serves resting points rests on its kinks: its multipliers have settled.
        """
        serving = signs * gains(status, slope)
        gradients = serving * frame.points.T
        slides = np.flatnonzero((status == SLIDING) & kinks.leads)
        if slides.size == 0:
            none = np.zeros((0, len(resting)))
            return cls(np.eye(len(gradients)), gradients, slides, none, none)
        off, inverse = complement(frame.points[slides].T, frame.scale)
        # The points of a kink pull with their gains, each on the side on which it is then.
        shares = kinks.members(slides) * signs / signs[slides, None]
        sides = shares * kinks.ratio * np.where(kinks.ratio > 0, slope, 1.0)
        rooms = (1 - slope) * shares * np.abs(kinks.ratio)
        needs = -(inverse @ gradients) / signs[slides, None] - sides
        # What is left may be 1e-14 of a gradient (x = 2021, 2020): it is not found by subtraction.
        gradients = off @ (off.T @ gradients)
        if (serving[resting] != 0).any():
            slides, needs, rooms = slides[:0], needs[:0], rooms[:0]
        return cls(off, gradients, slides, needs, rooms)


@dataclass(frozen=True)
class Gradients:
    """Gradients g (n, m, k) of the margins with some statuses (m, n) and points at rest (n,), and
    the neurons that slide."""

    status: Statuses
    resting: Bools
    g: Floats
    neurons: dict[int, Neuron]


@dataclass(frozen=True)
class Dynamics:
    """What stays fixed while m neurons are trained on n points of d features.

    frame: the points (x_i, 1) in the coordinates of the run, `points` (n, k), x_i alone without
    biases;  labels (n,);  output_weights (m,);  slope: the negative slope;  shared_kinks: which
    points share their kinks, None for none;  parameters are arrays theta (m, k) in these
    coordinates, which are (w, b) itself unless that would lose digits;  modes: those made so far,
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
    _last: dict[str, Gradients] = field(default_factory=dict, repr=False, compare=False)

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
        """Statuses (m, n) without sliding; of the linear model all active."""
        seen = statuses(preactivations)
        return seen if self.bends else np.full_like(seen, ACTIVE)

    def alive(self, preactivations: Floats | Ints) -> Bools:
        """Neurons (m, 1) that may move: a ReLU neuron of length 0 never does."""
        return np.asarray(preactivations.any(axis=1, keepdims=True)) | (self.slope > 0)

    def gains(self, status: Statuses) -> Floats:
        """What part of each point's pull a neuron feels, (m, n)."""
        return gains(status, self.slope)

    def serves(self, status: Statuses, points: Bools) -> Bools:
        """Neurons (m,) that feel the pull of one of some points (n,)."""
        if not points.any():
            return np.zeros(len(status), bool)
        return np.asarray((self.gains(status)[:, points] > 0).any(axis=1))

    @cached_property
    def signs(self) -> Floats:
        """v_j y_i (m, n): the way in which point i pulls neuron j when it is active there."""
        return np.outer(self.output_weights, self.labels)

    def neuron(self, j: int, status: Statuses, resting: Bools) -> Neuron:
        """Neuron j in a mode of statuses (n,) with points at rest (n,)."""
        kind = self.slope, self.kinks
        return Neuron.of(self.frame, self.signs[j], status, resting, *kind)

    def gradients(self, status: Statuses, resting: Bools) -> Gradients:
        """The gradients of margins with statuses (m, n) and points at rest (n,), made from the last
        ones asked for: most modes differ in one neuron."""
        last = self._last.get("gradients")
        known = last is not None and np.array_equal(last.resting, resting)
        if last is not None and known:
            changed = np.flatnonzero((status != last.status).any(axis=1))
            g, neurons = last.g.copy(), last.neurons.copy()
        else:
            changed, neurons = np.arange(len(status)), {}
            g = np.empty((len(resting), len(status), self.points.shape[1]))
        serving, slides = self.signs * self.gains(status), status == SLIDING
        for j in changed.tolist():
            neurons.pop(j, None)
            g[:, j] = serving[j][:, None] * self.points
            if slides[j].any():
                neurons[j] = self.neuron(j, status[j], resting)
                g[:, j] = neurons[j].gradients.T
        self._last["gradients"] = found = Gradients(status, resting, g, neurons)
        return found

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
        return np.asarray(np.einsum("mn,...mn->...n", self.signs, a))

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
