"""The contract of `simulate`: names, orders, identities, refusals, networks that are stepped."""

from __future__ import annotations

import numpy as np
import pytest

import latephase as lp
from helpers import message_is_one_line, norm_error, relative_error
from latephase.training.arithmetic.formats import format_of

DATA = lp.Dataset(inputs=[1.0, -1.0], labels=[1, -1])
NET = lp.ShallowReLU(weights=[0.7, -0.4], biases=[0.1, 0.2])
GD = lp.GradientDescent(step_size=0.1)
AT = ["0", "1", "1e3", "1e1000"]
OVER_TIME = {
    "boundary", "robustness_margin", "margin_deficit", "log_margin_deficit", "log_loss", "error",
    "margin_error", "rigour",
}  # fmt: skip


def same(first: lp.Run, second: lp.Run) -> bool:
    """Whether two runs hold the same numbers, bit for bit."""
    return first.trajectory.drop_vars("time").equals(second.trajectory.drop_vars("time"))


def test_contract():
    """Ground truth: the public contract: variables, dims, coordinates, records."""
    run = lp.simulate(NET, DATA, GD, until="1e1000", at=AT)
    path = run.trajectory
    assert path.weights.dims == ("time", "neuron", "feature")
    assert path.biases.dims == ("time", "neuron")
    assert dict(path.sizes) == {"time": 4, "neuron": 2, "feature": 1}
    assert set(path.data_vars) == {"weights", "biases"} | OVER_TIME
    assert all(path[name].dims == ("time",) for name in OVER_TIME)
    assert list(path.time.values) == AT
    assert path.log10_t.values.tolist() == [-np.inf, 0.0, 3.0, 1000.0]
    assert (run.outcome, run.regime) == (lp.Outcome.settled, lp.Regime.specialised)
    assert run.law.limit_boundary == 0.0
    assert run.rigour is lp.Rigour.exact
    assert all("units" in path[name].attrs for name in path.data_vars)


def test_first_sample_is_the_network_given():
    """Ground truth: the doubles given, bit for bit, with their own margin and loss."""
    for inputs in [(1, -1), (2, -3), (0.1, 0.7)]:
        net, data = lp.ShallowReLU([1 / 3, -0.7], [np.pi, 1e-300]), lp.Dataset(inputs, [1, -1])
        path = lp.simulate(net, data, GD, until=10, at=["0"]).trajectory
        assert path.weights.values[0].tobytes() == net.weights.tobytes()
        assert path.biases.values[0].tobytes() == net.biases.tobytes()
        rho = lp.robustness_margin(net, data)
        assert relative_error(path.robustness_margin.values, [rho]) < 1e-15
        loss = np.exp(-data.labels * net(data.inputs)).sum()
        assert relative_error(np.exp(path.log_loss.values), [loss]) < 1e-14


def test_first_step_by_hand():
    """Ground truth: one update written out: w1 += eta e^-N(1), and neuron 2 on the other point."""
    path = lp.simulate(NET, DATA, GD, until=1, at=[1]).trajectory
    w1, b1, w2, b2 = 0.7, 0.1, -0.4, 0.2  # a = (0.8, -0.6; -0.2, 0.6)
    up1, up2 = 0.1 * np.exp(-(w1 + b1)), 0.1 * np.exp(-(b2 - w2))
    assert relative_error(path.weights.values[0, :, 0], [w1 + up1, w2 - up2]) < 1e-15
    assert relative_error(path.biases.values[0], [b1 + up1, b2 + up2]) < 1e-15


def test_order_and_repeats_of_at_are_kept():
    """Ground truth: each sample taken alone."""
    given = ["1e1000", 0, "100", "1e2", lp.LogTime.parse("17"), 3.0]
    run = lp.simulate(NET, DATA, GD, until="1e1000", at=given).trajectory
    assert list(run.time.values[:4]) == ["1e1000", "0", "100", "1e2"]
    for i, t in enumerate(given):
        alone = lp.simulate(NET, DATA, GD, until="1e1000", at=[t]).trajectory
        assert alone.weights.values[0].tobytes() == run.weights.values[i].tobytes()
        assert alone.log_margin_deficit.values[0] == run.log_margin_deficit.values[i]


@pytest.mark.parametrize(
    "until", [1000, np.int64(1000), "1000", "1e3", "10**3", 1000.0, lp.LogTime.parse("1e3")]
)
def test_until_takes_every_spelling(until):
    """Ground truth: the same run with until = 1000."""
    assert same(lp.simulate(NET, DATA, GD, until=until, at=[0, 1000]),
                lp.simulate(NET, DATA, GD, until=1000, at=[0, 1000]))  # fmt: skip


def test_default_samples():
    """Ground truth: 200 log-spaced integers with 0 and the horizon, none twice."""
    path = lp.simulate(NET, DATA, GD, until="1e1000000000").trajectory
    logs = path.log10_t.values
    assert (len(logs), logs[0], logs[-1]) == (200, -np.inf, 1e9)
    assert (np.diff(logs[1:]) > 0).all()
    assert np.isfinite(path.weights.values).all()
    assert len(lp.simulate(NET, DATA, GD, until=3).trajectory.time) == 4
    assert len(lp.simulate(NET, DATA, GD, until=0).trajectory.time) == 1


def test_order_of_points_does_not_matter():
    """Ground truth: the same data with the points in the other order, bit for bit."""
    for inputs in [(1, -1), (3, -1), (1, 3), (0.5, -0.25)]:
        runs = [
            lp.simulate(NET, lp.Dataset(x, y), GD, until="1e1000", at=AT)
            for x, y in ((inputs, (1, -1)), (inputs[::-1], (-1, 1)))
        ]
        assert same(*runs)
        assert runs[0].law == runs[1].law
        assert runs[0].regime is runs[1].regime


def test_order_of_neurons_does_not_matter():
    """Ground truth: the same network with neurons and output weights in the other order."""
    for inputs in [(1, -1), (3, -1), (1, 3), (0.5, -0.25)]:
        data = lp.Dataset(inputs, [1, -1])
        swapped = lp.ShallowReLU(NET.weights[::-1], NET.biases[::-1], [-1, 1])
        one, two = (lp.simulate(n, data, GD, until="1e1000", at=AT) for n in (NET, swapped))
        assert np.array_equal(one.trajectory.weights, two.trajectory.weights[:, ::-1])
        assert np.array_equal(one.trajectory.biases, two.trajectory.biases[:, ::-1])
        assert np.array_equal(one.trajectory.boundary, two.trajectory.boundary, equal_nan=True)
        assert (one.law, one.regime) == (two.law, two.regime)
        assert lp.predict(swapped, data, GD).law == one.law


def test_both_output_weights_positive():
    """Ground truth: N >= 0 never fits the label -1; the neuron active there dies, x1 remains."""
    net = lp.ShallowReLU([1, -1], [0, 0], [1, 1])
    run = lp.simulate(net, DATA, GD, until="1e30", at=[0, "1e30"])
    assert (run.outcome, run.law, run.regime) == (lp.Outcome.unfitted, None, None)
    assert run.pattern.tolist() == [[1, 0], [0, 0]]
    assert relative_error(1 + run.trajectory.log_loss.values[1], 1.0) < 1e-12


def test_error_covers_a_slide_and_is_tiny_elsewhere():
    """Ground truth: the same run with a hundred times finer slide tolerance, which still steps."""
    data = lp.Dataset([0.9, -0.4], [1, -1])
    net = lp.ShallowReLU([1.2, -1.3], [0.1, 0.4])
    coarse, fine = (
        lp.simulate(net, data, GD, until="1e5", at=[1, 20_000], slide_tolerance=tolerance)
        for tolerance in (1e-3, 1e-5)
    )
    rigour = coarse.trajectory.rigour.values.astype(str).tolist()
    assert rigour == ["exact", "estimated"]
    assert coarse.rigour is lp.Rigour.estimated
    assert fine.rigour is lp.Rigour.exact
    one, two = (
        np.c_[run.trajectory.weights.values[1, :, 0], run.trajectory.biases.values[1]]
        for run in (coarse, fine)
    )
    errors = coarse.trajectory.error.values
    assert errors[0] < 1e-12
    assert errors[1] / 1e4 < norm_error(one, two) <= errors[1] < 0.02


def plain_descent(net, data, step_size, steps, logistic=False):
    """Gradient descent by its definition, in NumPy."""
    w, b, v, y = net.weights.copy(), net.biases.copy(), net.output_weights, data.labels
    for _ in range(steps):
        a = data.inputs @ w.T + b
        margin = y * (np.maximum(a, 0) @ v)
        pull = 1 / (1 + np.exp(margin)) if logistic else np.exp(-margin)
        felt = step_size * (pull * y)[:, None] * (a > 0) * v
        w, b = w + felt.T @ data.inputs, b + felt.sum(axis=0)
    margin = y * (np.maximum(data.inputs @ w.T + b, 0) @ v)
    loss = np.log1p(np.exp(-margin)) if logistic else np.exp(-margin)
    return w, b, loss.sum()


def test_other_networks():
    """Ground truth: 300 steps of NumPy descent, four neurons on five points in dimension 2."""
    rng = np.random.default_rng(3)
    data = lp.Dataset(rng.normal(size=(5, 2)), [1, -1, 1, -1, 1])
    weights, biases = rng.normal(size=(4, 2)) / 3, rng.normal(size=4) / 3
    net = lp.ShallowReLU(weights, biases, [1, -1, 0.5, -2])
    run = lp.simulate(net, data, lp.GradientDescent(0.01), until=300, at=[300, 0, 100])
    assert (run.outcome, run.regime, run.law) == (lp.Outcome.transient, None, None)
    assert run.rigour is lp.Rigour.measured
    path = run.trajectory
    for i, t in enumerate((300, 0, 100)):
        w, b, loss = plain_descent(net, data, 0.01, t)
        assert relative_error(path.weights.values[i], w) < 1e-12
        assert relative_error(path.biases.values[i], b) < 1e-12
        assert relative_error(np.exp(path.log_loss.values[i]), loss) < 1e-11
        moved = lp.ShallowReLU(w, b, net.output_weights)
        rho = lp.robustness_margin(moved, data)
        assert relative_error(1 + path.robustness_margin.values[i], 1 + rho) < 1e-9


def test_logistic_loss():
    """Ground truth: 400 steps of NumPy descent on the logistic loss."""
    run = lp.simulate(NET, DATA, GD, until=400, at=[400], loss="logistic")
    assert (run.outcome, run.law) == (lp.Outcome.transient, None)
    w, b, loss = plain_descent(NET, DATA, 0.1, 400, logistic=True)
    assert relative_error(run.trajectory.weights.values[0], w) < 1e-12
    assert relative_error(run.trajectory.biases.values[0], b) < 1e-12
    assert relative_error(np.exp(run.trajectory.log_loss.values[0]), loss) < 1e-11
    final = lp.ShallowReLU(w, b)
    rho = lp.robustness_margin(final, DATA)
    assert relative_error(run.trajectory.robustness_margin.values[0], rho) < 1e-11


def test_samples_beyond_the_budget_are_nan():
    """Ground truth: the contract: what was not reached is NaN, and the outcome says why."""
    net, data = lp.ShallowReLU([0.1, 0.2], [1, 1]), lp.Dataset([2, 1], [1, -1])
    run = lp.simulate(net, data, GD, until="1e30", at=["1e30", 2], max_steps=3)
    assert run.outcome is lp.Outcome.budget_exhausted
    assert np.isnan(run.trajectory.weights.values[0]).all()
    assert np.isfinite(run.trajectory.weights.values[1]).all()


def test_progress_is_reported():
    """Ground truth: the last report says that one of one trial is done."""
    seen = []
    lp.simulate(NET, DATA, GD, until=10, progress=lambda done, all_: seen.append((done, all_)))
    assert seen[-1] == (1, 1)


REFUSED = [
    {"until": -1}, {"until": "abc"}, {"until": "10**10**10"}, {"until": 1e400}, {"until": 2.5},
    {"until": True}, {"until": None}, {"at": [11]}, {"at": []}, {"at": "1"}, {"at": [-1]},
    {"samples": 1}, {"loss": "hinge"}, {"max_steps": 0}, {"method": "gd"}, {"data": [1, -1]},
    {"network": [1.0, 2.0]},
    {"data": lp.Dataset([[1, 2], [3, 4]], [1, -1])},
]  # fmt: skip


@pytest.mark.parametrize("wrong", REFUSED, ids=str)
def test_bad_input_is_refused_in_one_line(wrong):
    """Ground truth: the contract on bad input: expected, got, what to do."""
    good = {"network": NET, "data": DATA, "method": GD, "until": 10}
    with pytest.raises(lp.InputError) as caught:
        lp.simulate(**{**good, **wrong})
    assert message_is_one_line(caught.value)


def test_runs_go_to_1e1000_unless_told_otherwise() -> None:
    """Ground truth: the public contract."""
    run = lp.simulate(NET, DATA, lp.GradientFlow(), samples=3)
    assert [run.trajectory.time.values[k] for k in (0, -1)] == ["0", "1e1000"]


def test_samples_that_are_not_reached_are_not_measured():
    """Ground truth: their parameters, which are NaN: nothing is known of them, nor of the run."""
    run = lp.simulate(NET, DATA, lp.Adam(0.1), until="1e9", at=["1e9"], max_steps=10)
    assert run.trajectory.rigour.values.tolist() == [""]
    assert run.rigour is None
    assert "not reached" in str(run)
    run = lp.simulate(NET, DATA, lp.Adam(0.1), until="1e9", at=["5", "1e9"], max_steps=10)
    assert run.trajectory.rigour.values.tolist() == ["measured", ""]
    assert run.rigour is lp.Rigour.measured


@pytest.mark.parametrize(
    "dtype", ["float32", np.float32, np.dtype("float32"), "f4", ">f4", "single"], ids=repr
)
def test_dtypes_by_any_name(dtype):
    """Ground truth: the run and the stall by the name of the format."""
    run = lp.simulate(NET, DATA, GD, until=100, at=[100], dtype=dtype)
    known = lp.simulate(NET, DATA, GD, until=100, at=[100], dtype="float32")
    assert (run.trajectory.weights.values == known.trajectory.weights.values).all()
    assert run.options == {"dtype": "float32"}
    assert format_of(dtype).name == "float32"


def test_bfloat16_by_its_type():
    """Ground truth: JAX's own type of that name; Python's float is float64."""
    import jax.numpy as jnp

    assert format_of(jnp.bfloat16).name == format_of(np.dtype(jnp.bfloat16)).name == "bfloat16"
    assert format_of(float).name == "float64"


@pytest.mark.parametrize(
    "dtype",
    [int, "int32", np.int64, "float8", "float32,float32", complex, object, "", 32, np.float32(1),
     np.zeros(3, np.float32), "datetime64[s]", ["float32"], np.longdouble, dict, "é"],
    ids=repr,
)  # fmt: skip
def test_other_dtypes_are_refused(dtype):
    """Ground truth: the contract on bad input."""
    for call in (lp.stall, lambda *given: lp.simulate(*given[:3], until=10, dtype=given[3])):
        with pytest.raises(lp.InputError, match="a dtype, float64, float32") as caught:
            call(NET, DATA, GD, dtype)
        assert message_is_one_line(caught.value)
