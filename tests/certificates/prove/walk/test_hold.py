"""What covers prove/walk/hold and half: when an induction is taken for one, and when not."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

import latephase as lp
from latephase.certificates.prove.system import System
from latephase.certificates.prove.tails import margins
from latephase.certificates.prove.tails.single import LateHold
from latephase.certificates.prove.walk.arrival import Arrival, Walk
from latephase.certificates.prove.walk.hold import Hold, holds, level, sides
from latephase.certificates.prove.walk.slides import HalfLeg, HoldLeg
from latephase.core import Regime
from latephase.core.balls import exact, precision
from samples.certificates import RUNS


def arrived(run: str) -> tuple[Walk, Arrival]:
    """Where the walk of one of the RUNS ends."""
    inputs, weights, biases, step = RUNS[run]
    network, data = lp.ShallowReLU(weights, biases), lp.Dataset(inputs, [1, -1])
    walk = Walk(System.of(network, data, lp.GradientDescent(step)), 10_000)
    return walk, walk.arrive()


@pytest.mark.parametrize("run", ["single slide", "single slide, mirrored", "far slide"])
def test_a_hold_needs_a_neuron_that_serves_both_points(run: str) -> None:
    """Ground truth: by hand: a12 oscillates by (rho (1-omega) + omega) y/2, and must stay above."""
    with precision(256):
        walk, arrival = arrived(run)
        shape = walk.shapes[walk.system.k12 >= walk.system.k22]
        now, held = level(shape, arrival.state.a), arrival.slide
        assert isinstance(held, Hold)
        assert holds(shape, now, held)
        swing = shape.turn * (exact(held.up_y / held.sigma) - now.y) / 2
        for share, enough in ((0.99, False), (1.01, True)):
            assert holds(shape, replace(now, a12=swing * share), held) is enough


def test_a_hold_whose_wrong_side_falls_is_none_for_ever() -> None:
    """Ground truth: theory.md, section 5: with k12 < k11 a12 falls by (1 - k12/k11)/2 ln t."""
    with precision(256):
        _, arrival = arrived("falling hold")
        leg = arrival.legs[-1]
        assert arrival.regime is Regime.double_slide
        assert isinstance(leg.slide, HoldLeg)
        shape, start, held = leg.slide.shape, leg.slide.start, leg.slide.constants
        assert holds(shape, start, held, leg.steps)
        assert not holds(shape, start, held)
        assert not holds(shape, start, held, leg.steps * 101 // 100)
        # 2 a12 + turn y falls by (1 - rho) ln s, and y has gone by then.
        end = start.log_s + (2 * start.a12 + shape.turn * start.y) / (1 - shape.rho)
        assert abs(float(end.exp()) / leg.steps - 1) < 0.5


def test_a_half_slide_ends_before_the_other_kink_is_reached() -> None:
    """Ground truth: theory.md, section 5: a12 - (k12/k11) a11 is conserved, a11 grows like ln t."""
    with precision(256):
        _, arrival = arrived("half slide")
        leg = arrival.legs[-1]
        assert isinstance(leg.slide, HalfLeg)
        start, half = leg.slide.start, leg.slide.constants
        assert start.holds(half, leg.steps)
        assert not start.holds(half, leg.steps * 101 // 100)
        wide = replace(half, theta=Fraction(1, 2) * half.theta)
        assert not start.holds(wide, leg.steps)
        end = start.levels[0] * (-start.a[0][1] / start.shape.rho).exp()
        assert abs(float(end) / leg.steps - 1) < 1e-6


@pytest.mark.parametrize("step_size", [1e-6, 1e-2, 0.2])
@pytest.mark.parametrize("points", [(1, 2), (-2, -0.7), (0.4, 3)])
def test_slides_of_any_step_size_are_found(points: tuple[float, float], step_size: float) -> None:
    """Ground truth: theory.md, section 3: one constant for all steps and starts, and the law."""
    data, constants = lp.Dataset(points, [1, -1]), set()
    for weights, biases in (([0.1, 0.3], [0.2, 0.1]), ([0.5, 0.1], [0.1, 0.6])):
        flip = -1 if points[0] < 0 else 1
        network = lp.ShallowReLU([flip * w for w in weights], biases)
        found = lp.certify(network, data, lp.GradientDescent(step_size), max_steps=3000)
        if found.regime is Regime.single_slide:
            constants.add(found.constant)
            lower, upper = found.deficit("1e30")
            assert 0 < upper - lower < upper / 1000
    assert len(constants) <= 1
    assert constants or step_size < 1e-3


@pytest.mark.parametrize("run", ["single slide", "single slide, mirrored", "far slide"])
def test_the_boundary_from_level_and_kink(run: str) -> None:
    """Ground truth: where two lines cross, and the margin from the breakpoints, of the same
    pre-activations, which `sides` gives back."""
    with precision(256):
        walk, arrival = arrived(run)
        shape, state = walk.shapes[walk.system.k12 >= walk.system.k22], arrival.state
        assert isinstance(arrival.slide, Hold)
        tail = LateHold.of(shape, state, arrival.slide)
        found, crossing = tail._off(tail.start), margins.off_midpoint(walk.system, state.a)
        assert found.overlaps(crossing)
        assert found.rad() < 1e-8
        assert tail.deficit(exact(state.time)).overlaps(margins.deficit(walk.system, state.a))
        for row, again in zip(state.a, sides(shape, tail.start), strict=True):
            assert all(x.overlaps(y) and y.rad() < 1e-8 for x, y in zip(row, again, strict=True))
