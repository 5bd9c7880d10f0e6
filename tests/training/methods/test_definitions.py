"""training/methods: each one against its definition in 60-digit arithmetic, 200 steps long."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import references.decimal_methods as exact
from helpers import often
from latephase.core import InputError
from latephase.training.loops.follow import follow
from latephase.training.method import View
from latephase.training.methods.table import METHODS, named, stepped
from latephase.training.parameters import Data, DoubleDouble

STEPS, ETA = 200, Decimal("0.25")  # exact in binary
D = Decimal


def expected(eta: Decimal) -> dict[str, exact.Method]:
    """The definition of each method of this step size."""
    gd = exact.rule(lambda t, loss, length: eta)
    return {
        "gd": gd,
        "power_step:exponent=0.5": exact.rule(lambda t, loss, length: eta * D(t + 1).sqrt()),
        "loss_scaled": exact.rule(lambda t, loss, length: eta / loss),
        "loss_scaled:decay=0.5": exact.rule(lambda t, loss, length: eta / loss / D(t + 1).sqrt()),
        "normalized_gd": exact.rule(lambda t, loss, length: eta / length),
        "polyak_step": exact.rule(lambda t, loss, length: loss / length**2),
        "loss_based": exact.loss_based(eta),
        "heavy_ball:momentum=0.75": exact.heavy_ball(eta, D(0.75)),
        "nesterov": exact.nesterov(eta, None),
        "nesterov:momentum=0.5": exact.nesterov(eta, D(0.5)),
        "dual_acceleration": exact.dual_acceleration(eta),
        "prgd:warmup=20:period=5:ratio=1.25": exact.rescaling(eta, D(1.25), 5, 20),
        "adam": exact.adam(eta, D(0.9), D(0.999), D(1e-8)),
        "adam:eps=0:beta1=0.5": exact.adam(eta, D(0.5), D(0.999), D(0)),
        "sign_descent": exact.sign_descent(eta),
        "sam": exact.sharpness_aware(eta, D(0.1)),
        "weight_decay:strength=0.125": exact.weight_decay(eta, D(0.125), 0),
        "weight_decay:strength=0.5:fading=1": exact.weight_decay(eta, D(0.5), 1),
        "fixed_radius:radius=4": exact.fixed_radius(eta, D(4)),
        "span_projection:at=50": exact.span_projection(50, gd),
        "span_projection:at=50:method=polyak_step": exact.span_projection(
            50, exact.rule(lambda t, loss, length: loss / length**2)
        ),
    }


EXPECTED = expected(ETA)
# (inputs, labels, output weights): the paper's, coupled, orthogonal and unequal; and a third point.
PROBLEMS = {
    "paper": ([1.0, -1.0], [1, -1], [1.0, -1.0]),
    "k12 < 0": ([3.0, -1.0], [1, -1], [1.0, -1.0]),
    "k12 = 0": ([-0.5, 2.0], [-1, 1], [1.0, -1.0]),
    "three points": ([1.5, -0.75, 2.5], [1, -1, 1], [1.0, -1.0, 0.5]),
}


def start(neurons: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed).normal
    return 0.75 * draw(size=(3, neurons, 1)), 0.75 * draw(size=(3, neurons))


def run(text: str, problem: str, steps: int = STEPS, loss: str = "exponential") -> Any:
    x, y, v = (np.array(part) for part in PROBLEMS[problem])
    weights, biases = start(len(v), seed=3)
    method = stepped(named(text, float(ETA)))
    found = follow(
        weights,
        biases,
        [steps],
        inputs=x[:, None],
        labels=y,
        output_weights=v,
        method=method,
        loss=loss,
    )
    theta = np.concatenate([weights, biases[..., None]], axis=-1)
    ended = np.concatenate([found.weights[0], found.biases[0][..., None]], axis=-1)
    return theta, ended, found


@pytest.mark.parametrize("problem", often(PROBLEMS, ["k12 < 0", "three points"]))
@pytest.mark.parametrize("text", EXPECTED)
def test_a_method_is_its_definition(text: str, problem: str) -> None:
    """Ground truth: its update in 60-digit arithmetic, 200 steps, three starts."""
    theta, ended, _ = run(text, problem)
    reference = exact.Problem(*PROBLEMS[problem], loss="exponential")
    for one, got in zip(theta, ended):
        want = exact.after(EXPECTED[text], reference, one, STEPS)
        assert np.abs(got - want).max() <= 1e-11 * np.abs(want).max()


@pytest.mark.parametrize("text", ["gd", "loss_scaled", "adam", "sam", "nesterov"])
def test_the_logistic_loss_too(text: str) -> None:
    """Ground truth: the same with ln(1 + e^-q)."""
    theta, ended, _ = run(text, "k12 < 0", loss="logistic")
    reference = exact.Problem(*PROBLEMS["k12 < 0"], loss="logistic")
    for one, got in zip(theta, ended):
        want = exact.after(EXPECTED[text], reference, one, STEPS)
        assert np.abs(got - want).max() <= 1e-11 * np.abs(want).max()


KINDS = [(False, 0.0), (True, 0.25), (False, 0.25), (True, 1.0)]
OF_KINDS = ["gd", "adam", "sign_descent", "sam", "span_projection:at=50"]
EVERYDAY = [("gd", *kind) for kind in KINDS] + [
    ("adam", *KINDS[0]),
    ("sign_descent", *KINDS[1]),
    ("sam", *KINDS[2]),
    ("span_projection:at=50", *KINDS[0]),
    ("span_projection:at=50", *KINDS[1]),
]
"""Each has a compilation of its own."""
CASES = [(text, *kind) for text in OF_KINDS for kind in KINDS]


@pytest.mark.parametrize(("text", "biased", "slope"), often(CASES, EVERYDAY))
def test_other_kinds_of_networks(text: str, biased: bool, slope: float) -> None:
    """Ground truth: the same of leaky networks, linear ones and networks without biases."""
    x, y, v = (np.array(part) for part in PROBLEMS["three points"])
    weights, biases = start(len(v), seed=3)
    found = follow(
        weights,
        biases if biased else None,
        [STEPS],
        inputs=x[:, None],
        labels=y,
        output_weights=v,
        method=stepped(named(text, float(ETA))),
        negative_slope=slope,
    )
    assert (found.biases is None) is not biased
    last = found.biases[0] if biased else np.zeros_like(biases)
    reference = exact.Problem(*PROBLEMS["three points"], "exponential", slope, biased)
    for k in range(len(weights)):
        one = np.stack([weights[k, :, 0], biases[k] if biased else 0 * biases[k]], axis=-1)
        want = exact.after(EXPECTED[text], reference, one, STEPS)
        got = np.stack([found.weights[0, k, :, 0], last[k]], axis=-1)
        assert np.abs(got - want).max() <= 1e-11 * np.abs(want).max()


def test_every_method_is_checked() -> None:
    """A method that is added is compared with its definition."""
    assert set(METHODS) <= {text.split(":")[0] for text in EXPECTED} | {"sgd"}


def chosen(text: str, points: int) -> np.ndarray:
    """Which points stochastic descent takes at each step, (STEPS, point, 3 trials)."""
    method: Any = named(text, float(ETA))
    with jax.enable_x64(True):
        empty = jnp.zeros((2, 2, 3))
        pair = DoubleDouble(empty, empty)
        data = Data(jnp.zeros((points, 2)), jnp.zeros(points), jnp.zeros(2))
        trials = jnp.arange(3, dtype="uint32")

        def at(time: jax.Array) -> jax.Array:
            return method._chosen(View(pair, time, None, None, data, trials), points)  # type: ignore[arg-type, no-any-return]

        return np.asarray(jax.jit(lambda times: jax.lax.map(at, times))(jnp.arange(float(STEPS))))


SGD = ["sgd", "sgd:replacement=0", "sgd:seed=7", "sgd:batch=2", "sgd:batch=2:replacement=0"]


@pytest.mark.parametrize("text", often(SGD, ["sgd:seed=7", "sgd:batch=2"]))
def test_stochastic_descent_is_its_definition_for_the_points_that_it_draws(text: str) -> None:
    """Ground truth: 60-digit arithmetic with the same order of points."""
    theta, ended, _ = run(text, "three points")
    reference = exact.Problem(*PROBLEMS["three points"], loss="exponential")
    for taken, one, got in zip(chosen(text, 3).T, theta, ended):
        order = [np.flatnonzero(points).tolist() for points in taken.T]
        want = exact.after(exact.stochastic(ETA, order), reference, one, STEPS)
        assert np.abs(got - want).max() <= 1e-11 * np.abs(want).max()


def test_without_replacement_every_epoch_has_every_point() -> None:
    order = chosen("sgd:replacement=0", 3).argmax(axis=1)[:, 1]
    epochs = [tuple(order[k : k + 3]) for k in range(0, 198, 3)]
    assert all(sorted(epoch) == [0, 1, 2] for epoch in epochs)
    assert len(set(epochs)) == 6  # in every order
    drawn = np.bincount(chosen("sgd", 3).argmax(axis=1)[:, 1])
    assert drawn.min() > 40  # 200 draws of three: 67 expected, 40 is four deviations away


def test_batches_are_of_different_points_and_an_epoch_has_each_once() -> None:
    """Ground truth: the definition; of five points in batches of two the last has one."""
    anew, epochs = (chosen(f"sgd:batch=2:replacement={yes}", 5) for yes in (1, 0))
    assert (anew.sum(axis=1) == 2).all()
    assert abs(anew[:, :, 1].mean(axis=0) - 0.4).max() < 0.14  # four deviations of 200 steps
    sizes = epochs[:198].sum(axis=1).reshape(66, 3, 3)
    assert (sizes == np.array([2, 2, 1])[:, None]).all()
    assert (epochs[:198].reshape(66, 3, 5, 3).sum(axis=1) == 1).all()
    with pytest.raises(InputError, match="batch"):
        named("sgd:batch=0", 0.1)
    with pytest.raises(InputError, match="a batch of at most 2 points"):
        run("sgd:batch=3", "paper")


def test_margins_of_a_million_have_a_finite_loss() -> None:
    """Ground truth: loss-scaled steps of the paper's data raise each margin by step_size a step
    once both are equal, so 10^6 steps of 1 end near 10^6, and ln L near its negative."""
    x, y, v = (np.array(part) for part in PROBLEMS["paper"])
    found = follow(
        np.array([[[0.75], [-0.5]]]),
        np.array([[0.25, 0.5]]),
        [10**6],
        inputs=x[:, None],
        labels=y,
        output_weights=v,
        method=stepped(named("loss_scaled", 1.0)),
    )
    a = found.weights[0, 0] * x + found.biases[0, 0][:, None]
    margins = np.maximum(a[0], 0) - np.maximum(a[1], 0)
    log_loss = np.logaddexp(-margins[0], margins[1])
    assert np.isfinite(log_loss)
    assert min(margins[0], -margins[1]) > 1e5
    np.testing.assert_allclose(-log_loss, 1e6, rtol=1e-4)
    np.testing.assert_allclose(found.log_flow_time[0, 0], 1e6, rtol=1e-4)


def test_flow_time_is_the_sum_of_step_sizes() -> None:
    """Ground truth: GD makes steps of one size, so that its sum is known; loss-scaled steps are
    step_size / L, summed in 60-digit arithmetic."""
    _, _, found = run("gd", "k12 < 0")
    alive = np.log(float(ETA) * STEPS)
    np.testing.assert_allclose(found.log_flow_time[0, :2], alive, rtol=1e-12)
    theta, _, found = run("loss_scaled", "k12 < 0")
    reference = exact.Problem(*PROBLEMS["k12 < 0"], loss="exponential")
    for trial, one in enumerate(theta[:2]):  # the third dies
        now, total = [D(float(e)) for e in one.ravel()], D(0)
        for later in zip(range(STEPS), EXPECTED["loss_scaled"](reference, now)):
            total += ETA / reference.gradient(now)[0]
            now = later[1]
        np.testing.assert_allclose(found.log_flow_time[0, trial], float(total.ln()), rtol=1e-12)


def test_evaluations_are_counted() -> None:
    """Ground truth: two for sharpness-aware steps, one point of three for stochastic ones."""
    texts = ("gd", "sam", "sgd", "sgd:batch=2", "sgd:batch=2:replacement=0")
    counts = [run(text, "three points")[2].evaluations[0] for text in texts]
    np.testing.assert_allclose(counts, [200, 400, 200 / 3, 400 / 3, 100], rtol=1e-12)
