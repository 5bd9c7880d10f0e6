"""Claims 6 to 10: each is decided by its numbers, and the other way round by planted errors."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from helpers import relative_error
from latephase.core import Regime
from latephase.experiments.bench.base import PAPER_DATA, Bench
from latephase.experiments.bench.drawn import draw, ends_in, follow
from latephase.experiments.bench.finding import Finding, Support
from latephase.experiments.bench.one_by_one import step_to
from latephase.experiments.beyond import cross_check, data_plane
from latephase.experiments.paper import flow_against_descent, how_slow, patterns
from latephase.problem import Dataset, GradientDescent, TwoPointGeometry

SUPPORTED, REFUTED, OPEN = Support.SUPPORTED, Support.NOT_SUPPORTED, Support.UNDECIDED


def _sound(finding: Finding) -> None:
    """Tables have columns of one length; series are short, their axes match, captions speak."""
    for table in finding.tables:
        assert len({len(c) for c in table.columns.values()}) == 1
    for figure in finding.figures:
        assert len(figure.caption) > 80
        assert not re.search(r"\b(left|right|middle)\b", figure.caption, re.I)
        for series in (s for panel in figure.panels for s in panel.series):
            size = np.size(series.y) if series.z is None else np.size(series.z)
            assert 0 < size <= 2000
            if series.z is not None:
                assert np.shape(series.z) == (len(series.y), len(series.x))
            else:
                assert len(series.x) == len(series.y)
    assert finding.summary
    assert finding.settings["seed"] == 0


# claim 6


def test_flow_claim_holds_on_few_trials_and_reports_soundly() -> None:
    """Truth: the theory's closed forms, which the experiment itself compares with runs."""
    finding = flow_against_descent.examine(Bench(trials=1500))
    assert finding.verdict is SUPPORTED
    _sound(finding)


def test_flow_claim_is_open_without_trials() -> None:
    """Truth: by definition, too few trials of either kind decide nothing."""
    assert flow_against_descent.examine(Bench(trials=8)).verdict is OPEN


GOOD_FLOW = flow_against_descent.Measured(100, 100, 1e-7, 1e-12, 1.0, 1.01, 0.99, 0.9)


@pytest.mark.parametrize(
    ("planted", "verdict"),
    [
        ({}, SUPPORTED),
        ({"flow_error": 1e-3}, REFUTED),
        ({"flow_error": np.nan}, REFUTED),
        ({"law_error": 1e-3}, REFUTED),
        ({"moving": 0.5}, REFUTED),
        ({"slope_both": 0.5}, REFUTED),
        ({"slope_one": 2.0}, REFUTED),
        ({"slope_one": np.nan}, REFUTED),
        ({"ratio": 3.0}, REFUTED),
        ({"one": 5}, OPEN),
    ],
)
def test_flow_claim_is_decided_by_its_numbers(planted: dict[str, float], verdict: Support) -> None:
    """Truth: the criterion as written; one number off turns the verdict."""
    assert flow_against_descent.decide(replace(GOOD_FLOW, **planted)) is verdict


def test_flow_deficit_against_fractions() -> None:
    """Truth: (A2 - A1)/(4 t ln 2t) by hand with A1 = e cosh 2, A2 = e^3 cosh 1, t = 10^6."""
    a = np.array([[[1.0, 1.0], [2.0, 3.0]]])
    t = 1e6
    expected = (np.exp(3) * np.cosh(1) - np.exp(1) * np.cosh(2)) / (4 * t * np.log(2 * t))
    got = np.exp(flow_against_descent.log_flow_deficit(a, np.array([np.log(t)])))[0, 0]
    assert relative_error(got, expected) < 1e-13


def test_log_log_slope_of_a_power() -> None:
    """Truth: medians of eta^1.5 times any fixed sample have slope 1.5."""
    etas = np.array([1e-4, 1e-3, 1e-2])
    values = etas[:, None] ** 1.5 * np.array([0.3, 2.0, 5.0])
    assert relative_error(flow_against_descent.log_log_slope(etas, values), 1.5) < 1e-12


# claim 7


def test_pattern_claim_on_few_trials() -> None:
    """Truth: the automaton of patterns: nothing leaves 1001 on x = +-1."""
    finding = patterns.examine(Bench(trials=600))
    assert finding.verdict is SUPPORTED
    _sound(finding)
    assert {n.label: n.value for n in finding.numbers}[
        "runs seen to leave the specialised pattern"
    ] == 0


def test_pattern_codes_and_paths() -> None:
    """Truth: written by hand: s11 s12 s21 s22, runs of the same code once."""
    a = np.array([[[1.0, -1.0], [0.0, 2.0]], [[1.0, 1.0], [-1.0, 2.0]]])
    assert patterns.codes_of(a).tolist() == [0b1001, 0b1101]
    assert patterns.path(np.array([15, 15, 13, 9, 9])) == ("1111", "1101", "1001")
    assert patterns.leavers(np.array([[15, 9, 9], [9, 9, 8], [9, 8, 9]])) == 2


def _waits(entry: float, size: int) -> patterns.Waits:
    constants = np.full(size, 0.5)
    return patterns.Waits(np.full(size, entry), constants, np.zeros(size))


@pytest.mark.parametrize(
    ("left", "elsewhere", "waits", "verdict"),
    [
        (0, 0, _waits(3.0, 500), SUPPORTED),
        (1, 0, _waits(3.0, 500), REFUTED),
        (0, 1, _waits(3.0, 500), REFUTED),
        (0, 0, _waits(60.0, 500), REFUTED),  # e^60 steps to enter, e^50 to arrive
        (0, 0, _waits(3.0, 4), OPEN),
    ],
)
def test_pattern_claim_is_decided_by_its_numbers(
    left: int, elsewhere: int, waits: patterns.Waits, verdict: Support
) -> None:
    """Truth: the criterion as written."""
    assert patterns.decide(left, elsewhere, {"one": waits, "two": _waits(0.0, 500)}) is verdict


# claim 8


def test_slowness_claim_on_few_trials() -> None:
    """Truth: the boundary simulated at the predicted step has the deficit asked for."""
    finding = how_slow.examine(Bench(trials=400))
    assert finding.verdict is SUPPORTED
    _sound(finding)


def test_steps_to_a_deficit_against_stepping() -> None:
    """Truth: single steps: the deficit |x*| is within 2 % of 0.05 at the predicted step."""
    method = GradientDescent(0.1)
    networks = draw("he_normal", 200, 1)
    found = follow(networks, PAPER_DATA, method)
    trained = np.flatnonzero(ends_in(found, Regime.specialised))
    steps = np.exp(how_slow.log_steps(found, 0.05))
    near = np.flatnonzero((steps > 2e3) & (steps < 5e4))
    assert near.size >= 2
    for k in near:
        one = (networks[0][trained[[k]]], networks[1][trained[[k]]])
        (w,), (b,) = step_to(one, PAPER_DATA, 0.1, [round(steps[k])])
        assert relative_error(abs((b[0, 1] - b[0, 0]) / (w[0, 0] - w[0, 1])), 0.05) < 0.02


GOOD_YEARS = dict.fromkeys(how_slow.CUSTOMARY, 50.0)


@pytest.mark.parametrize(
    ("years", "error", "checked", "verdict"),
    [
        ({}, 1e-13, 10, SUPPORTED),
        ({"uniform": 5.0}, 1e-13, 10, REFUTED),
        ({"small_normal": 5.0}, 1e-13, 10, SUPPORTED),  # shown, not judged
        ({}, 1e-3, 10, REFUTED),
        ({}, 0.0, 0, OPEN),
        ({"uniform": np.nan}, 1e-13, 10, OPEN),
    ],
)
def test_slowness_claim_is_decided_by_its_numbers(
    years: dict[str, float], error: float, checked: int, verdict: Support
) -> None:
    """Truth: the criterion as written."""
    slowness = how_slow.Slowness({**GOOD_YEARS, **years}, error, checked)
    assert how_slow.decide(slowness) is verdict


def test_years() -> None:
    """Truth: 3.15576e16 steps are a Julian year at 10^9 steps per second."""
    assert relative_error(how_slow.log10_years(np.log10(3.15576e16) + 2), 2.0) < 1e-12


# claim 9


@pytest.mark.parametrize(
    ("x1", "x2"), [(2.0, -1.0), (1.0, -3.0), (-2.0, 1.5), (-3.0, 3.0), (4.0, -0.5)]
)
def test_relative_limit_against_fractions(x1: float, x2: float) -> None:
    """Truth: (half gap - |x_inf - midpoint|) / half gap in fractions, k12 < 0."""
    p, q = Fraction(x1), Fraction(x2)
    limit, middle, half = (p + q) / (1 - p * q), (p + q) / 2, abs(p - q) / 2
    expected = float((half - abs(limit - middle)) / half)
    geometry = TwoPointGeometry.of(Dataset([x1, x2], [1, -1]))
    assert relative_error(data_plane.relative_limit(geometry), expected) < 1e-14


def test_rates_by_the_exact_sign() -> None:
    """Truth: by hand; (3, -1/3) and (5, -0.2) lie on either side of x1 x2 = -1."""
    pairs = ((1.0, -1.0), (3.0, -1 / 3), (5.0, -0.2), (0.5, -0.5), (2.0, -2.0), (0.5, -1.0))
    rates = [data_plane.rate(TwoPointGeometry.of(Dataset(list(p), [1, -1]))) for p in pairs]
    names = ["border", "data", "start", "fast", "start", "data"]
    assert [r.name for r in rates] == names


def test_extrapolation_is_exact_on_the_law() -> None:
    """Truth: y = x + C/(ln t + beta) with x, C, beta chosen."""
    log_t = np.log([1e3, 1e4, 1e5])[:, None]
    x, c, beta = np.array([0.75, -2.0]), np.array([-2.0, 0.1]), np.array([1.5, -3.0])
    assert relative_error(data_plane.extrapolate(x + c / (log_t + beta)), x) < 1e-12


def test_one_spot_of_each_kind_agrees_with_the_map() -> None:
    """Truth: single steps to t = 10^5 against the closed forms."""
    for x1, x2 in ((2.0, -1.0), (0.5, -0.5)):
        spot = data_plane._spot(Bench(), x1, x2)
        assert spot.trained >= data_plane.ENOUGH
        assert spot.limit_agrees
        assert spot.rate_agrees


def _spot(rate: data_plane.RateClass, **planted: float) -> data_plane.Spot:
    shrink = 0.08 if rate is data_plane.RateClass.fast else 0.8
    return replace(data_plane.Spot(1, -1, rate, 1.0, 12, 0.01, shrink, 12, 1e-5), **planted)


@pytest.mark.parametrize(
    ("planted", "verdict"),
    [
        ({}, SUPPORTED),
        ({"extrapolated": 0.2}, REFUTED),
        ({"simulated": 0.01}, REFUTED),
        ({"shrink": 0.1}, REFUTED),
        ({"trained": 0}, OPEN),
        ({"settled": 0}, OPEN),
    ],
)
def test_map_is_decided_by_its_spots(planted: dict[str, float], verdict: Support) -> None:
    """Truth: the criterion as written; one spot off turns the verdict."""
    rest = [_spot(r) for r in data_plane.RateClass]
    assert data_plane.decide([*rest, _spot(data_plane.RateClass.start, **planted)]) is verdict
    slow = _spot(data_plane.RateClass.fast, shrink=0.8)
    assert data_plane.decide([*rest, slow]) is REFUTED
    assert data_plane.decide(rest[:-1]) is OPEN


def test_map_series_are_short() -> None:
    """Truth: the grid is symmetric under swapping the inputs, 1 wherever x1 x2 >= -1."""
    side, limits, rates = data_plane.grid()
    assert limits.size <= 2000
    np.testing.assert_array_equal(limits, limits.T)
    inside = side[:, None] * side > -0.99
    inside &= ~np.eye(side.size, dtype=bool)
    assert (limits[inside] == 1).all()
    assert np.isnan(np.diag(rates)).all()


# claim 10


def _compared(**planted: object) -> cross_check.ErrorSamples:
    n = 200
    exact = np.arange(n) < 150
    good = cross_check.ErrorSamples(
        time=np.full(n, 1000),
        error=np.where(exact, 1e-15, 1e-5),
        reported=np.where(exact, 1e-15, 1e-4),
        exact=exact,
        skipped=np.ones(n, bool),
        trained=np.ones(n, bool),
        missing=0,
    )
    return replace(good, **planted)


@pytest.mark.parametrize(
    ("planted", "verdict"),
    [
        ({}, SUPPORTED),
        ({"error": np.full(200, 1e-11)}, REFUTED),
        ({"reported": np.full(200, 1e-6)}, REFUTED),
        ({"missing": 100}, OPEN),
        ({"skipped": np.zeros(200, bool)}, OPEN),
    ],
)
def test_cross_check_is_decided_by_its_numbers(
    planted: dict[str, object], verdict: Support
) -> None:
    """Truth: the criterion as written."""
    assert cross_check.decide(cross_check.agreement([_compared(**planted)])) is verdict


def test_relative_errors_by_hand() -> None:
    """Truth: (3, 4) off by (0.3, 0.4) is 0.1; an unmoved neuron at the origin is no error."""
    expected = np.array([[[3.0, 4.0], [0.0, 0.0]]])
    got = np.array([[[3.3, 4.4], [0.0, 0.0]]])
    assert relative_error(cross_check.relative_errors(got, expected), [0.1]) < 1e-14


def test_cross_check_of_every_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    """Truth: single steps to t = 10^4, with a step size off by 1e-9 as the planted error."""
    monkeypatch.setattr(cross_check, "SHORT", (1, 100, 10_000))
    monkeypatch.setattr(cross_check, "LONG", (20_000,))
    finding = cross_check.examine(Bench(trials=64))
    _sound(finding)
    numbers = {n.label: n.value for n in finding.numbers}
    assert numbers["largest relative error, exact pieces"] <= cross_check.EXACT
    assert numbers["largest error / reported error, estimated pieces"] <= 1
    monkeypatch.setattr(cross_check, "step_to", lambda n, d, s, t: step_to(n, d, s * (1 + 1e-9), t))
    assert cross_check.examine(Bench(trials=64)).verdict is REFUTED
