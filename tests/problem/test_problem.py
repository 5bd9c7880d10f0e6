"""What is trained, checked once: the same words whoever is called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import latephase as lp
from latephase.problem import LOSSES, Problem

NET, DATA, GD = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2]), lp.Dataset([1, -1], [1, -1]), 0.1
WIDE = lp.ShallowReLU([1.0, 2.0, 3.0], [0.0] * 3, [1.0, 1.0, -1.0])
PLANE = lp.Dataset([[1.0, 0.0], [0.0, 1.0]], [1, -1])
GOOD: dict[str, Any] = {"network": NET, "data": DATA, "method": lp.GradientDescent(GD)}
CALLS: dict[str, Callable[..., Any]] = {
    "simulate": lambda **given: lp.simulate(**given, until=1),
    "predict": lp.predict,
    "stall": lp.stall,
}
BAD = {
    "no network": ({"network": 3}, "a ShallowReLU, got 3"),
    "no data": ({"data": [1, -1]}, "a Dataset, got"),
    "other features": ({"data": PLANE}, "weights of 2 features as the inputs have"),
    "no method": ({"method": "gd"}, "a training method, got 'gd'"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("call", CALLS)
def test_every_entrance_refuses_in_the_same_words(call: str, name: str) -> None:
    """Ground truth: the words of `Problem.of`."""
    change, words = BAD[name]
    with pytest.raises(lp.InputError, match=words) as caught:
        CALLS[call](**{**GOOD, **change})
    with pytest.raises(lp.InputError) as first:
        Problem.of(**{**GOOD, **change})
    assert str(caught.value) == str(first.value)


@pytest.mark.parametrize(
    ("change", "pair", "closed"),
    [
        ({}, True, True),
        ({"loss": "logistic"}, True, False),
        ({"method": lp.HeavyBall(0.1)}, True, False),
        ({"method": lp.GradientFlow()}, True, True),
        ({"network": WIDE}, False, False),
        ({"network": lp.ShallowReLU([1, 2], [0, 0], [1, -2])}, False, False),
        ({"data": lp.Dataset([1, -1, 2], [1, -1, 1])}, False, False),
    ],
)
def test_which_problems_have_closed_forms(change: dict[str, Any], pair: bool, closed: bool) -> None:
    """Ground truth: docs/theory.md: two neurons of output weights +-1 on two points of the line."""
    problem = Problem.of(**{**GOOD, **change})
    assert (problem.is_pair, problem.has_closed_form) == (pair, closed)
    assert problem.loss is LOSSES[change.get("loss", "exponential")]


def test_a_pairs_neurons_are_put_in_order() -> None:
    """Ground truth: neuron 0 has output weight +1."""
    for outer in ([1, -1], [-1, 1]):
        network = lp.ShallowReLU([1, 2], [3, 4], outer)
        order = Problem.of(network, DATA, lp.GradientFlow()).neuron_order
        assert network.output_weights[list(order)].tolist() == [1.0, -1.0]
