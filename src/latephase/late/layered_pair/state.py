"""Where trials stand: two neurons on two points, both layers trained.

All motion is theta_j' = v_j sum_i l_i y_i z_i over the points that neuron j is active on, so what a
trial has become is its start and what it has gained from each point, theta_j = theta_j(0) +
sum_i gained_ji y_i z_i, and its output weights.  Null parts stay to the last digit so.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from latephase.core.arrays import Bools, Floats
from latephase.problem import TwoPointGeometry

LABELS = np.array([1.0, -1.0])
"""Of the points in the order of `TwoPointGeometry`."""


@dataclass
class LayeredPairState:
    """T trials, along the last axis of every array.

    start (2 neurons, 2 [weight, bias], T), first (2 neurons, 2 points, T): parameters and
    pre-activations at t = 0;
    moved (6, T): gained (2 neurons, 2 points) and then the output weights (2), and low (6, T): what
    steps have left below their last digit;
    log_time (T,): ln t;  error (T,): estimated, of what a neuron has, in units of its size.
    """

    start: Floats
    first: Floats
    moved: Floats
    low: Floats
    log_time: Floats
    error: Floats

    def __getitem__(self, rows: Any) -> LayeredPairState:
        return LayeredPairState(*(getattr(self, f.name)[..., rows] for f in fields(self)))

    def __setitem__(self, rows: Any, other: LayeredPairState) -> None:
        for f in fields(self):
            getattr(self, f.name)[..., rows] = getattr(other, f.name)

    @property
    def gained(self) -> Floats:
        """(2 neurons, 2 points, T)."""
        return self.moved[:4].reshape(2, 2, -1)

    @property
    def output_weights(self) -> Floats:
        """v (2, T)."""
        return self.moved[4:]

    def preactivations(self, g: TwoPointGeometry) -> Floats:
        """a_ji (2, 2, T)."""
        return self.first + rises(g, self.gained)

    @classmethod
    def of(
        cls, g: TwoPointGeometry, weights: Floats, biases: Floats, output_weights: Floats
    ) -> LayeredPairState:
        """Networks (T, 2) at t = 0, their parameters the exact doubles given."""
        trials = len(weights)
        moved = np.concatenate([np.zeros((4, trials)), output_weights.T])
        return cls(
            np.stack([weights, biases], axis=-1).transpose(1, 2, 0),
            g.preactivations(weights, biases).transpose(1, 2, 0),
            moved,
            np.zeros((6, trials)),
            np.full(trials, -np.inf),
            np.zeros(trials),
        )


def rises(g: TwoPointGeometry, gained: Floats) -> Floats:
    """What gained (2 neurons, 2 points, ...) adds to pre-activations, (2, 2, ...)."""
    one, other = gained[:, 0], -gained[:, 1]
    return np.stack([one * g.k11 + other * g.k12, one * g.k12 + other * g.k22], axis=1)


def parameters_of(g: TwoPointGeometry, start: Floats, gained: Floats) -> Floats:
    """theta (2 neurons, 2 [weight, bias], ...) of starts that have gained (2, 2, ...)."""
    one, other = gained[:, 0], -gained[:, 1]
    return np.asarray(start + np.stack([one * g.x1 + other * g.x2, one + other], axis=1))


def sizes(a: Floats, v: Floats, g: TwoPointGeometry) -> Floats:
    """Of each neuron (2, T), of what it has on the points and its output weight."""
    reach = np.abs(a) / np.sqrt(g.squares)[:, None]
    return np.asarray(np.maximum(reach.max(axis=1), np.abs(v)))


def margins(active: Bools, a: Floats, v: Floats) -> Floats:
    """y_i N(x_i) (2 points, T) of pre-activations (2, 2, T) under a pattern (2, 2, T)."""
    felt = np.where(active, a, 0.0) * v[:, None]
    return np.asarray(LABELS[:, None] * felt.sum(axis=0))
