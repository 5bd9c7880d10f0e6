"""Laws of margins whose nearest zero is off all kinks, in closed form."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import latephase as lp
from helpers import relative_error
from latephase.late.limits.curve import Curve
from latephase.late.limits.parts import constant_parts
from latephase.margin import MarginBounds, nearest_zeros

FLOW = lp.GradientFlow()
LOG_10 = math.log(10)


def curve(seed: int, m: int, n: int, d: int, slope: float = 0.0, biased: bool = True) -> Curve:
    """Of a random network that has settled."""
    rng = np.random.default_rng(seed)
    inputs, labels = rng.normal(size=(n, d)), np.resize([1, -1], n)
    weights, biases = rng.normal(size=(m, d)), rng.normal(size=m) if biased else None
    net = lp.ShallowReLU(weights, biases, np.resize([1.0, -1.0], m), negative_slope=slope)
    run = lp.simulate(net, lp.Dataset(inputs, labels), FLOW, until="1e1000", at=["1e1000"])
    assert run.outcome is lp.Outcome.settled
    return lp.limit(run)._curve


def measured(one: Curve) -> Curve:
    """The same curve, whose margins are measured and their differences extrapolated."""
    other = replace(one)
    vars(other)["smooth"] = None
    return other


def split(one: Curve, times: int, seed: int) -> Curve:
    """The same functions of wider networks: each neuron as that many of one direction, whose
    offsets, and with them the kinks at finite times, differ."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(times, 2.0), size=len(one.direction))
    moved = rng.normal(size=(*shares.shape, one.direction.shape[1]))
    moved -= moved.mean(axis=1, keepdims=True)
    moved *= one.direction.any(axis=1)[:, None, None]  # else its neurons have kinks of their own
    direction = one.direction[:, None, :] * shares[..., None]
    offset = one.offset[:, None, :] * shares[..., None] + 0.1 * moved
    width, outer = one.direction.shape[1], np.repeat(one.network.output_weights, times)
    wide = lp.ShallowReLU(
        *one.network.parted(direction.reshape(-1, width)),
        outer,
        negative_slope=one.network.negative_slope,
    )
    return Curve(direction.reshape(-1, width), offset.reshape(-1, width), wide, one.data)


SHAPES = {
    "space": (1, 6, 4, 3),
    "plane": (5, 8, 3, 2),
    "leaky": (0, 5, 4, 4, 0.1),
    "without biases": (2, 9, 3, 4, 0.0, False),
    "leaky without biases": (10, 8, 2, 4, 0.1, False),
    "many points": (5, 10, 6, 3, 0.5),
}


@pytest.mark.parametrize("kind", SHAPES)
def test_the_closed_form_is_the_limit_of_measured_differences(kind: str) -> None:
    """Ground truth: exact margins of networks near the limit, extrapolated from their halved
    differences, to the error that they state."""
    one = curve(*SHAPES[kind])
    assert one.smooth is not None
    slope, error, offset = one._expansion
    truth, wide, bend = measured(one)._expansion
    assert abs(slope - truth) <= wide + error
    assert wide <= 1e-6 * abs(truth)
    assert error <= 1e-9 * abs(slope)
    assert abs(offset - bend) <= 1e-3 * (1 + abs(bend))


@pytest.mark.parametrize("share", [1e-2, 1e-4, 1e-6])
@pytest.mark.parametrize("kind", ["plane", "without biases", "leaky without biases", "many points"])
def test_measured_offsets_of_small_constants(kind: str, share: float) -> None:
    """Ground truth: the closed form, of offsets that hardly move the nearest zero to first order:
    beta is then up to 3e7, and the error of the constant is its own."""
    one = curve(*SHAPES[kind])
    along = np.zeros_like(one.offset)
    for place in np.ndindex(*along.shape):
        unit = np.zeros_like(along)
        unit[place] = 1.0
        along[place] = one.smooth.series(unit)[1]
    less = (1 - share) * one.slope[0] / (along**2).sum()
    small = replace(one, offset=one.offset - less * along)
    slope, _, offset = small._expansion
    measured_slope, error, bend = measured(small)._expansion
    assert abs(measured_slope - slope) <= error
    assert abs(offset) > 10
    assert relative_error(bend, offset) < 1e-6 + 2 * error / abs(slope)


@pytest.mark.parametrize("kind", SHAPES)
def test_a_network_of_many_neurons_in_few_directions_has_the_same_law(kind: str) -> None:
    """Ground truth: the network with one neuron for each direction, whose law is the same, as the
    sums of its neurons are; and of parts, which its neurons share."""
    one = curve(*SHAPES[kind])
    wide = split(one, 4, 3)
    assert wide.network.m >= 20
    assert relative_error(wide.start, one.start) < 1e-10
    (slope, error, offset), (truth, _, bend) = wide._expansion, one._expansion
    assert error <= 1e-9 * abs(slope)
    assert relative_error(slope, truth) < 1e-9
    assert relative_error(offset, bend) < 1e-6 * (1 + 1 / abs(bend))
    law = lp.Law(None, slope, offset, 1.0, wide.start, -slope, np.ones(wide.network.m))
    parts = constant_parts(wide, law)
    assert abs(parts.sum() - truth) <= 1e-9 * np.abs(parts).sum()


@pytest.mark.parametrize(("seed", "m", "n", "d"), [(2, 30, 6, 3), (0, 20, 4, 5), (1, 24, 5, 4)])
def test_the_law_of_a_wide_run_meets_the_run(seed: int, m: int, n: int, d: int) -> None:
    """Ground truth: zeros that a search over the network at 10^1000 has found, upper bounds of its
    margin: they are where the law says, to what it leaves out."""
    one = curve(seed, m, n, d)
    slope, _, offset = one._expansion
    e = 1 / (1000 * LOG_10)
    near = one.network.with_parameters(one.direction + e * one.offset)
    found = lp.robustness_margin(near, one.data)
    upper = found.upper if isinstance(found, MarginBounds) else float(found)
    assert relative_error((upper - one.start) / e * (1 + offset * e), slope) < 1e-4


def test_of_inputs_that_are_equally_near_the_one_that_loses_most_decides() -> None:
    """Ground truth: margins measured near the limit: N = x1 - x2 stays 0 on the diagonal, from
    which (2, 1) and (1, 2) are equally far, and the plane turns towards one of them."""
    data = lp.Dataset([[2.0, 1.0], [1.0, 2.0]], [1, -1])
    kind = lp.ShallowReLU(np.eye(2), np.zeros(2), [1.0, -1.0])
    direction = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    for offset in ([[0.3, 0.1, 0.2], [0.1, -0.2, 0.4]], [[-0.3, 0.0, 0.1], [0.2, 0.0, -0.1]]):
        one = Curve(direction, np.array(offset), kind, data)
        assert len(nearest_zeros(kind, data, one.start * (1 + 1e-9))) == 2
        assert one.smooth is not None
        truth, wide, _ = measured(one)._expansion
        assert abs(one._expansion[0] - truth) <= wide + 1e-12


@pytest.mark.parametrize("shift", [3e4, 1e5])
def test_inputs_far_from_the_origin_are_equally_near_but_for_rounding(shift: float) -> None:
    """Ground truth: a difference of exact margins. Distances of 1 between inputs of 1e5 are known
    to 1e-11, and one of three that are equal decides: others give -0.468."""
    rng = np.random.default_rng(2)
    d, n = int(rng.integers(2, 4)), int(rng.integers(2, 6))
    inputs, labels = rng.normal(size=(n, d)), np.resize([1, -1], n)
    weights, biases = rng.normal(size=(8, d)), rng.normal(size=8)
    net = lp.ShallowReLU(weights, biases - shift * weights.sum(axis=1), np.resize([1.0, -1.0], 8))
    run = lp.simulate(net, lp.Dataset(inputs + shift, labels), FLOW, at=["1e1000"])
    one = lp.limit(run)._curve
    assert one.smooth is not None
    e = 0.1 * one.scale
    secant = (one.margin(e) - one.margin(e / 2)) / (e / 2)
    assert relative_error(run.law.constant, secant) < 1e-2
    assert relative_error(run.law.constant_shares.sum(), run.law.constant) < 1e-6


def test_a_zero_on_a_kink_is_measured() -> None:
    """Ground truth: the differences: N = |x1| - 1 + max(0, x2) bends where its zero (1, 0) is."""
    data = lp.Dataset([[1.5, 0.0], [0.0, -0.5]], [1, -1])
    direction = np.array([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    kind = lp.ShallowReLU(direction[:, :2], direction[:, 2], [1.0, 1.0, -1.0, 1.0])
    one = Curve(direction, np.full((4, 3), 0.1), kind, data)
    assert one.smooth is None
    assert one._expansion == measured(one)._expansion


def test_what_cannot_be_measured_has_no_passage() -> None:
    """Ground truth: margins at finite times are bounds; "a deficit below" is then not known."""
    one = curve(0, 30, 6, 3)
    assert math.isfinite(one._expansion[0])
    assert math.isnan(one.margin(0.1))
    assert one.within(1e-3) is None


@pytest.mark.parametrize("turn", [0.79, 0.87, 1.0, 1.58, 1.74])
def test_zeros_that_are_equally_near_to_first_order(turn: float) -> None:
    """Ground truth: two zeros at distance 1 that come nearer by 0.03 turn / ln t both, and then the
    right one by 1.125 turn^2 / ln^2 t, 25 times as fast as the left one, whatever rounding says."""
    data = lp.Dataset([[-9.0, 0.1], [9.0, 0.02], [-15.0, 0.0]], [1, 1, -1])
    net = lp.ShallowReLU([[1.0, 0], [1.0, 0], [0, 0]], [20.0, 0, 10], [1.0, -2.0, -1.0])
    offset = turn * np.array([[0, 0.3, 0], [0, -0.6, 0], [0, 0, 0]])
    slope, _, bend = Curve(net.parameters, offset, net, data)._expansion
    assert relative_error(slope, 0.03 * turn) < 1e-12
    assert relative_error(bend, 37.5 * turn) < 1e-12


@pytest.mark.parametrize("kind", ["space", "leaky", "without biases", "many points"])
def test_passages_of_a_wide_network_are_those_of_the_narrow_one(kind: str) -> None:
    """Ground truth: the network with one neuron for each direction, whose margins are exact at all
    times; near the limit both are one affine function around the nearest zero."""
    one = curve(*SHAPES[kind])
    wide = split(one, 4, 3)
    assert wide.is_wide
    assert not one.is_wide
    for share in (1e-4, 1e-6, 1e-8):
        eps = share * abs(one.slope[0])
        assert relative_error(wide.within(eps), one.within(eps)) < 1e-4
        theta = one.direction + one.offset * share
        assert relative_error(one.margin_near(7.0 * theta), one.margin(share)) < 1e-12


@pytest.mark.parametrize(
    ("seed", "m", "n", "d", "share"), [(2, 30, 6, 3, 1e-3), (1, 24, 5, 4, 1e-2)]
)
def test_a_wide_run_says_when_it_stays_within_a_distance(seed, m, n, d, share) -> None:
    """Ground truth: zeros that a search over the networks at that time has found: the margin is at
    that distance from its limit there.  The deficit of a margin from above is less in all the time
    that the limit knows of, and when it was not is not told."""
    rng = np.random.default_rng(seed)
    inputs, labels = rng.normal(size=(n, d)), np.resize([1, -1], n)
    net = lp.ShallowReLU(rng.normal(size=(m, d)), rng.normal(size=m), np.resize([1.0, -1.0], m))
    run = lp.simulate(net, lp.Dataset(inputs, labels), FLOW, until="1e1000", at=["1e1000"])
    eps, end = share * abs(run.law.margin_constant), run.law.limit_margin
    time = lp.limit(run).steps_within(eps)
    found = lp.robustness_margin(run.network_at(time), run.data)
    assert relative_error(abs(found.upper - end), eps) < 1e-5
    assert found.lower < end
    when = run.when(deficit=run.data.optimal_margin - end + eps)
    if run.law.margin_constant < 0:
        assert when is None
    else:
        assert relative_error(when.log, time.log) < 1e-6
