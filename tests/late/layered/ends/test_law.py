"""Limits and laws of networks that train both layers, against closed forms and against runs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import nnls

import latephase as lp
from helpers import relative_error
from latephase.late.engine import Goal
from latephase.late.engines.choice import engine_for
from latephase.late.layered.chain import LayeredControls, begun
from latephase.late.layered.dynamics import LayeredDynamics
from latephase.late.layered.ends.ending import ending
from latephase.late.layered.ends.limit import LayeredLimit
from latephase.problem import Problem

PAIR = lp.Dataset([1.0, -1.0], [1, -1])
METHODS = {"gd": lp.GradientDescent(0.1), "gf": lp.GradientFlow()}
LATE = ["1e300", "1e1000", "1e10000"]
LATEST = ["1e1000", "1e10000", "1e100000"]


def pair(slope: float = 0.0) -> lp.ShallowReLU:
    return lp.ShallowReLU(
        [0.7, -0.4], [0.1, 0.2], [0.9, -1.1], train_output=True, negative_slope=slope
    )


def terms(law: lp.Law, logs: np.ndarray) -> np.ndarray:
    """Its two terms (2, S) at ln t (S,)."""
    clock = logs + law.offset
    return np.array(
        [
            law.constant / clock**law.exponent,
            law.remainder_constant / clock**law.remainder_exponent,
        ]
    )


def limit_of(network: lp.ShallowReLU, data: lp.Dataset) -> LayeredLimit:
    """The limit of its gradient flow, from t = 10^100 on."""
    problem = Problem.of(network, data, lp.GradientFlow())
    start = np.column_stack([network.parameters, network.output_weights])
    controls, until = LayeredControls(1e-10, 1e-4, 1), lp.LogTime.parse("1e100")
    chain = begun(LayeredDynamics.of(problem), start, [], until, controls).run()
    end, dynamics = ending(chain), chain.task.dynamics
    found = LayeredLimit.of(dynamics, network, end)
    assert found is not None
    return found


@pytest.mark.parametrize("method", METHODS)
def test_the_constant_of_specialised_neurons(method):
    """Ground truth: C = (a21 - a12) / 2^(5/4) of the wrong sides, which stay where they are."""
    run = lp.simulate(pair(), PAIR, METHODS[method], until="1e1000", at=LATE[:2])
    last = run.trajectory.isel(time=-1)
    wrong = [float(last.weights[j, 0]) * x + float(last.biases[j]) for j, x in ((0, -1), (1, 1))]
    assert relative_error(abs(run.law.constant), abs(wrong[0] - wrong[1]) / 2**1.25) < 1e-8
    assert run.law.exponent == 0.5
    assert run.law.margin_constant == abs(run.law.constant)
    assert run.law.shares.sum() == pytest.approx(1.0, rel=1e-12)
    logs = run.trajectory.log10_t.values * math.log(10)
    apart = terms(run.law, logs).sum(axis=0) / run.trajectory.boundary.values - 1
    assert (np.abs(apart) < 4 / logs).all()


@pytest.mark.parametrize("slope", [0.1, 0.5])
def test_the_exponent_of_leaky_neurons(slope):
    """Ground truth: mu = 4 s^2 / (4 s^2 + 2 (1 - s^2)^2), by hand; and the run itself, whose
    boundary falls by that power between two late times."""
    run = lp.simulate(pair(slope), PAIR, lp.GradientFlow(), until="1e10000", at=LATE)
    mu = 4 * slope**2 / (4 * slope**2 + 2 * (1 - slope**2) ** 2)
    assert relative_error(run.law.exponent, (1 - mu) / 2) < 1e-9
    x, logs = run.trajectory.boundary.values[1:], run.trajectory.log10_t.values[1:]
    measured = math.log(x[0] / x[1]) / math.log(logs[1] / logs[0])
    assert relative_error(measured, (1 - mu) / 2) < 0.01
    assert (
        relative_error(x[1] * (logs[1] * math.log(10)) ** run.law.exponent, run.law.constant) < 0.01
    )


def leaky(seed: int) -> tuple[lp.ShallowReLU, lp.Dataset]:
    """Six leaky neurons on five points of the plane, of a run that settles before t = 10^100."""
    rng = np.random.default_rng(seed)
    data = lp.Dataset(rng.normal(size=(5, 2)), [1, -1, 1, -1, 1])
    parts = 0.7 * rng.normal(size=(6, 2)), 0.7 * rng.normal(size=6), 0.7 * rng.normal(size=6)
    return lp.ShallowReLU(*parts, train_output=True, negative_slope=0.5), data


@pytest.mark.parametrize("seed", [None, 36])
def test_a_kkt_point_meets_its_conditions(seed):
    """Ground truth: the definition: gradients of y N(x) by complex steps, and SciPy's non-negative
    least squares for the multipliers."""
    net, data = (pair(0.5), PAIR) if seed is None else leaky(seed)
    found = limit_of(net, data)
    p, slope = found.direction, net.negative_slope

    def margins(p: np.ndarray) -> np.ndarray:
        a = p[:, :-2] @ data.inputs.T + p[:, -2:-1]
        return data.labels * (p[:, -1] @ np.where(a.real > 0, a, slope * a))

    steps = 1e-20j * np.eye(p.size).reshape(p.size, *p.shape)
    gradients = np.array([margins(p + step).imag / 1e-20 for step in steps])
    tight = margins(p) < 1 + 1e-9
    assert tight.any()
    assert margins(p).min() > 1 - 1e-12
    multipliers, residual = nnls(gradients[:, tight], p.ravel())
    assert residual < 1e-11 * np.linalg.norm(p)
    assert relative_error(2 * multipliers.sum(), (p**2).sum()) < 1e-11
    late = found.coordinates(found.far[-1])
    apart = late / np.linalg.norm(late) - p / np.linalg.norm(p)
    assert np.linalg.norm(apart) < 0.1  # in the units of its own length, at ln t = 10^6


def test_a_law_of_the_margin_against_a_later_run():
    """Ground truth: the run at later times: what is left of its margin falls by the power said."""
    data = lp.Dataset([[1.0, 0.2], [0.3, 1.1], [-1.0, -0.7]], [1, 1, -1])
    net = lp.ShallowReLU([[0.4, 0.3], [-0.5, -0.2]], [0.3, 0.2], [0.8, -1.0], train_output=True)
    run = lp.simulate(net, data, lp.GradientFlow(), until="1e100000", at=LATEST)
    left = run.law.limit_margin - run.trajectory.robustness_margin.values
    logs = run.trajectory.log10_t.values * math.log(10)
    measured = np.log(left[0] / left[2]) / np.log(logs[2] / logs[0])
    assert abs(measured - run.law.exponent) < 0.05
    assert (np.abs(terms(run.law, logs).sum(axis=0) / -left - 1) < 4 / logs).all()


@pytest.mark.parametrize("kind", ["pair", "logistic pair", "leaky pair", "three points"])
def test_a_law_is_a_property_of_the_run(kind):
    """Ground truth: the run, from which two terms stay away by less and less; and the law of the
    same run to other horizons, which is the same to the last digit."""
    data = lp.Dataset([-1.0, 0.3, 1.0], [-1, 1, 1]) if kind == "three points" else PAIR
    net, loss = pair(0.3 * (kind == "leaky pair")), "logistic" if kind[0] == "l" else "exponential"
    method, laws = lp.GradientDescent(0.1) if kind == "three points" else lp.GradientFlow(), []
    for until in ("1e500", "1e100000"):
        run = lp.simulate(net, data, method, until=until, loss=loss, at=[until])
        assert run.outcome is lp.Outcome.settled
        assert run.regime is (lp.Regime.specialised if kind in ("pair", "logistic pair") else None)
        law = run.law
        laws.append((law.limit_boundary, law.constant, law.offset, law.remainder_constant))
        found = terms(law, run.trajectory.log10_t.values * math.log(10))
        apart = run.trajectory.boundary.values - law.limit_boundary - found.sum(axis=0)
        size = np.abs(found).sum(axis=0)
        assert (np.abs(apart) < 4 * size / (run.trajectory.log10_t.values * math.log(10))).all()
    assert laws[0] == laws[1]


def test_deviations_that_are_rounding_have_no_term():
    """Ground truth: by symmetry: neurons that slide at +-1/2 come to 0 faster than any power."""
    points = lp.Dataset([0.5, -0.5], [1, -1])
    run = lp.simulate(pair(), points, lp.GradientFlow(), until="1e100", at=["1e100"])
    assert run.regime is lp.Regime.double_slide
    assert (run.law.limit_boundary, run.law.constant, run.law.remainder_constant) == (0, 0, 0)


def test_the_linear_model_is_followed():
    """Ground truth: by hand: by symmetry the best linear classifier of labels 1, -1, 1 at -1, 0, 1
    is a constant c, with the loss 2 e^-c + e^c, at least 2^(3/2)."""
    linear = lp.ShallowReLU([0.3], [0.2], [1.0], train_output=True, negative_slope=1.0)
    data = lp.Dataset([-1.0, 0.0, 1.0], [1, -1, 1])
    for method in METHODS.values():
        run = lp.simulate(linear, data, method, until="1e6", at=["1e6"])
        assert run.outcome is lp.Outcome.unfitted
        assert relative_error(run.trajectory.log_loss.values, [1.5 * math.log(2)]) < 1e-9


def test_what_does_not_settle_has_no_law():
    """Ground truth: all neurons are dead, or a point has no neuron: the loss stays positive."""
    dead = lp.ShallowReLU([1.0, -1.0], [-2.0, -2.0], [1.0, -1.0], train_output=True)
    both = lp.ShallowReLU([1.0, 1.0], [0.1, 0.2], [1.0, 1.0], train_output=True)
    ends = {dead: lp.Outcome.settled, both: lp.Outcome.unfitted}
    for net, outcome in ends.items():
        problem = Problem.of(net, PAIR, lp.GradientFlow())
        goal = Goal(until=lp.LogTime.parse("1e100"))
        found = engine_for(problem, goal).run(problem, [lp.LogTime.parse("1e100")], goal)
        assert found.outcome is outcome
        assert found.law is None


def test_a_law_is_the_same_wherever_its_mode_is_entered():
    """Ground truth: one another: samples, and horizons that steps reach, make a flow begin earlier
    or later; what settles is the same run. At a solver's tolerance of 1e-10, or by gradient flow
    from there on, constants differ by 1e-4."""
    net, method = pair(0.2), METHODS["gd"]
    laws = [
        lp.simulate(net, PAIR, method, until="1e1000").law,
        lp.simulate(net, PAIR, method, until="1e1000", at=["1e1000"]).law,
        lp.simulate(net, PAIR, method, until=8192, at=[8192]).law,
        lp.predict(net, PAIR, method).law,
    ]
    constants = np.array([law.constant for law in laws])
    assert np.abs(constants / constants[0] - 1).max() < 1e-5


def test_the_boundary_of_the_linear_model_has_a_law():
    """Ground truth: the hard-margin classifier, half-way from 2 to -1/2, and the run itself. All
    kinks come to the boundary, and differ from it by rounding."""
    net, data = pair(1.0), lp.Dataset([2.0, -0.5, -1.0], [1, -1, -1])
    run = lp.simulate(net, data, METHODS["gf"], until="1e1000", at=LATE[:2])
    assert relative_error(run.law.limit_boundary, 0.75) < 1e-12
    logs = run.trajectory.log10_t.values * math.log(10)
    apart = run.trajectory.boundary.values - 0.75
    assert (np.abs(terms(run.law, logs).sum(axis=0) / apart - 1) < 4 / logs).all()


@pytest.mark.parametrize(
    ("inputs", "slope", "weights", "biases", "outer"),
    [
        ([0.2, 0.9], 0.3, [-0.6, -0.6], [-0.4, -1.2], [-0.2, -2.0]),
        ([1.0, -1.0], 0.9, [-1.0, 2.0], [0.5, -1.5], [0.7, -0.1]),
    ],
)
def test_a_point_that_repels_is_no_limit(inputs, slope, weights, biases, outer):
    """Ground truth: the run itself. It passes such a point as slowly as by its exponent, -0.26 and
    -0.01, and its boundary at 10^100000 and later is farther from there than at 10^1000."""
    net = lp.ShallowReLU(weights, biases, outer, negative_slope=slope, train_output=True)
    times = ["1e1000", "1e100000", "1e430000"]
    data = lp.Dataset(inputs, [1, -1])
    run = lp.simulate(net, data, lp.GradientFlow(), until=times[-1], at=times)
    assert run.outcome is lp.Outcome.transient
    assert run.law is None
    passed = {0.3: 0.7384615, 0.9: 0.0526316}[slope]
    away = np.abs(run.trajectory.boundary.values - passed)
    assert away[2] > away[1] > away[0]


@pytest.mark.parametrize("at", [["1e1000"], ["1000", "1e1000"], ["0", "1e20", "1e430000"]])
@pytest.mark.parametrize(
    ("inputs", "labels", "weights", "biases", "outer", "constant"),
    [
        ([-0.1, -1.0, 0.6, -1.5], [1, 1, -1, 1], [0.4, -0.5, 1.4], [0.5, 0.4, -1.3],
         [0.5, 1.4, 1.1], -0.028889),
        ([0.7, 0.1, 0.0, -0.5], [1, 1, -1, -1], [-0.6, 0.4], [1.4, -0.5], [-1.3, -0.2],
         -1.24689e-4),
    ],
)  # fmt: skip
def test_the_law_of_the_linear_model_is_that_of_any_samples(
    inputs, labels, weights, biases, outer, constant, at
):
    """Ground truth: the boundary at 10^100000, by LSODA to 10^1000 and by the engine.

    Newton's steps that move a pull by e are no larger than what rounding leaves at margins of 10^6:
    they were taken for the last ones, and the margin was 15 short of where it is."""
    net = lp.ShallowReLU(weights, biases, outer, negative_slope=1, train_output=True)
    data, method = lp.Dataset(inputs, labels), lp.GradientDescent(0.01)
    run = lp.simulate(net, data, method, until=at[-1], at=at)
    assert run.outcome is lp.Outcome.settled
    assert run.law.exponent == 1
    assert relative_error(run.law.constant, constant) < 1e-4
    assert np.isfinite(run.trajectory.boundary.values).all()


def test_a_deviation_that_is_not_there_yet_has_no_constant():
    """Ground truth: the margins of the run at 10^100 and 10^1000, 0.116 and 0.133, of which a
    constant that is extrapolated tenfold makes 53.1 and 13.2."""
    net = lp.ShallowReLU(
        [[-0.413343900411299, -0.9858373900314374], [1.4455571910454263, 0.2382880655832004]],
        [-0.35691462850557487, 0.051656427110536786],
        [0.006755783106504292, -0.5154523045341743],
        negative_slope=0.1,
        train_output=True,
    )
    x = [[0.28944411642351886, 0.9619127617450929], [-0.7762460378788001, 0.7140303276068805]]
    data, method = lp.Dataset(x, [1, -1]), lp.GradientDescent(0.05)
    run = lp.simulate(net, data, method, until="1e1000", at=LATE[:2])
    assert run.outcome is lp.Outcome.settled
    assert relative_error(run.law.exponent, 0.278102401446) < 1e-6
    assert math.isnan(run.law.constant)
    assert math.isnan(run.law.margin_constant)
    assert run.law.remainder_constant == 0
    assert 0 < run.law.limit_margin < data.optimal_margin
