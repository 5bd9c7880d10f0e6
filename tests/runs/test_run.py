"""What can be asked of a run afterwards, against runs sampled there in the first place."""

from __future__ import annotations

import pickle
from math import log

import numpy as np
import pytest

import latephase as lp
from helpers import message_is_one_line, relative_error

DATA = lp.Dataset([1, -1], [1, -1])
DESCENT = lp.GradientDescent(0.1)


def run_of(inputs=(1, -1), method=DESCENT, until="1e1000", **more) -> lp.Run:
    """Right on both points at the start, so that the loss tends to 0."""
    a = np.array([[1.3, -0.2], [-0.45, 0.8]])  # pre-activations (neuron, point)
    w = (a[:, 0] - a[:, 1]) / (inputs[0] - inputs[1])
    network = lp.ShallowReLU(w, a[:, 0] - w * inputs[0])
    return lp.simulate(network, lp.Dataset(inputs, [1, -1]), method, until=until, **more)


def test_the_dip_after_he_initialisation_is_seen():
    """Ground truth: the smallest margin of the same trials over every step to 3,000, where it is
    (it comes back for ever after); default times to 10^1000 used to be 0, 1, 112332, ..."""
    options = {"trials": 100, "seed": 1}
    shown = lp.ensemble("he_normal", DATA, DESCENT, until="1e1000", **options)
    every = lp.ensemble("he_normal", DATA, DESCENT, until=3000, at=range(3001), **options)
    fitted = (shown.regime == "specialised").values
    lowest = every.robustness_margin.values[fitted].min(axis=1)
    seen = shown.robustness_margin.values[fitted].min(axis=1)
    assert fitted.sum() > 5
    assert lowest.min() < 0.9
    assert relative_error(seen, lowest) < 1e-3


@pytest.mark.parametrize("method", [DESCENT, lp.GradientFlow(), lp.HeavyBall(0.1)], ids=str)
def test_samples_at_other_times(method):
    """Ground truth: a run that was sampled there; a recorded time is that sample."""
    until = 500 if isinstance(method, lp.HeavyBall) else "1e1000"
    run = run_of(method=method, until=until, at=[0, 7, until])
    there = run_of(method=method, until=until, at=[33, 100])
    for k, t in enumerate((33, "1e2")):
        sample = run.at(t)
        assert "time" not in sample.dims
        for name in ("robustness_margin", "log_loss", "weights"):
            got, expected = sample[name].values, there.trajectory[name].values[k]
            assert np.abs(got / expected - 1).max() < 1e-12
        network = run.network_at(t)
        assert (network.weights == sample.weights.values).all()
        assert (network.biases == sample.biases.values).all()
    assert run.at("7").identical(run.trajectory.isel(time=1))


@pytest.mark.parametrize("method", [lp.GradientDescent(0.01), lp.GradientFlow()], ids=str)
def test_a_law_is_found_when_it_is_asked_for(method):
    """Ground truth: the limit of the same run, and that shares add up; a run sent to another
    process before it was asked says the same, and one without a law that there is none."""
    labels, outer = [1, -1, 1, -1], [1.0, -1.0, 1.0, -1.0]
    rng = np.random.default_rng(5)
    network = lp.ShallowReLU(rng.normal(size=(4, 2)), rng.normal(size=4), outer)
    data = lp.Dataset([[1, 0.2], [-1, 0.3], [0.8, -1], [-0.7, -0.4]], labels)
    run = lp.simulate(network, data, method, until="1e200", at=["1e200"])
    assert "law" not in vars(run)
    sent = pickle.loads(pickle.dumps(run))
    assert "law" not in vars(sent)
    found = lp.limit(run)
    for one in (run, sent):
        assert relative_error(one.law.margin_constant, found.margin_constant) < 1e-12
        assert relative_error(one.law.constant_shares.sum(), one.law.constant) < 1e-6
        assert one.law is one.law
    brief = lp.simulate(network, data, method, until=2, at=[2])
    assert brief.law is None
    with pytest.raises(AttributeError, match="no attribute 'lore'"):
        _ = brief.lore


def test_arithmetic_is_kept():
    """Ground truth: the float16 run itself, which has long stalled where float64 goes on."""
    with pytest.warns(UserWarning, match="stalled"):
        run = run_of(until=10**5, at=[10**5], dtype="float16")
    with pytest.warns(UserWarning, match="stalled"):
        sample = run.at(50_000)
    assert (sample.weights.values == run.trajectory.weights.values[0]).all()


def deficits(run: lp.Run, t: lp.LogTime) -> tuple[float, float]:
    """ln of the deficit shortly before t (one step, while steps are few) and at t."""
    flow = isinstance(run.method, lp.GradientFlow)
    if flow or t.log > 30:
        before = lp.LogTime.from_log(t.log * (1 - 1e-6), flow=flow)
    else:
        before = lp.LogTime.parse(t.value - 1)
    return tuple(float(run.at(x).log_margin_deficit) for x in (before, t))


@pytest.mark.parametrize(
    "method", [DESCENT, pytest.param(lp.GradientFlow(), marks=pytest.mark.campaign)], ids=str
)
@pytest.mark.parametrize("inputs", [(1, -1), (3, -1), (0.9, -0.4), (1, 3)], ids=str)
def test_when_the_deficit_stays_within(inputs, method):
    """Ground truth: the run at that time and just before."""
    run = run_of(inputs, method)
    left = abs(inputs[0] - inputs[1]) / 2 - run.law.limit_margin
    for share in (0.5, 1e-2, 1e-3):
        bound = left + share * abs(run.law.constant)
        t = run.when(deficit=bound)
        if t.log > 0:
            before, at = deficits(run, t)
            assert at <= log(bound) + 1e-9
            assert before > log(bound)
    assert relative_error(t.log, 1e3 - run.law.offset) < 1e-6
    if left:
        assert run.when(deficit=left / 2) is None


def test_when_of_other_quantities():
    """Ground truth: the run at that time and one step before; ln L = -ln t + const late."""
    run = run_of((3, -1))
    t = run.when(log_loss=-8.0)
    assert float(run.at(t).log_loss) <= -8.0 < float(run.at(t.value - 1).log_loss)
    late = run.when(log_loss=-4000.0)
    assert relative_error(float(run.at(late).log_loss), -4000.0) < 1e-6
    t = run.when(boundary=0.05)
    off = [abs(float(run.at(n).boundary) - run.law.limit_boundary) for n in (t.value - 1, t)]
    assert off[1] <= 0.05 < off[0]
    assert run.when(boundary=1e-3) == lp.limit(run).boundary_steps_within(1e-3)


def test_when_of_a_method_that_is_stepped():
    """Ground truth: the run at every step; up to its end, for no more is known."""
    run = run_of((3, -1), lp.HeavyBall(0.1), until=400)
    every = run_of((3, -1), lp.HeavyBall(0.1), until=400, at=range(401)).trajectory
    for bound in (0.63, 0.6):  # it rises from 0.545 to 0.64 first
        within = every.margin_deficit.values <= bound
        first = int(np.flatnonzero(~within)[-1]) + 1
        assert run.when(deficit=bound).value == first
    assert run.when(deficit=0.55) is None


def test_boundary_and_margin_are_near_at_different_times():
    """Ground truth: x* comes to 0.5 from the far side of the midpoint 1, so that the margin is at
    its limit on the way, too: x* = 1.5 and x* = 0.5 have the same margin."""
    found = lp.predict(
        lp.ShallowReLU([0.2, -0.5], [0.3, 2.2]), lp.Dataset([3, -1], [1, -1]), DESCENT
    )
    law = found.law
    assert law.limit_boundary == 0.5
    for eps in (0.6, 0.1, 1e-3):
        for t, name in (
            (found.steps_within(eps), "margin"),
            (found.boundary_steps_within(eps), ""),
        ):
            limit = law.limit_margin if name else law.limit_boundary
            variable = "robustness_margin" if name else "boundary"
            times = [lp.LogTime.from_log(t.log + x) for x in (1e-6, 0.1, 1, 5, 20)]
            run = lp.simulate(found.network, found.data, DESCENT, until=times[-1], at=times)
            off = np.abs(run.trajectory[variable].values - limit)
            assert (off <= eps * (1 + 1e-9)).all()
    assert found.steps_within(1e-3).log > 1


@pytest.mark.parametrize("step", [0.3, 1e-3])
def test_when_of_a_run_that_was_sampled_early_only(step):
    """Ground truth: the same run with samples to its horizon."""
    late = run_of((3, -1), lp.GradientDescent(step))
    early = run_of((3, -1), lp.GradientDescent(step), at=[0, 1])
    asked = [("log_loss", x) for x in (-5.0, -40.0, -2e6)] + [("boundary", 0.1), ("deficit", 0.6)]
    for name, bound in asked:
        found, expected = early.when(**{name: bound}), late.when(**{name: bound})
        assert abs(found.log - expected.log) < 1e-7 * max(expected.log, 1.0)
    assert early.until == lp.LogTime.parse("1e1000")
    ends = [lp.limit(run).normalised_margin for run in (early, late)]
    assert relative_error(*ends) < 1e-9


def test_a_loss_that_stays_positive_never_gets_to_its_limit():
    """Ground truth: L = 1 + 1/t on the other point's side, which float64 rounds to 1."""
    run = lp.simulate(lp.ShallowReLU([0.7, 1.0], [0.1, -5.0]), DATA, DESCENT)
    assert run.regime is lp.Regime.one_dead
    assert run.when(log_loss=0.0) is None
    t = run.when(log_loss=0.1)
    assert float(run.at(t).log_loss) <= 0.1 < float(run.at(t.value - 1).log_loss)


@pytest.mark.campaign
def test_a_margin_whose_term_in_1_over_ln_t_vanishes():
    """Ground truth: the run: its deficit falls like 1.6e-3 / ln^2 t, as the law says by its 0."""
    data = lp.Dataset([[1, 0], [0, 1]], [1, -1])
    net = lp.ShallowReLU([[0.7, 0.0], [-0.4, 1.0]], [0.1, 0.2])
    run = lp.simulate(net, data, DESCENT, at=["0", "1e1000"])
    limit = lp.limit(run)
    assert run.law.constant == run.law.margin_constant == limit.margin_constant == 0.0
    assert run.law.time_within(1e-6) is None
    t = run.when(deficit=1e-6)
    assert t == limit.steps_within(1e-6)
    assert relative_error(float(run.at(t).margin_deficit), 1e-6) < 1e-3
    assert 1e-3 < float(run.at("1e300").margin_deficit) * (300 * log(10)) ** 2 < 2e-3


def test_a_run_reads_as_a_few_lines():
    """Ground truth: outcome, law and last sample stand in it; nothing is computed for it."""
    run = run_of((3, -1))
    for shown in (run, lp.limit(run), lp.predict(run.network, run.data, run.method)):
        assert len(repr(shown)) < 100
        assert str(run.law) in str(shown)
        assert len(str(shown).splitlines()) <= 3
    assert "specialised" in repr(run)
    assert "1e1000: margin" in str(run)
    assert run.trajectory.attrs["until"] == "1e1000"
    assert run.trajectory.attrs["inputs"] == [3.0, -1.0]


def test_default_times_of_a_method_that_is_stepped():
    """Ground truth: its budget: samples are reached; the outcome says that `until` is not."""
    run = lp.simulate(
        lp.ShallowReLU([0.7, -0.4], [0.1, 0.2]), DATA, lp.HeavyBall(0.1), max_steps=90
    )
    assert np.isfinite(run.trajectory.log_loss.values).all()
    assert run.trajectory.time.values[-1] == "90"
    assert run.outcome is lp.Outcome.budget_exhausted


@pytest.mark.parametrize(
    "asked",
    [{}, {"deficit": 0.1, "boundary": 0.1}, {"deficit": 0.0}, {"deficit": "x"}, {"log_loss": "a"},
     {"log_loss": float("nan")}, {"boundary": -1}, {"margin": 0.1}],
)  # fmt: skip
def test_bad_bounds(asked):
    """Ground truth: the contract on bad input."""
    run = run_of(until=10)
    with pytest.raises(lp.InputError) as caught:
        run.when(**asked)
    assert message_is_one_line(caught.value)


def test_times_that_are_none_or_not_reached():
    """Ground truth: the contract on bad input; a run that stops at its step budget."""
    run = run_of(until=10)
    for t in ("x", -1, 0.5, None):
        with pytest.raises(lp.InputError):
            run.at(t)
    stepped = run_of(method=lp.HeavyBall(0.1), until=10)
    with pytest.raises(lp.InputError, match="a time that the run reaches"):
        stepped.network_at(10**7)
