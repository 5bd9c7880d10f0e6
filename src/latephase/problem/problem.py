"""Problem: what is trained, how, and on which loss - checked once, and passed on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from latephase.core import InputError, Words
from latephase.problem import losses
from latephase.problem.dataset import Dataset
from latephase.problem.geometry import TwoPointGeometry, is_two_point
from latephase.problem.losses import Loss
from latephase.problem.methods import Method, followed_method, method_of_ours
from latephase.problem.network import ShallowReLU, matching


@dataclass(frozen=True)
class Problem:
    """A network, the data that it is trained on, the method and the loss.

    Every entrance makes one by `Problem.of`, which is the one place where they are checked.
    """

    network: ShallowReLU
    data: Dataset
    method: Method
    loss: Loss

    @classmethod
    def of(
        cls, network: object, data: object, method: object, loss: object = "exponential"
    ) -> Problem:
        """Check that the four are such and fit together; `loss` by its name.  Raises InputError."""
        network, data = matching(network, data)
        return cls(network, data, method_of_ours(method), losses.named(loss))

    @property
    def is_pair(self) -> bool:
        """Two ReLU neurons with biases, fixed output weights +1 and -1, on two points in dimension
        1."""
        outer = sorted(self.network.output_weights)
        return self.network.is_plain and is_two_point(self.data) and outer == [-1.0, 1.0]

    @property
    def has_late_phase(self) -> bool:
        """Whether it is known how this moves for ever; what has no late phase is stepped."""
        return bool(self.method.has_late_phase) and self.network.output_bias is None

    @property
    def has_closed_form(self) -> bool:
        """A pair whose late phase is known in closed form: the exponential loss, GD or GF."""
        exponential = self.loss.name == "exponential"
        return exponential and self.is_pair and self.method.has_late_phase

    @property
    def has_layered_form(self) -> bool:
        """A pair with both layers trained whose late phase is known in closed form: x1 * x2 <= -1,
        the exponential loss, GD or GF."""
        network = self.network
        relu = network.biases is not None and network.negative_slope == 0.0
        pair = network.train_output and relu and network.m == 2
        exponential = self.loss.name == "exponential"
        known = pair and exponential and self.has_late_phase
        return known and is_two_point(self.data) and self.geometry.gram_sign <= 0

    @cached_property
    def geometry(self) -> TwoPointGeometry:
        """Of two points in dimension 1.  Raises InputError for other data."""
        return TwoPointGeometry.of(self.data)

    @property
    def neuron_order(self) -> tuple[int, int]:
        """Which canonical neuron (0: output weight +1) each of a pair's is, and the other way."""
        return (0, 1) if self.network.output_weights[0] > 0 else (1, 0)

    def refuse_trained_output(self, what: str) -> None:
        """Check that the output weights are fixed, which `what` needs.  Raises InputError."""
        if self.network.train_output:
            got = Words("train_output=True")
            raise InputError(
                f"fixed output weights for {what}", got, "simulate follows both layers"
            )

    def refuse_all_but_pairs(self) -> None:
        """Check that this is a pair under gradient descent or flow.  Raises InputError."""
        followed_method(self.method)
        if not self.is_pair:
            network = self.network
            kinds = ["without biases"] if network.biases is None else []
            if network.train_output:
                kinds.append("of trained output weights")
            if network.negative_slope:
                kinds.append(f"of negative slope {network.negative_slope:g}")
            kind = "".join(f" {words}" for words in kinds)
            sizes = f"{network.m} neurons{kind} on {self.data.n} points in dimension {self.data.d}"
            wanted = (
                "two ReLU neurons with biases, output weights +1, -1, on two points in dimension 1"
            )
            raise InputError(wanted, Words(sizes), "use simulate, which follows any network")
