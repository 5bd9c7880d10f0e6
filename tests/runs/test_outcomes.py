"""Every way a run can stop and every regime it can end in, each reached by a run of its own."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pytest

import latephase as lp
from helpers import relative_error, uphill
from latephase.late.chain import moves

PLUS_MINUS, GD = lp.Dataset([1, -1], [1, -1]), lp.GradientDescent(0.1)
SETTLED = lp.Outcome.settled


def from_preactivations(inputs, a11, a12, a21, a22) -> lp.ShallowReLU:
    x1, x2 = inputs
    w = np.array([a11 - a12, a21 - a22]) / (x1 - x2)
    return lp.ShallowReLU(w, np.array([a11, a21]) - w * x1)


def ended(inputs, a, *, step_size=0.1, until="1e1000", **options) -> lp.Run:
    data, method = lp.Dataset(inputs, [1, -1]), lp.GradientDescent(step_size)
    return lp.simulate(
        from_preactivations(inputs, *a), data, method, until=until, at=[until], **options
    )


# How the run ends (docs/theory.md, section 2), by data and initial pre-activations.
REGIMES = {
    lp.Regime.specialised: [
        ((1, -1), (1, -1, -1, 1)), ((1, -1), (1, 0.5, 0.5, 1)), ((3, -1), (1, -1, -1, 1)),
        ((3, -1), (1, 0.2, 0.1, 1)),
    ],
    lp.Regime.double_slide: [
        ((0.5, -0.5), (1, 0.1, -0.1, 1)), ((0.9, -0.4), (1, -0.1, 0.1, 1)),
    ],
    lp.Regime.single_slide: [
        ((1, 3), (1, -0.1, 0.1, 1)), ((3, 1), (1, -0.1, 0.1, 1)), ((0, 1), (1, 0.1, 0.1, 1)),
    ],
    lp.Regime.one_dead: [
        ((1, -1), (1, -1, -1, -1)), ((1, -1), (-1, 1, -1, 1)), ((3, -1), (-5, 1, -1, 1)),
        ((0.5, -0.5), (1, -1, -1, -1)), ((1, 3), (1, -1, -1, -1)), ((2, -0.5), (-1, -1, 1, 1)),
    ],
    lp.Regime.both_dead: [
        ((1, -1), (-1, -1, -1, -1)), ((1, -1), (-1, 0.3, 0.3, -1)), ((3, -1), (-1, 0, 0, -1)),
        ((1, 3), (-1, 0.2, -1, -2)),
    ],
}  # fmt: skip
LOG_LOSS = {lp.Regime.one_dead: 0.0, lp.Regime.both_dead: log(2.0)}


@pytest.mark.parametrize("regime", REGIMES, ids=lambda regime: regime.name)
def test_every_regime(regime):
    """Ground truth: the automaton of docs/theory.md; the limit of the loss (0, 1 or 2)."""
    for inputs, a in REGIMES[regime]:
        run = ended(inputs, a)
        assert (run.outcome, run.regime) == (lp.Outcome.settled, regime), (inputs, a)
        assert (run.law is None) == (regime in LOG_LOSS)
        log_loss = float(run.trajectory.log_loss[0])
        if regime in LOG_LOSS:
            assert relative_error(1 + log_loss, 1 + LOG_LOSS[regime]) < 1e-4
        else:
            assert relative_error(log_loss, -1000 * log(10)) < 0.01


@pytest.mark.parametrize("regime", REGIMES, ids=lambda regime: regime.name)
def test_both_engines_mean_the_same(regime):
    """Ground truth: the other engine, which follows the logistic loss, on one start of each regime,
    its neurons and points in another order: outcome, regime, pattern and whether there is a law."""
    inputs, a = REGIMES[regime][0]
    net = from_preactivations(inputs, *a)
    exact = lp.simulate(net, lp.Dataset(inputs, [1, -1]), GD, until="1e30", at=["1e30"])
    turned = lp.ShallowReLU(net.weights[::-1], net.biases[::-1], [-1, 1])
    data = lp.Dataset(inputs[::-1], [-1, 1])
    other = lp.simulate(turned, data, GD, until="1e30", at=["1e30"], loss="logistic")
    assert (other.outcome, other.regime) == (exact.outcome, exact.regime) == (SETTLED, regime)
    assert np.array_equal(other.pattern, exact.pattern[::-1, ::-1])
    assert (other.law is None) == (exact.law is None)


def test_no_regime_is_missing():
    """Ground truth: the enum itself."""
    assert set(REGIMES) == set(lp.Regime)


def overflowing() -> lp.Run:
    return ended((1, 3), (-1, 400, -1, 1), step_size=2.0)


def out_of_budget() -> lp.Run:
    net, data = lp.ShallowReLU([0.1, 0.2], [1, 1]), lp.Dataset([2, 1], [1, -1])
    return lp.simulate(net, data, GD, until="1e1000", at=["1e1000"], max_steps=3)


def unfitted() -> lp.Run:
    net, data = lp.ShallowReLU([0.1, -0.1], [5, 5.1]), lp.Dataset([1, 2, 3], [1, -1, 1])
    return lp.simulate(net, data, lp.GradientDescent(0.02), until="1e1000")


def stalled() -> lp.Run:
    with pytest.warns(UserWarning, match="stalled at update"):
        return ended((1, -1), (1, -1, -1, 1), dtype="float16")


def inaccurate() -> lp.Run:
    """A flow whose field is turned uphill: no honest input of a sensible size rises any more."""
    net = from_preactivations((0.9, -0.4), 1, -0.1, 0.1, 1)
    data = lp.Dataset([0.9, -0.4], [1, -1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(moves, "follow", uphill)
        return lp.simulate(net, data, lp.GradientFlow(), until="1e6", at=["1e6"])


OUTCOMES = {
    lp.Outcome.settled: lambda: ended((1, -1), (1, -1, -1, 1)),
    lp.Outcome.transient: lambda: ended((1, -1), (-1, 2, -1, 40), until="1e9"),
    lp.Outcome.budget_exhausted: out_of_budget,
    lp.Outcome.overflowed: overflowing,
    lp.Outcome.unfitted: unfitted,
    lp.Outcome.stalled: stalled,
    lp.Outcome.inaccurate: inaccurate,
}


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: outcome.name)
def test_every_outcome(outcome):
    """Ground truth: the definition of each outcome; only settled runs have a regime."""
    run = OUTCOMES[outcome]()
    assert run.outcome is outcome
    assert (run.regime is not None) == (outcome is lp.Outcome.settled)
    assert run.law is None or run.regime is not None


def test_no_outcome_is_missing():
    """Ground truth: the enum itself."""
    assert set(OUTCOMES) == set(lp.Outcome)


def test_what_was_not_reached_is_nan():
    """Ground truth: a run that stops early knows nothing of later times."""
    for run in (out_of_budget(), overflowing()):
        assert np.isnan(run.trajectory.weights.values).all()
        assert np.isnan(run.trajectory.log_margin_deficit.values).all()


@pytest.mark.parametrize("level", [40.0, 300.0, 2000.0, 6654.0])
def test_metastable_phase(level):
    """Ground truth: neuron 1, active on the wrong point only, dies after about
    (e^(a22+a12) - e^(a22-a12)) / (2 eta k22) steps: before that the run has not settled.
    """
    a12, step_size = 2.0, 0.5
    passage = level + log(exp(a12) - exp(-a12)) - log(4 * step_size)
    for log_t, settled in [(passage - 0.01, False), (passage + 0.01, True)]:
        t = lp.LogTime.from_log(log_t)
        run = ended((1, -1), (-1, a12, -1, level), step_size=step_size, until=t)
        w, b = run.trajectory.weights.values[0, :, 0], run.trajectory.biases.values[0]
        assert (b[0] - w[0] > 0) != settled
        # A phase that is left beyond the horizon does not count as the regime of the run.
        assert (run.regime is lp.Regime.one_dead) == settled


def test_transient_at_the_last_horizon():
    """Ground truth: (3, -1), neuron 1 wrong and neuron 2 very right: more than 10^1000 steps pass
    before anything moves, whatever k12.
    """
    for inputs in [(3, -1), (1, -1)]:
        run = ended(inputs, (-1, 2, -1, 3000))
        assert (run.outcome, run.regime, run.law) == (lp.Outcome.transient, None, None)
        assert np.isfinite(run.trajectory.weights.values).all()
        assert run.trajectory.error.values[0] < 1e-11


def test_first_kick_of_a_lone_neuron():
    """Ground truth: with k12 > 0 and neuron 2 dead, a_12 stays negative until a_11 reaches
    -c k11 / k12, c = a_12 - k12 a_11 / k11: about e^a11 / (eta k11) steps. Then a loss of 1 at x2
    kicks a_11 by -eta k12 and a_12 by -eta k22.
    """
    inputs, a11, a12 = (0.5, -0.5), 1.0, -30.0
    level = a11 - a12 * 1.25 / 0.75  # k11 = k22 = 1.25, k12 = 0.75
    passage = level - log(0.1 * 1.25)
    for ahead, expected in [(-1e-3, (level - 1e-3, -6e-4)), (1e-3, (level - 0.075, -0.125))]:
        until = lp.LogTime.from_log(passage + ahead)
        run = ended(inputs, (a11, a12, -1, -1), until=until)
        assert run.regime is lp.Regime.one_dead
        w, b = run.trajectory.weights.values[0, 0, 0], run.trajectory.biases.values[0, 0]
        assert relative_error([0.5 * w + b, b - 0.5 * w], expected) < 0.01


def test_a_stall_that_is_never_reached_says_what_to_change():
    """Ground truth: 2021 and 2020 at step size 0.1 leave float32, which more steps do not mend."""
    far = lp.Dataset([2021.0, 2020.0], [1, -1])
    with pytest.raises(lp.LatephaseError, match="overflowed; take a smaller step size"):
        lp.stall(lp.ShallowReLU([1.0, -1.0], [1.0, 1.0]), far, lp.GradientDescent(0.1), "float32")


@pytest.mark.parametrize("step_size", [0.1, 3.0])
def test_wide_runs_overflow_without_a_word_of_numpy(step_size):
    """Ground truth: warnings are errors here. With 0.1 the third update leads to weights whose
    squares leave float64; samples until the end have an error, if infinite."""
    rng = np.random.default_rng(5)
    net = lp.ShallowReLU(rng.normal(size=(4, 2)), rng.normal(size=4), [1.0, -1.0, 1.0, -1.0])
    data = lp.Dataset(rng.normal(size=(3, 2)), [1, -1, 1])
    run = lp.simulate(net, data, lp.GradientDescent(step_size), until=9, at=range(10))
    reached = np.isfinite(run.trajectory.weights.values).all(axis=(1, 2))
    assert run.outcome is lp.Outcome.overflowed
    assert not reached.all()
    assert (run.trajectory.error.values[reached] > 0).all()


def test_wide_features_overflow_without_a_word_of_numpy():
    """Ground truth: warnings are errors here. Steps in float128 leave float64 at the second update:
    the first one moves the margins of five points to 1e5, and the pulls of two of them are beyond
    float64 with opposite signs."""
    inputs = [[-2.4, 4e5], [-1.4, -4e5], [0.1, -1.9e6], [1.9, -2e5], [1.1, 9e5]]
    net = lp.ShallowReLU([[2.0, 1.7e-6], [-2.3, 0.0]], [0.2, -1.9], [1.4, 0.6])
    data = lp.Dataset(inputs, [-1, -1, 1, 1, -1])
    run = lp.simulate(net, data, lp.GradientDescent(1e-9), until=10, at=[1, 2, 10])
    assert run.outcome is lp.Outcome.overflowed
    assert np.isfinite(run.trajectory.weights.values).all(axis=(1, 2)).tolist() == [
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("method", [lp.GradientDescent(0.1), lp.GradientFlow()])
@pytest.mark.parametrize("loss", ["exponential", "logistic"])
def test_networks_whose_squares_leave_float64_run_without_a_word_of_numpy(method, loss):
    """Ground truth: warnings are errors here; each neuron serves its own point, with margins of
    2.7e172 and 1.3e171, so that nothing moves any more."""
    net = lp.ShallowReLU([[-1.9e172], [1.3e172]], [2.7e29, 5e28], [2.0, -1.0])
    data = lp.Dataset([-0.7, 0.1], [1, -1])
    run = lp.simulate(net, data, method, until=1000, at=[0, 10, 1000], loss=loss)
    assert (run.trajectory.weights.values == net.weights).all()
    assert (run.trajectory.error.values < 1e-9).all()
