"""Flows on any two points, proved: against Taylor series in time, quadrature, and the simulator."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest

import latephase as lp
from helpers import shares
from latephase.certificates import certify
from latephase.certificates.prove.flow.duration import by_powers, by_quadrature, by_series
from latephase.certificates.prove.flow.passage import FlowArrival
from latephase.core.balls import arb, exact, precision
from references.taylor_flow import TaylorFlow
from samples.certificates import RUNS

FLOWS = [name for name in RUNS if name.startswith("flow ") and RUNS[name][0] != (1, -1)]
FLOWS.remove("flow unequal")  # x1 x2 = -1, too
TIMES = ("1", "32", "1024")
SLACK = Decimal("1e-42")  # many times what the series leave out


def problem(inputs, weights, biases):
    return lp.ShallowReLU(weights, biases), lp.Dataset(inputs, [1, -1]), lp.GradientFlow()


def drawn(rng):
    """Points and a network; half of the points with x1 x2 < -1."""
    x1, x2 = rng.uniform(0.4, 2) * rng.choice([-1, 1]), rng.normal() * 1.5
    if rng.integers(2):
        x2 = -rng.uniform(1, 4) / x1
    weights, biases = rng.normal(size=(2, 2)) * rng.choice([0.3, 1.0, 2.0])
    # Losses above e^4 take the series in time ever shorter steps.
    size = max(4.0, np.abs(np.outer(weights, (x1, x2)) + biases[:, None]).max()) / 4
    return (x1, x2), tuple(weights / size), tuple(biases / size)


def check_against_series(inputs, weights, biases) -> int:
    """How many pre-activations of the series lie in the enclosures; all must."""
    with localcontext(prec=80):
        return _inside(inputs, weights, biases)


def _inside(inputs, weights, biases) -> int:
    found, truth = certify(*problem(inputs, weights, biases)), TaylorFlow(weights, biases, inputs)
    assert found.proof is not None, found.reason
    for t in TIMES:
        sides = truth.to(int(t)).preactivations()
        for row, bounds in zip(sides, found.preactivations(t), strict=True):
            for a, (lower, upper) in zip(row, bounds, strict=True):
                slack = SLACK * (1 + abs(a))
                assert lower - slack <= a <= upper + slack, (t, a, lower, upper)
                assert upper - lower <= Decimal("1e-25") * (1 + abs(a))
    return 4 * len(TIMES)


@pytest.mark.parametrize("name", FLOWS)
def test_series_in_time_lie_inside(name):
    """Ground truth: Taylor series at 60 digits, of the weights, with Filippov's slides."""
    assert check_against_series(*RUNS[name][:3]) == 12


@pytest.mark.parametrize("seed", shares(12))
def test_series_of_random_flows_lie_inside(seed):
    """Ground truth: the same, of networks that nobody has chosen."""
    rng = np.random.default_rng([19, seed])
    assert sum(check_against_series(*drawn(rng)) for _ in range(4)) == 48


def test_every_kind_of_mode_is_among_them():
    """Ground truth: theory.md, section 2: revivals, deaths, slides of one and of two kinks."""
    seen = set()
    for name in FLOWS:
        arrival = certify(*problem(*RUNS[name][:3])).proof.arrival
        assert isinstance(arrival, FlowArrival)
        seen |= {piece.mode.signs for piece in arrival.pieces}
    assert seen >= {"0101", "1101", "1001", "1011", "1111", "1s11", "1ss1", "11s1", "0000"}


@pytest.mark.slow
@pytest.mark.parametrize("seed", shares(8))
def test_simulator_lies_inside(seed):
    """Ground truth: `simulate`, another method by other people: regime, constant, margins."""
    rng, at = np.random.default_rng([20, seed]), ["1e3", "1e6", "1e100", "1e1000"]
    for _ in range(6):
        asked = problem(*drawn(rng))
        run, found = lp.simulate(*asked, until="1e1000", at=at), certify(*asked)
        assert found.regime is run.regime
        if found.constant is None:
            assert run.law is None
            continue
        assert_near(run.law.constant, found.constant, 1e-9)
        deficits = run.trajectory.margin_deficit.values
        for t, deficit, error in zip(at, deficits, run.trajectory.margin_error.values, strict=True):
            if Decimal(t) >= found.entry_step:
                assert_near(deficit, found.deficit(t), 1e-9 + 10 * abs(error / deficit))


def assert_near(value, bounds, tolerance):
    lower, upper = map(float, bounds)
    room = tolerance * max(abs(lower), abs(upper))
    assert lower - room <= value <= upper + room, (value, bounds)


@pytest.mark.parametrize("name", ["flow double slide", "flow single slide", "flow sinking"])
def test_enclosures_are_narrow_and_more_bits_narrower(name):
    """Ground truth: twice the precision."""
    asked = problem(*RUNS[name][:3])
    few, many = certify(*asked), certify(*asked, bits=256)
    for t in ("1e6", "1e100", "1e1000", "1e100000"):
        (low, high), (least, most) = few.deficit(t), many.deficit(t)
        assert low <= least <= most <= high
        assert high - low <= Decimal("1e-14") * high
    assert few.constant[1] - few.constant[0] <= Decimal("1e-25") * abs(few.constant[0])


@pytest.mark.parametrize("name", ["flow double slide", "flow single slide", "flow sinking"])
def test_rate_holds_at_every_time(name):
    """Ground truth: the enclosures of x* at single times."""
    found = certify(*problem(*RUNS[name][:3]))
    lower, upper, since, clock = found.rate
    assert clock == "ln t"
    for t in ("1e3", "1e9", "1e50", "1e1000", "1e100000"):
        low, high = found.boundary(t)
        off = abs((low + high) / 2 - sum(found.limit_boundary) / 2)
        assert since.log <= lp.LogTime.parse(t).log
        assert lower <= off * Decimal(lp.LogTime.parse(t).log) <= upper


def test_a_neuron_on_both_points_can_keep_the_margin_from_the_largest():
    """Ground truth: a11 : a12 -> 1 : (k12/k11 - 1)/2, so N vanishes 19/(4.75 - 1) beyond x1."""
    asked = problem(*RUNS["flow wide slide"][:3])
    assert certify(*asked, claim="optimal_margin").verdict is lp.Verdict.REFUTED
    lower, upper = certify(*asked).deficit("1e100000")
    limit = Decimal(19) / 2 - Decimal(19) / (Decimal("4.25") - Decimal("0.5"))
    assert abs((lower + upper) / 2 - limit) < Decimal("1e-3") * limit
    assert lower < upper


@pytest.mark.parametrize("seed", range(4))
def test_durations_are_those_of_quadrature(seed):
    """Ground truth: Arb's quadrature of e^(alpha S1 - gamma S2), at random rates and resonances."""
    rng, seen = np.random.default_rng([21, seed]), 0
    with precision(128):
        for _ in range(40):
            cross = Fraction(int(rng.integers(1, 64)), 8)
            alpha = Fraction(int(rng.integers(1, 90)), 8)
            if rng.integers(3) == 0:  # where a term of the power series is a logarithm
                alpha = cross * int(rng.integers(1, 6)) / (1 + int(rng.integers(1, 6)))
            beta = cross * cross / alpha * Fraction(int(rng.integers(9, 40)), 8)
            gamma = cross if rng.integers(2) else -cross
            a, b = alpha + gamma, beta + gamma
            z = exact(float(np.exp(2 * rng.normal())))
            if b <= 0 or a == 0 or (a > 0 and not z < exact(a / b)):
                continue
            s, u = exact(abs(rng.normal())) / (1 + abs(exact(a))), arb("0.3")
            other = (exact(b) * z * (exact(a) * s).expm1() / exact(a)).log1p() / exact(b)
            truth = by_quadrature(alpha, gamma, a, b, z, u, s, other)
            series = by_series(alpha, beta, gamma, z, u, s) if gamma > 0 else None
            found = by_powers(alpha, gamma, a, b, z, u, s) if series is None else series
            assert found is not None
            assert found.overlaps(truth)
            assert found.rel_accuracy_bits() > 90
            seen += 1
    assert seen > 10


def test_a_start_on_a_kink():
    """Ground truth: Filippov's rule on exact zeros, by the series."""
    for weights, biases in (((1.0, -1.0), (-1.0, 0.5)), ((1.0, -0.5), (1.0, -0.25))):
        assert check_against_series((2.0, 1.0), weights, biases) == 12


def test_ties_stay_undecided():
    """Ground truth: neuron 2 leaves point 1 just when it comes to point 2: a rational tie."""
    found = certify(*problem((1.0, -3.0), (-1.0, 0.25), (-1.0, 0.25)), max_bits=256)
    assert found.verdict is lp.Verdict.UNDECIDED
    assert "first" in found.reason
