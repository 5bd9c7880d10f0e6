"""Enclosures of gradient descent from boxes of networks, against single networks in float64."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from helpers import shares
from latephase.certificates.odds.repelling.boxes import (
    NULL1,
    NULL2,
    RIGHT1,
    RIGHT2,
    WRONG1,
    WRONG2,
    Boxes,
)
from latephase.certificates.odds.repelling.enclosed import exp_lower, exp_upper
from latephase.certificates.odds.repelling.points import Repelling
from latephase.certificates.odds.repelling.runs import followed
from latephase.core.balls import arb, bounds, exact, precision

ZERO = arb(0)
SIDES = (RIGHT1, WRONG1, RIGHT2, WRONG2)
CASES = [
    (2.0, -1.0, 0.1, 0.05),
    (2.0, -1.0, 0.1, 0.4),
    (2.0, -2.0, 1.0, 0.2),
    (1.2, -1.0, 0.05, 0.1),
    (-1.0, 5.0, 0.3, 0.1),
    (3.0, -1.5, 0.01, 0.1),
    (1.0000001, -1.0, 0.2, 0.1),
]


def boxes(low, high):
    """Boxes of right 1, wrong 1, right 2, wrong 2, (4, n) each."""
    lower, upper = np.full((8, low.shape[1]), -np.inf), np.full((8, low.shape[1]), np.inf)
    lower[list(SIDES)], upper[list(SIDES)] = low, high
    return Boxes(lower, upper)


def trained(a, x1, x2, step_size, steps=500):
    """Pre-activations after gradient descent in float64, and which have no active wrong side."""
    k11, k22, kappa = 1 + x1 * x1, 1 + x2 * x2, -(1 + x1 * x2)
    a = a.copy()
    for _ in range(steps):
        moving = np.flatnonzero((a[1] > 0) | (a[3] > 0))
        if not moving.size:
            break
        right1, wrong1, right2, wrong2 = positive = np.maximum(a[:, moving], 0)
        on = positive > 0
        l1 = step_size * np.exp(np.minimum(wrong2 - right1, 700))
        l2 = step_size * np.exp(np.minimum(wrong1 - right2, 700))
        a[0, moving] += l1 * on[0] * k11 + l2 * on[1] * kappa
        a[1, moving] -= l1 * on[0] * kappa + l2 * on[1] * k22
        a[2, moving] += l2 * on[2] * k22 + l1 * on[3] * kappa
        a[3, moving] -= l2 * on[2] * kappa + l1 * on[3] * k11
    return a, (a[1] <= 0) & (a[3] <= 0)


@pytest.mark.parametrize(("x1", "x2", "step_size", "width"), CASES)
@pytest.mark.parametrize("steps", [3, 64])
def test_boxes_hold_where_their_networks_end(x1, x2, step_size, width, steps):
    """Ground truth: single networks, five of each box, stepped in float64 to their last pattern."""
    g = np.random.default_rng(1)
    centre = 2 * g.standard_normal((4, 200))
    low, high = centre - width / 2, centre + width / 2
    ends = followed(Repelling.of(x1, x2, step_size), boxes(low, high), steps)
    tilt1, tilt2 = -(1 + x1 * x2) / (1 + x1 * x1), -(1 + x1 * x2) / (1 + x2 * x2)
    seen = 0
    for part in np.linspace(0, 1, 5):
        share = g.uniform(0, 1, centre.shape) if 0 < part < 1 else part
        final, there = trained(low + (high - low) * share, x1, x2, step_size)
        seen += there.sum()
        nulls = final[1] + tilt1 * final[0], final[3] + tilt2 * final[2]
        for (right1, _, right2, _), end in ends.items():
            mine = there & ((final[0] > 0) == right1) & ((final[2] > 0) == right2)
            assert end.reached[mine].all()
            for row, value in zip((NULL1, NULL2), nulls):
                slack = 1e-9 * (1 + np.abs(value))
                assert np.all((end.lower[row] <= value + slack)[mine])
                assert np.all((value - slack <= end.upper[row])[mine])
    assert seen > 800


def test_small_boxes_give_close_bounds():
    """Ground truth: a point, whose enclosure is as wide as the rounding of its steps."""
    g = np.random.default_rng(2)
    a = 2 * g.standard_normal((4, 100))
    ends = followed(Repelling.of(2.0, -1.0, 0.5), boxes(a, a), 500)
    reached = np.stack([end.reached for end in ends.values()])
    assert np.mean(reached.sum(axis=0) == 1) > 0.97
    both = ends[1, 0, 1, 0]
    width = (both.upper - both.lower)[[NULL1, NULL2]][:, both.reached]
    assert np.median(width) < 1e-9


def ended(a, x1, x2, step_size):
    """(pattern, the rows of `Boxes`) where a network comes into its last pattern, in 400 bits."""
    k11, k22, kappa = 1 + x1 * x1, 1 + x2 * x2, -(1 + x1 * x2)
    for _ in range(3000):
        if not (a[1] > 0 or a[3] > 0):
            right1, wrong1, right2, wrong2 = a
            first = wrong1 * kappa / k22 + right1, wrong1 + right1 * kappa / k11
            second = wrong2 * kappa / k11 + right2, wrong2 + right2 * kappa / k22
            pattern = tuple(int(x > 0) for x in a)
            return pattern, [right1, wrong1, *first, right2, wrong2, *second]
        r1, w1, r2, w2 = (x if x > 0 else ZERO for x in a)
        l1, l2 = step_size * (w2 - r1).exp(), step_size * (w1 - r2).exp()
        on11, on21 = (l1 if x > 0 else ZERO for x in (r1, w2))
        on12, on22 = (l2 if x > 0 else ZERO for x in (w1, r2))
        moved = (
            a[0] + on11 * k11 + on12 * kappa,
            a[1] - on11 * kappa - on12 * k22,
            a[2] + on22 * k22 + on21 * kappa,
            a[3] - on22 * kappa - on21 * k11,
        )
        a = [x.mid() for x in moved]
    return None


@pytest.mark.parametrize("part", shares(20, sample=(1,)))
def test_where_single_networks_end_is_enclosed(part):
    """Ground truth: each network by itself in 400 bits; 10^5 rows, known to some 1e-9."""
    g, seen, wide = np.random.default_rng([46, part]), 0, 0
    while seen < 5000:
        x1 = g.uniform(0.5, 3) * g.choice([-1, 1])
        x2, step_size = -g.uniform(1, 4) / x1, float(10 ** g.uniform(-2, 0))
        if not 1 + Fraction(x1) * Fraction(x2) < 0:
            continue
        a = g.choice([0.5, 2.0]) * g.standard_normal((4, 210))
        ends = followed(Repelling.of(x1, x2, step_size), boxes(a, a), 500)
        for n, start in enumerate(a.T.tolist()):
            with precision(400):
                found = ended(*([exact(x) for x in start], exact(x1), exact(x2), exact(step_size)))
                if found is None:
                    continue
                pattern, truths = found
                low, high = ends[pattern].lower[:, n].tolist(), ends[pattern].upper[:, n].tolist()
                for least, truth, most in zip(low, truths, high, strict=True):
                    room = (1 + abs(truth)) * exact(2.0**-300)
                    assert exact(least) <= truth + room, (x1, x2, step_size, start)
                    assert truth - room <= exact(most), (x1, x2, step_size, start)
                seen += len(truths)
                wide += max(b - a for a, b in zip(low, high, strict=True)) > 1e-6
    assert wide < seen / 8 / 10


def test_exponentials_are_enclosed():
    """Ground truth: balls of 100 bits."""
    g = np.random.default_rng(3)
    some = np.concatenate([g.uniform(-700, 700, 300), g.uniform(-1, 1, 300), [0.0, -1e-20, 1e-300]])
    low, high = exp_lower(some), exp_upper(some)
    assert np.all(high <= low * (1 + 2.0**-42))
    with precision(100):
        for x, a, b in zip(some.tolist(), low.tolist(), high.tolist()):
            least, most = bounds(exact(x).exp())
            assert a <= least
            assert most <= b
    assert exp_lower(np.array([-701.0]))[0] == 0
    assert exp_upper(np.array([701.0]))[0] == np.inf
