"""Two neurons on two points with both layers trained, as exact rational numbers.

Canonical order: point 0 has label +1; neuron 0 has the larger output weight at the start (of equal
ones the first given).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from latephase.certificates.prove.system import Fractions, System
from latephase.core import InputError
from latephase.problem import Dataset, ShallowReLU
from latephase.problem.geometry import is_two_point
from latephase.problem.methods import Method, followed_method
from latephase.problem.problem import Problem


@dataclass(frozen=True)
class LayeredSystem(System):
    """outputs: the output weights v_j;  logistic: whether the loss is, else exponential."""

    outputs: Fractions
    logistic: bool

    @staticmethod
    def of_layers(network: ShallowReLU, data: Dataset, method: Method, loss: str) -> LayeredSystem:
        """Raises InputError unless two ReLU neurons with biases meet two points of R."""
        problem = Problem.of(network, data, method, loss)
        followed_method(problem.method)
        plain = network.biases is not None and network.output_bias is None
        relu = plain and network.negative_slope == 0.0
        if not (relu and network.m == 2 and is_two_point(data)):
            wanted = "two ReLU neurons with biases on two points in dimension 1, with both layers"
            raise InputError(wanted, network, "use simulate, which follows any network")
        points = sorted(zip(data.labels, data.inputs[:, 0], strict=True), reverse=True)
        order = sorted((0, 1), key=lambda j: -network.output_weights[j])
        x1, x2 = (Fraction(float(x)) for _, x in points)
        weights, biases, outputs = (
            (Fraction(float(column[order[0]])), Fraction(float(column[order[1]])))
            for column in (
                network.weights[:, 0], network.biases_or_zeros, network.output_weights
            )
        )  # fmt: skip
        step = Fraction(method.step_size) if method.discrete else None
        logistic = problem.loss.name == "logistic"
        return LayeredSystem(x1, x2, weights, biases, step, outputs, logistic)

    def null(self, neuron: int, point: int) -> Fraction:
        """w_j - x_i b_j at the start: what training on point i alone does not change."""
        x = (self.x1, self.x2)[point]
        return self.weights[neuron] - x * self.biases[neuron]


def stated(network: ShallowReLU, data: Dataset, method: Method, loss: str) -> System:
    """The problem of a certificate, of fixed output weights or of both layers.

    Raises InputError on what is not certified.
    """
    problem = Problem.of(network, data, method, loss)
    if problem.network.train_output:
        return LayeredSystem.of_layers(network, data, method, loss)
    if problem.loss.name != "exponential":
        do = "leave the loss out, or train both layers (train_output=True)"
        raise InputError("the exponential loss for fixed output weights", loss, do)
    return System.of(network, data, method)
