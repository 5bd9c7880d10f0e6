"""The dynamical system of a run that trains both layers, in the run's coordinates.

A state is one array (..., m, k + 1): rows (theta_j, v_j), hidden parameters and output weight.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from latephase.core.arrays import Bools, Floats, Ints
from latephase.late.modes.dynamics import Dynamics
from latephase.late.modes.frame import Frame
from latephase.late.modes.kinks import Kinks
from latephase.late.pattern import Statuses
from latephase.problem import Loss, Method, Problem
from latephase.problem.activation import activated


@dataclass(frozen=True)
class LayeredDynamics:
    """What stays fixed while both layers of m neurons are trained on n points.

    hidden: the dynamics of the hidden layer alone, at output weights that are replaced on the way;
    parts: what neurons of these statuses are in a mode, as far as it was asked for.
    """

    hidden: Dynamics
    parts: dict[bytes, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, problem: Problem) -> LayeredDynamics:
        """The dynamics of gradient descent or flow."""
        return cls(Dynamics.of(problem))

    def at(self, state: Floats) -> Dynamics:
        """The dynamics of the hidden layer at the output weights of a state (m, k + 1)."""
        return replace(self.hidden, output_weights=state[:, -1].copy(), modes={}, _last={})

    @cached_property
    def unit(self) -> Dynamics:
        """That at output weights of 1: a neuron's modes depend on its own by a sign alone."""
        ones = np.ones(self.hidden.signs.shape[0])
        return replace(self.hidden, output_weights=ones, modes={}, _last={})

    @property
    def frame(self) -> Frame:
        """The coordinates of the run."""
        return self.hidden.frame

    @property
    def points(self) -> Floats:
        """The points (n, k) in these coordinates."""
        return self.hidden.points

    @property
    def labels(self) -> Floats:
        """y (n,)."""
        return self.hidden.labels

    @property
    def slope(self) -> float:
        """The negative slope."""
        return self.hidden.slope

    @property
    def kinks(self) -> Kinks:
        """Which points share a kink."""
        return self.hidden.kinks

    @property
    def bends(self) -> bool:
        """Whether there are kinks at all."""
        return self.hidden.bends

    @property
    def method(self) -> Method:
        """Gradient descent or flow."""
        return self.hidden.method

    @property
    def loss(self) -> Loss:
        """The loss."""
        return self.hidden.loss

    def statuses(self, preactivations: Floats | Ints) -> Statuses:
        """Statuses (m, n) without sliding."""
        return self.hidden.statuses(preactivations)

    def alive(self, preactivations: Floats | Ints) -> Bools:
        """Neurons (m, 1) whose hidden parameters may move."""
        return self.hidden.alive(preactivations)

    def preactivations(self, state: Floats) -> Floats:
        """a_ji (..., m, n)."""
        return self.hidden.preactivations(state[..., :-1])

    def terms(self, state: Floats) -> Floats:
        """Sizes (..., m, n) of the terms that a_ji is the sum of."""
        return self.hidden.terms(state[..., :-1])

    def margins(self, state: Floats) -> Floats:
        """q_i = y_i N(x_i), (..., n)."""
        a = activated(self.preactivations(state), self.slope)
        return np.asarray(np.einsum("...m,...mn->...n", state[..., -1], a) * self.labels)

    def margin_terms(self, state: Floats) -> Floats:
        """Sizes (..., n) of the terms that a margin is the sum of."""
        return np.asarray(np.einsum("...m,...mn->...n", np.abs(state[..., -1]), self.terms(state)))

    def log_loss(self, state: Floats) -> Floats:
        """ln L, (...)."""
        return self.loss.log_loss(self.margins(state))

    def log_pull(self, margins: Floats) -> Floats:
        """ln(-step size * dloss/dq_i), (..., n)."""
        return self.hidden.log_pull(margins)

    @cached_property
    def point_lengths(self) -> Floats:
        """|z_i| (n,)."""
        return self.hidden.point_lengths

    def relaxation(self, state: Floats) -> float:
        """A bound, at a state (m, k + 1), of the step size times the curvature of the loss in the
        margins: beyond 2 steps grow."""
        a, outer = self.preactivations(state), state[:, -1:]
        gains = self.hidden.gains(self.statuses(a))
        served, heights = outer * gains, gains * a
        gram = (served.T @ served) * (self.points @ self.points.T) + heights.T @ heights
        return float((np.abs(gram) @ self.hidden.pull(self.margins(state))).max())
