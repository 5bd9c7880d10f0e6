"""Both layers trained: every method against its definition in 60-digit arithmetic, and optax."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import optax
import pytest

import references.decimal_methods as exact
from helpers import often
from latephase.training.loops.follow import follow
from latephase.training.methods.table import named, stepped
from training.methods.test_definitions import PROBLEMS, STEPS, chosen, expected, start

ETA = Decimal(2) ** -6  # exact; steps of a fixed length in L grow the product of two layers
EXPECTED = expected(ETA)


def followed(method: Any, kind: str, steps: int = STEPS, **more: Any) -> tuple[Any, Any]:
    """theta (trial, neuron, [w, b, v]) before and after the steps."""
    x, y, outer = (np.array(part) for part in PROBLEMS[kind])
    weights, biases = start(len(outer), seed=3)
    trained = outer * np.linspace(0.5, 1.25, 3)[:, None]
    has = more.pop("biased", True)
    last = more.get("output_bias")
    found = follow(
        weights,
        biases if has else None,
        [steps],
        inputs=x[:, None],
        labels=y,
        output_weights=trained,
        method=method,
        **more,
    )
    before = [weights[..., 0], biases if has else 0 * biases, trained]
    after = [found.weights[0, ..., 0], 0 * biases, found.output_weights[0]]
    after[1] = found.biases[0] if has else after[1]
    if last is None:
        return np.stack(before, axis=-1), np.stack(after, axis=-1)
    ends = (before, last), (after, found.output_bias[0])
    flat = [np.stack(part, axis=-1).reshape(len(last), -1) for part, _ in ends]
    both = zip(flat, ends, strict=True)
    return tuple(np.column_stack([part, end]) for part, (_, end) in both)  # type: ignore[return-value]


def far(got: np.ndarray, want: np.ndarray) -> float:
    return float(np.abs(got - want).max() / np.abs(want).max())


EVERYDAY = ["gd", "adam", "sam", "loss_scaled", "nesterov", "weight_decay:strength=0.125"]
EVERYDAY += ["span_projection:at=50", "prgd:warmup=20:period=5:ratio=1.25"]
GROWING = {"loss_scaled": 30, "dual_acceleration": 30, "prgd": 30, "polyak_step": 8}
"""Steps of those whose parameters grow exponentially: longer runs are chaotic."""


@pytest.mark.parametrize("text", often(EXPECTED, EVERYDAY))
def test_a_method_is_its_definition(text: str) -> None:
    """Ground truth: its update of all three groups in 60-digit arithmetic, three starts."""
    kind = "k12 < 0" if text.startswith(("span", "polyak")) else "three points"
    steps = GROWING.get(text.partition(":")[0], STEPS)
    before, after = followed(stepped(named(text, float(ETA))), kind, steps)
    x, y, _ = PROBLEMS[kind]
    reference = exact.Problem(x, y, None, loss="exponential")
    for one, got in zip(before, after, strict=True):
        want = exact.after(EXPECTED[text], reference, one, steps)
        assert far(got, want) <= 1e-11


KINDS = [(False, 0.0), (True, 0.25), (False, 1.0)]
CASES = [(text, *kind) for text in ("gd", "adam", "sign_descent", "sam") for kind in KINDS]
OFTEN = [("gd", *KINDS[0]), ("gd", *KINDS[1]), ("sign_descent", *KINDS[1]), ("sam", *KINDS[2])]


@pytest.mark.parametrize(("text", "biased", "slope"), often(CASES, OFTEN))
def test_other_kinds_of_networks(text: str, biased: bool, slope: float) -> None:
    """Ground truth: the same of leaky networks, linear ones and networks without biases, on the
    logistic loss."""
    more = {"biased": biased, "negative_slope": slope, "loss": "logistic"}
    before, after = followed(stepped(named(text, float(ETA))), "three points", **more)
    x, y, _ = PROBLEMS["three points"]
    reference = exact.Problem(x, y, None, "logistic", slope, biased)
    for one, got in zip(before, after, strict=True):
        want = exact.after(EXPECTED[text], reference, one, STEPS)
        assert far(got, want) <= 1e-11


BIASED = ["gd", "adam", "sign_descent", "sam", "prgd:warmup=20:period=5:ratio=1.25"]


LAST = [(text, slope) for text in BIASED for slope in (0.0, 0.25)]


@pytest.mark.parametrize(("text", "slope"), often(LAST, [("gd", 0.25), ("sam", 0.0)]))
def test_an_output_bias_too(text: str, slope: float) -> None:
    """Ground truth: the same with a bias of the output layer, in 60 digits."""
    steps, bias = GROWING.get(text.partition(":")[0], STEPS), np.array([0.25, -0.5, 0.0])
    more = {"negative_slope": slope, "output_bias": bias}
    before, after = followed(stepped(named(text, float(ETA))), "three points", steps, **more)
    x, y, _ = PROBLEMS["three points"]
    reference = exact.Problem(x, y, None, "exponential", slope, constant=True)
    for one, got in zip(before, after, strict=True):
        want = exact.after(EXPECTED[text], reference, one, steps)
        assert far(got, want) <= 1e-11


def test_signs_of_an_output_bias_never_underflow() -> None:
    """Ground truth: at margins of 2001 and 1999 it is the second point that moves it, down."""
    found = follow(
        np.array([[[2000.0], [-2000.0]]]),
        None,
        [1],
        inputs=np.array([[1.0], [-1.0]]),
        labels=np.array([1, -1]),
        output_weights=np.array([[1.0, -1.0]]),
        output_bias=np.array([1.0]),
        method=stepped(named("sign_descent", 0.25)),
    )
    assert found.output_bias[0, 0] == 0.75
    assert found.output_weights[0, 0].tolist() == [1.25, -1.25]


def test_stochastic_descent_too() -> None:
    """Ground truth: 60-digit arithmetic with the same order of points."""
    before, after = followed(stepped(named("sgd", float(ETA))), "three points")
    x, y, _ = PROBLEMS["three points"]
    reference = exact.Problem(x, y, None, loss="exponential")
    for taken, one, got in zip(chosen("sgd", 3).T, before, after, strict=True):
        order = [np.flatnonzero(points).tolist() for points in taken.T]
        want = exact.after(exact.stochastic(ETA, order), reference, one, STEPS)
        assert far(got, want) <= 1e-11


def test_optax_sees_three_groups() -> None:
    """Ground truth: our descent, and a transformation that moves the output weights alone."""
    ours, theirs = stepped(named("gd", 0.25)), stepped(optax.sgd(0.25))
    bias = {"output_bias": np.array([0.25, -0.5, 0.0])}
    both = (followed(one, "three points", **bias)[1] for one in (ours, theirs))
    assert far(*both) < 1e-14
    only = optax.masked(
        optax.sgd(0.25), {"weights": False, "biases": False, "output_weights": True}
    )
    rest = {"weights": True, "biases": True, "output_weights": False}
    alone = stepped(optax.chain(only, optax.masked(optax.set_to_zero(), rest)))
    before, after = followed(alone, "three points", 1)
    gd = followed(stepped(named("gd", 0.25)), "three points", 1)[1]
    assert (after[..., :2] == before[..., :2]).all()
    assert far(after[..., 2], gd[..., 2]) < 1e-15
