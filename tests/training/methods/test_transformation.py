"""training/methods/transformation: optax transformations do what they do in optax's own loop."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import latephase as lp
from helpers import relative_error
from latephase.training.loops.follow import follow
from latephase.training.methods.table import stepped

DATA = lp.Dataset([1.5, -0.75, 2.5], [1, -1, 1])
OUTER = np.array([1.0, -1.0, 0.5])
NET = lp.ShallowReLU([0.7, -0.4, 0.3], [0.1, 0.2, -0.1], OUTER)


def campaign(name: str) -> Any:
    return pytest.param(name, marks=pytest.mark.campaign)


GIVEN: Any = optax.GradientTransformation


def trained(method: Any, steps: int = 1000) -> np.ndarray:
    run = lp.simulate(NET, DATA, method, until=steps, at=[steps])
    parts = [run.trajectory[name].values.ravel() for name in ("weights", "biases")]
    return np.concatenate(parts)


def by_optax(tx: Any, weights: Any, biases: Any, steps: int, slope: float = 0.0) -> np.ndarray:
    """optax's own loop in plain JAX, one network in float64, its gradient by autodiff."""
    with jax.enable_x64(True):
        x, y, v = (jnp.asarray(part) for part in (DATA.inputs, DATA.labels * 1.0, OUTER))
        theta: Any = {"weights": jnp.asarray(weights)}
        theta |= {} if biases is None else {"biases": jnp.asarray(biases)}

        def loss(theta: Any) -> Any:
            a = x @ theta["weights"].T + theta.get("biases", 0.0)
            return jnp.exp(-y * (jnp.where(a > 0, a, slope * a) @ v)).sum()

        def one(carry: Any, _: None) -> Any:
            theta, state = carry
            value, grads = jax.value_and_grad(loss)(theta)
            extra = {"value": value, "grad": grads, "value_fn": loss}
            moved, state = optax.with_extra_args_support(tx).update(grads, state, theta, **extra)
            return (optax.apply_updates(theta, moved), state), None

        (theta, _), _ = jax.lax.scan(one, (theta, tx.init(theta)), None, length=steps)
        return np.concatenate(
            [np.ravel(theta[name]) for name in ("weights", "biases")[: len(theta)]]
        )


OURS = {
    "sgd": (optax.sgd(0.1), lp.PowerStep(0.1, 0.0)),
    "momentum": (optax.sgd(0.05, momentum=0.5), lp.HeavyBall(0.05, 0.5)),
    "adam": (optax.adam(1e-2), lp.Adam(1e-2)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OURS)
def test_the_same_formula_of_optax_and_of_ours(name: str) -> None:
    """Ground truth: our own method, which is held against 60 digits."""
    theirs, ours = (trained(method) for method in OURS[name])
    assert relative_error(theirs, ours) <= 1e-12


OTHERS = {
    "clipped adam": optax.chain(optax.clip_by_global_norm(0.3), optax.adam(1e-2)),
    "rmsprop": optax.rmsprop(1e-3),
    "lamb": optax.lamb(1e-3),
    "adam in bfloat16": optax.adam(1e-2, mu_dtype=jnp.bfloat16),
    "adam with a schedule": optax.adam(optax.cosine_decay_schedule(1e-2, 500, 0.1)),
    "weights only": optax.partition(
        {"moved": optax.sgd(0.1), "fixed": optax.set_to_zero()},
        {"weights": "moved", "biases": "fixed"},
    ),
    "polyak": optax.polyak_sgd(max_learning_rate=0.1),
}


CAMPAIGN = ("lamb", "adam with a schedule", "polyak")  # one compilation each


@pytest.mark.slow
@pytest.mark.parametrize("name", [campaign(name) if name in CAMPAIGN else name for name in OTHERS])
def test_each_trial_is_what_optax_makes_of_it_alone(name: str) -> None:
    """Ground truth: optax's own loop in float64 for each of three networks side by side."""
    draw, steps = np.random.default_rng(5).normal, 300
    weights, biases = draw(size=(3, 3, 1)), draw(size=(3, 3))
    found = follow(
        weights,
        biases,
        [steps],
        inputs=DATA.inputs,
        labels=DATA.labels,
        output_weights=OUTER,
        method=stepped(OTHERS[name]),
    )
    got = np.concatenate([found.weights[0, ..., 0], found.biases[0]], axis=1)
    for k in range(3):
        want = by_optax(OTHERS[name], weights[k], biases[k], steps)
        assert np.abs(got[k] - want).max() <= 1e-9 * np.abs(want).max()


@pytest.mark.slow
def test_a_network_without_biases() -> None:
    """Ground truth: optax's own loop."""
    net = lp.ShallowReLU([0.7, -0.4, 0.3], None, OUTER, negative_slope=0.25)
    run = lp.simulate(net, DATA, optax.sgd(0.1), until=50, at=[50])
    want = by_optax(optax.sgd(0.1), net.weights, None, 50, slope=0.25)
    assert relative_error(run.trajectory.weights.values.ravel(), want) <= 1e-12


@pytest.mark.campaign
def test_a_network_without_biases_and_a_line_search() -> None:
    """Ground truth: optax's own loop; a search differentiates the loss that it is given."""
    net, tx = lp.ShallowReLU([0.7, -0.4, 0.3], None, OUTER, negative_slope=0.25), optax.lbfgs()
    run = lp.simulate(net, DATA, tx, until=8, at=[8])
    want = by_optax(tx, net.weights, None, 8, slope=0.25)
    assert relative_error(run.trajectory.weights.values.ravel(), want) <= 1e-9
    assert np.isnan(run.trajectory.gradient_evaluations.values).all()  # a search counts for itself


@pytest.mark.slow
def test_sharpness_aware_minimisation_asks_for_gradients_elsewhere() -> None:
    """Ground truth: our own, by the same formula, on its plain gradient."""
    rise = optax.chain(optax.contrib.normalize(), optax.sgd(0.1))
    sam = optax.contrib.sam(optax.sgd(0.05), rise, opaque_mode=True)
    got, want = trained(sam, 50), trained(lp.SharpnessAware(0.05, radius=0.1), 50)
    assert relative_error(got, want) <= 1e-12


@pytest.mark.slow
def test_a_run_is_recorded_and_can_be_asked_again() -> None:
    run = lp.simulate(NET, DATA, optax.adam(1e-2), until=100, at=[0, 100])
    assert run.trajectory.attrs["method"].startswith("optax(scale_by_adam(b1=0.9, b2=0.999")
    assert "0x" not in repr(run) + run.trajectory.attrs["method"]
    assert np.isfinite(run.trajectory.log_flow_time.values[1])
    assert np.array_equal(run.at(100).weights, run.followed([lp.LogTime.parse(100)]).weights[0])


@pytest.mark.slow
def test_compare_names_each_transformation() -> None:
    """Ground truth: the texts; three functions whose differing arrays no text shows."""
    scales = [jnp.float32(0.5), jnp.float32(0.25)]
    alike = [optax.stateless(lambda g, p, s=s: jax.tree.map(lambda x: -s * x, g)) for s in scales]
    methods = [optax.adam(1e-2), *alike]
    pair = lp.Dataset([1.0, -1.0], [1, -1])
    found = lp.compare("he_normal", pair, methods, trials=5, seed=1, until=20)
    names = [str(name) for name in found.algorithm.values]
    assert len(set(names)) == 3
    assert names[0].endswith("scale(step_size=-0.01))")
    same = [optax.sgd(0.1), lp.GradientDescent(0.1)]
    gd = lp.compare("he_normal", pair, same, trials=5, seed=1, until=20)
    first, second = (gd.isel(algorithm=k).norm.values for k in range(2))
    assert relative_error(first, second) <= 1e-14
    with pytest.raises(lp.InputError, match="every method once"):
        lp.compare("he_normal", pair, [methods[0], methods[0]], trials=5, seed=1, until=20)


def _nan_at_seven(grads: Any, state: Any, params: Any = None) -> Any:
    broken = jnp.where(state == 7, jnp.nan, 0.1)
    return jax.tree.map(lambda g: -broken * g, grads), state + 1


BAD: dict[str, tuple[Any, str]] = {
    "NaN": (GIVEN(lambda p: jnp.zeros((), int), _nan_at_seven), r"got NaN at step 7"),
    "shapes": (GIVEN(lambda p: (), lambda g, s, p=None: (g["weights"], s)), "updates of shapes"),
    "state": (GIVEN(lambda p: (), lambda g, s, p=None: (g, jnp.zeros(2))), "memory nested as"),
    "grown": (
        GIVEN(lambda p: jnp.zeros(2), lambda g, s, p=None: (g, jnp.zeros(3))),
        r"memory of float64\[2, 1\]",
    ),
    "raises": (GIVEN(lambda p: {}[0], lambda g, s, p=None: (g, s)), "got KeyError: 0"),
    "asks": (
        optax.GradientTransformationExtraArgs(lambda p: (), lambda g, s, p=None, *, tea: (g, s)),
        "missing 1 required keyword-only argument: 'tea'",
    ),
    "a function": (optax.adam, "a training method, got <function adam"),
    "empty": (GIVEN(None, None), "a training method"),
}


@pytest.mark.slow
@pytest.mark.parametrize("bad", BAD)
def test_what_is_no_transformation_is_told_in_one_line(bad: str) -> None:
    tx, words = BAD[bad]
    with pytest.raises(lp.InputError, match=words) as told:
        lp.simulate(NET, DATA, tx, until=20, at=[20])
    assert "\n" not in str(told.value)


@pytest.mark.slow
def test_entrances_that_need_a_late_phase_refuse_it_in_one_line() -> None:
    pair = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2]), lp.Dataset([1.0, -1.0], [1, -1])
    for tx in (optax.adam(1e-3), lp.GradientDescent(optax.constant_schedule(0.1))):
        calls = [
            lambda tx=tx: lp.predict(*pair, tx),
            lambda tx=tx: lp.certify(*pair, tx),
            lambda tx=tx: lp.stall(*pair, tx, dtype="float32"),
            lambda tx=tx: lp.ensemble("he_normal", pair[1], tx, trials=2, seed=0),
            lambda tx=tx: lp.limit(lp.simulate(*pair, tx, until=10, at=[10])),
            lambda tx=tx: lp.simulate(*pair, tx, until=10, at=[10], dtype="float32"),
            lambda tx=tx: lp.certified_distribution("he_normal", pair[1], tx, constants=[1.0]),
        ]
        for k, call in enumerate(calls):
            with pytest.raises(lp.InputError) as told:
                call()
            assert "\n" not in str(told.value), k
            assert "0x" not in str(told.value), k
