"""Two neurons on two points as exact rational numbers: what a certificate is about.

Canonical order: neuron 0 has output weight +1, point 0 has label +1.  Every number is the exact
binary double that was given; the signs at the start and the sign of k12 are exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from latephase.core.balls import arb, exact
from latephase.problem import Dataset, ShallowReLU
from latephase.problem.methods import Method
from latephase.problem.problem import Problem

Fractions = tuple[Fraction, Fraction]


@dataclass(frozen=True)
class System:
    """Points x1 (label +1) and x2 (label -1), weights and biases of the two neurons, step size
    (None: gradient flow); all exact."""

    x1: Fraction
    x2: Fraction
    weights: Fractions
    biases: Fractions
    step: Fraction | None

    @staticmethod
    def of(network: ShallowReLU, data: Dataset, method: Method) -> System:
        """Raises InputError unless two neurons of output weights +1, -1 meet two points of R."""
        problem = Problem.of(network, data, method)
        problem.refuse_all_but_pairs()
        points = 1 if data.labels[0] > 0 else -1  # the order that puts +1 first
        neurons = 1 if network.output_weights[0] > 0 else -1
        x1, x2 = map(Fraction, data.inputs[::points, 0].tolist())
        w1, w2 = map(Fraction, network.weights[::neurons, 0].tolist())
        b1, b2 = map(Fraction, network.biases_or_zeros[::neurons].tolist())
        step = Fraction(method.step_size) if method.discrete else None
        return System(x1, x2, (w1, w2), (b1, b2), step)

    @cached_property
    def k11(self) -> Fraction:
        return 1 + self.x1 * self.x1

    @cached_property
    def k22(self) -> Fraction:
        return 1 + self.x2 * self.x2

    @cached_property
    def k12(self) -> Fraction:
        return 1 + self.x1 * self.x2

    @cached_property
    def attracts(self) -> bool:
        """Whether k12 > 0."""
        return self.k12 > 0

    @cached_property
    def mirrored(self) -> System:
        """The same run with points and neurons swapped: N becomes -N, and so do the labels."""
        w, b = self.weights, self.biases
        return System(self.x2, self.x1, (w[1], w[0]), (b[1], b[0]), self.step)

    @property
    def determinant(self) -> Fraction:
        return (self.x1 - self.x2) ** 2

    @property
    def half_gap(self) -> Fraction:
        """(x1 - x2) / 2, signed; its absolute value is the optimal margin."""
        return (self.x1 - self.x2) / 2

    @property
    def midpoint(self) -> Fraction:
        return (self.x1 + self.x2) / 2

    @property
    def limit_boundary(self) -> Fraction:
        """Where the boundary tends to if the loss tends to 0 (theory, section 2)."""
        return self.midpoint if self.k12 > 0 else (self.x1 + self.x2) / (1 - self.x1 * self.x2)

    @property
    def optimal(self) -> bool:
        """Whether the margin tends to the largest possible one if the loss tends to 0; a neuron
        that serves both points turns off too near to one of them where k12 > 7 k_ii."""
        served = self.k12 <= 7 * min(self.k11, self.k22)
        return served and (self.k12 >= 0 or self.x1 + self.x2 == 0)

    @cached_property
    def start(self) -> tuple[Fractions, Fractions]:
        """a_ji at t = 0, neuron first."""
        (w1, w2), (b1, b2) = self.weights, self.biases
        return ((w1 * self.x1 + b1, w1 * self.x2 + b1), (w2 * self.x1 + b2, w2 * self.x2 + b2))

    @cached_property
    def nulls(self) -> Fractions:
        """w_j - x_j b_j: what training on its own point alone does not change in neuron j."""
        (w1, w2), (b1, b2) = self.weights, self.biases
        return w1 - self.x1 * b1, w2 - self.x2 * b2

    def gram(self) -> tuple[tuple[arb, arb], tuple[arb, arb]]:
        """Balls around the Gram matrix, at the precision in force."""
        k12 = exact(self.k12)
        return (exact(self.k11), k12), (k12, exact(self.k22))
