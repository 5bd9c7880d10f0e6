"""Any network of fixed output weights on any points, as exact rational numbers.

Source of all of this room: docs/certificates-general.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from latephase.core import InputError, Words
from latephase.core.balls import Rational, RationalMatrix
from latephase.problem import Dataset, ShallowReLU
from latephase.problem.methods import Method
from latephase.problem.problem import Problem

Row = list[Rational]
Signs = tuple[tuple[bool, ...], ...]  # of a pre-activation (m, n): whether it is positive
Kinks = tuple[tuple[int, int], ...]  # neurons and points whose pre-activation slides on 0

MOST_POINTS, MOST_NEURONS, MOST_FEATURES, MOST_KINKS = 32, 32, 8, 16


def rational(x: float) -> Rational:
    """A double, exactly."""
    return Rational(*float(x).as_integer_ratio())


@dataclass(frozen=True)
class GeneralSystem:
    """points (n, k): z_i, with the constant 1 where there are biases;  labels (n,);  start (m, k):
    theta_j;  outputs (m,): v_j;  slope: the negative one;  step;  logistic: whether the loss is,
    else exponential;  inputs (n, d): floats, to look around with."""

    points: list[Row]
    labels: tuple[int, ...]
    start: list[Row]
    outputs: Row
    slope: Rational
    step: Rational
    logistic: bool
    biased: bool
    inputs: NDArray[np.float64]

    @classmethod
    def of(cls, network: ShallowReLU, data: Dataset, method: Method, loss: str) -> GeneralSystem:
        """Raises InputError on what is not certified."""
        problem = Problem.of(network, data, method, loss)
        problem.refuse_trained_output("a certificate of any network")
        if not (problem.method.has_late_phase and problem.method.discrete):
            wanted = "GradientDescent(step_size) of a constant step size for such a network"
            raise InputError(wanted, method, "use simulate, which follows other methods")
        if problem.loss.name not in ("exponential", "logistic"):
            raise InputError("the exponential or the logistic loss", loss, "use simulate")
        sizes, most = (network.m, data.n, data.d), (MOST_NEURONS, MOST_POINTS, MOST_FEATURES)
        if any(size > limit for size, limit in zip(sizes, most, strict=True)):
            wanted = "up to {} neurons on up to {} points of up to {} features".format(*most)
            raise InputError(wanted, Words("{}, {}, {}".format(*sizes)), "use simulate")
        points, start = network.points(data.inputs), network.weights
        if network.biases is not None:
            start = np.column_stack([start, network.biases])
        rows, neurons = ([[rational(x) for x in row] for row in part] for part in (points, start))
        labels = tuple(int(y) for y in data.labels)
        outputs = [rational(v) for v in network.output_weights]
        slope, logistic = rational(network.negative_slope), problem.loss.name == "logistic"
        biased, step = network.biases is not None, rational(problem.method.step_size)
        return cls(rows, labels, neurons, outputs, slope, step, logistic, biased, data.inputs)

    @property
    def m(self) -> int:
        return len(self.start)

    @property
    def n(self) -> int:
        return len(self.points)

    @property
    def k(self) -> int:
        """Parameters of a neuron."""
        return len(self.points[0])

    @cached_property
    def gram(self) -> list[Row]:
        """z_i . z_i', (n, n)."""
        z = RationalMatrix(self.points)
        return list((z * z.transpose()).tolist())

    @cached_property
    def preactivations(self) -> list[Row]:
        """a_ji at the start, (m, n)."""
        return list((RationalMatrix(self.start) * RationalMatrix(self.points).transpose()).tolist())

    def gain(self, active: bool) -> Rational:
        return Rational(1) if active else self.slope

    def pulls(self, signs: Signs, kinks: Kinks = ()) -> list[Row]:
        """y_i v_j gamma_ji, (m, n): what of z_i a unit of h_i gives to neuron j; 0 at kinks."""
        rows = [
            [y * v * self.gain(s) for y, s in zip(self.labels, row, strict=True)]
            for v, row in zip(self.outputs, signs, strict=True)
        ]
        for j, i in kinks:
            rows[j][i] = Rational(0)
        return rows
