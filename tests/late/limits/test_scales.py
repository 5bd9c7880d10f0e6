"""Limits of modes at other magnitudes: inputs from 1e-9 to 1e9, offsets to 1e7, output weights."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from math import log, sqrt

import numpy as np
import pytest

import latephase as lp
from helpers import augmented, relative_error
from latephase.late.limits.direction import largest_margin
from latephase.late.limits.exact import least_distance, rational
from latephase.late.limits.gradients import mode_gradients, off_kinks
from latephase.late.limits.mode import mode_limit

pytestmark = pytest.mark.quick

SHAPES = [(3, -1), (2, -3), (1, -1), (-4, 0.25), (0.2, -3), (0.9, -0.4), (1, 3), (3, 1), (-0.5, -4)]
SCALES = [1e-9, 1e-7, 1e-3, 1e3, 1e7, 1e9]
OFFSETS = [10.0, 2020.0, 1e4, 1e5, 1e6, 1e7]
PAIRS = [
    *[(x1 * s, x2 * s) for s in SCALES for x1, x2 in SHAPES],
    *[(c + 1, c) for c in OFFSETS],
    *[(c - 0.5, c + 0.5) for c in OFFSETS],
    *[(-c - 0.25, -c) for c in OFFSETS],
]
STEP = 0.1


def closed_form(inputs):
    """Pattern, theta (2, 2) as fractions, and e^(margin offset) / step (2,): docs/theory.md."""
    x1, x2 = map(Fraction, inputs)
    k11, k22, k12, d = 1 + x1 * x1, 1 + x2 * x2, 1 + x1 * x2, (x1 - x2) ** 2
    if k12 <= 0:
        a, pattern = (1, k12 / k11, k12 / k22, 1), [[1, 0], [0, 1]]
        pace = [k11, k22]
    elif k12 < min(k11, k22):
        a, pattern = (1, 0, 0, 1), [[1, 2], [2, 1]]
        pace = [d / k22, d / k11]
    elif k12 >= k11:
        g = (1 + k12 / k11) / 2
        a, pattern = (1, g - 1, 0, g), [[1, 1], [2, 1]]
        pace = [2 * d / (k22 + d / k11 + k12), 2 * d / (k11 + k12)]
    else:
        g = (1 + k12 / k22) / 2
        a, pattern = (g, 0, g - 1, 1), [[1, 2], [1, 1]]
        pace = [2 * d / (k22 + k12), 2 * d / (k11 + d / k22 + k12)]
    w = [(Fraction(a[j]) - a[j + 1]) / (x1 - x2) for j in (0, 2)]
    b = [Fraction(a[j]) - slope * x1 for j, slope in zip((0, 2), w)]
    return np.array(pattern), list(zip(w, b)), pace


def limit_of(inputs, outer=(1.0, -1.0), shrink=1.0):
    pattern, theta, _ = closed_form(inputs)
    start = np.array([[float(x) for x in row] for row in theta]) * 700.0 / shrink
    data = lp.Dataset(inputs, [1, -1])
    kind = lp.ShallowReLU(start[:, :1], start[:, 1], outer)
    return mode_limit(pattern, start, data, kind, 700.0, log(STEP) - 2 * log(shrink))


@pytest.mark.parametrize("inputs", PAIRS, ids=str)
def test_direction_at_all_scales(inputs):
    """Ground truth: the closed forms of docs/theory.md in rational arithmetic."""
    _, theta, _ = closed_form(inputs)
    found = limit_of(inputs)
    expected = np.array([[float(x) for x in row] for row in theta])
    assert np.abs(found.direction - expected).max() < 1e-14 * np.abs(expected).max()
    norm = sqrt(sum(x * x for row in theta for x in row))
    assert relative_error(np.linalg.norm(found.direction), norm) < 1e-14
    assert found.settled, found.reason
    assert not found.degenerate
    assert relative_error(found.rate, 1.0) < 1e-9


@pytest.mark.parametrize("inputs", PAIRS, ids=str)
def test_offset_at_all_scales(inputs):
    """Ground truth: e^(margin) = step * pace * t of docs/theory.md; the margins of the offset that
    is returned are evaluated in rational arithmetic, up to the rounding of the parameters read."""
    _, _, pace = closed_form(inputs)
    found = limit_of(inputs)
    for j, (x, rate) in enumerate(zip(inputs, pace)):
        active = [(k, c) for k in (0, 1) for c in (0, 1) if closed_form(inputs)[0][k, j] == 1]
        terms = [
            (1, -1)[k] * Fraction(float(found.offset[k, c])) * (Fraction(x), 1)[c]
            for k, c in active
        ]
        read = sum(abs(700 * found.direction[k, c] * (x, 1)[c]) for k, c in active)
        rounding = 2.0**-50 * (float(sum(map(abs, terms))) + read)
        margin = (1, -1)[j] * float(sum(terms))
        assert abs(margin - log(STEP * float(rate))) < 1e-14 * abs(log(float(rate))) + rounding


@pytest.mark.parametrize("power", [-30, -10, 3, 30])
@pytest.mark.parametrize("inputs", [(3, -1), (0.9, -0.4), (1, 3), (2021, 2020)], ids=str)
def test_output_weights_only_rescale(inputs, power):
    """Ground truth: theta / c with output weights c v and step / c^2 is the same run for ever, and
    to the bit where c is a power of two (but for the logarithm of the step)."""
    c = 2.0**power
    one, other = limit_of(inputs), limit_of(inputs, (c, -c), c)
    assert np.array_equal(other.direction * c, one.direction)
    assert np.array_equal(other.multipliers * c * c, one.multipliers)
    assert np.abs(other.offset * c - one.offset).max() < 1e-12 * np.abs(one.offset).max()
    assert (other.settled, other.degenerate) == (one.settled, one.degenerate)
    assert relative_error(other.rate, one.rate) < 1e-12
    for pair, share in one.slide_multipliers.items():
        assert relative_error(other.slide_multipliers[pair], share) < 1e-12


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e7])
def test_modes_that_do_not_separate_far_away(offset):
    """Ground truth: one neuron that is active on both points only, or held on the other kink."""
    points = augmented(np.array([[offset + 1], [offset]]))
    labels, outer = np.array([1, -1]), np.array([1.0, -1.0])
    for pattern in ([[1, 0], [0, 0]], [[1, 2], [0, 0]], [[2, 2], [2, 2]]):
        assert largest_margin(mode_gradients(np.array(pattern), points, labels, outer)) is None


@pytest.mark.parametrize("offset", [0.5, 1e2, 1e5, 1e7])
@pytest.mark.parametrize("kinks", [1, 2])
def test_projections_far_away(offset, kinks):
    """Ground truth: the projection in rational arithmetic, three points of the plane."""
    draw = np.random.default_rng(3)
    points = augmented(offset + draw.normal(size=(4, 2)).round(3))
    exact = rational(points)
    chosen = exact[:kinks]
    gram = [[sum(a * b for a, b in zip(r, s)) for s in chosen] for r in chosen]
    for got, z in zip(off_kinks(points, points[:kinks]), exact):
        right = [sum(a * b for a, b in zip(r, z)) for r in chosen]
        if kinks == 1:
            share = [right[0] / gram[0][0]]
        else:
            det = gram[0][0] * gram[1][1] - gram[0][1] ** 2
            share = [
                (right[0] * gram[1][1] - right[1] * gram[0][1]) / det,
                (right[1] * gram[0][0] - right[0] * gram[0][1]) / det,
            ]
        truth = np.array(
            [float(z[k] - sum(s * r[k] for s, r in zip(share, chosen))) for k in range(3)]
        )
        size = np.linalg.norm(truth)
        assert np.linalg.norm(got - truth) <= 1e-9 * size


@pytest.mark.parametrize("seed", range(20))
def test_rational_multipliers_meet_their_conditions(seed):
    """Ground truth: the KKT conditions in rational arithmetic, which are sufficient; and for rows
    that do not separate, a combination of them that vanishes (Gordan)."""
    draw = np.random.default_rng(seed)
    rows = draw.normal(size=(6, 4)) * 10.0 ** draw.integers(-6, 7, size=(6, 1))
    rows[:, 0] = np.abs(rows[:, 0]) if seed % 2 else rows[:, 0]
    rows[5] = rows[4]  # a point given twice
    multipliers = least_distance(rational(rows))
    if multipliers is None:
        from scipy.optimize import linprog

        unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        equal = np.vstack([unit.T, np.ones(6)])
        assert linprog(np.zeros(6), A_eq=equal, b_eq=[0, 0, 0, 0, 1]).status == 0
        return
    exact = rational(rows)
    theta = [sum(x * row[k] for x, row in zip(multipliers, exact)) for k in range(4)]
    margins = [sum(a * b for a, b in zip(row, theta)) for row in exact]
    assert min(multipliers) >= 0
    assert (1 - min(margins)) * 10**11 < 1
    assert all(s == 1 for s, x in zip(margins, multipliers) if x > 0)


@cache
def run_beside_a_dead_neuron(d: int, size: float) -> lp.Run:
    """Of three neurons, one of which is inactive on all points, and of that size."""
    inputs = np.array([[2.0, 0.5, 0.7], [1.5, -1.0, 0.6], [-2.0, 0.3, -0.5], [-1.2, -1.0, -0.3]])
    weights = np.array([[0.7, 0.1, 0.3], [-0.4, 0.2, 0.1], [-0.01 * size] * 3])
    net = lp.ShallowReLU(weights[:, :d], [0.1, 0.2, -size], [1.0, -1.0, 1.0])
    data = lp.Dataset(inputs[:, :d], [1, 1, -1, -1])
    return lp.simulate(net, data, lp.GradientFlow(), at=["1e1000"])


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("size", [1e100, 1e155, 1e300])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_a_dead_neuron_of_any_size_changes_no_law(d, size):
    """Ground truth: the run without it, whose squares are floats."""
    one, other = (run_beside_a_dead_neuron(d, x) for x in (1.0, size))
    for name in ("limit_margin", "constant", "offset", "shares"):
        assert relative_error(getattr(other.law, name), getattr(one.law, name)) < 1e-9
    sizes = np.abs(one.law.constant_shares).sum()
    assert np.abs(other.law.constant_shares - one.law.constant_shares).max() < 1e-9 * sizes
    ends = lp.limit(one), lp.limit(other)
    assert ends[1].margin_constant_error < 10 * ends[0].margin_constant_error
    assert ends[1].remainder < 10 * ends[0].remainder
    when = [end.steps_within(abs(one.law.margin_constant) / 30).log for end in ends]
    assert relative_error(when[1], when[0]) < 1e-9
