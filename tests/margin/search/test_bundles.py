"""margin/search/bundles: kinks that rounding holds apart, against networks that have each once."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from latephase.margin import Margin, margin_of
from latephase.margin.exact.integers import ExactNetwork
from latephase.margin.search.bundles import bundled, walk_bundles
from latephase.margin.search.cells import walk

NORMS = (1.0, 2.0, math.inf)


def drawn(seed: int, width: int, d: int, kinks: int = 3, apart: float = 0.0):
    """Neurons along few (w, b), of many lengths; right on random points, of both labels.

    Returns the network, the points, and the network that has a neuron for each (w, b).
    """
    rng = np.random.default_rng(seed)
    while True:
        once, offsets = rng.normal(size=(kinks, d)), 0.3 * rng.normal(size=kinks)
        which, lengths = np.arange(width) % kinks, np.exp(rng.normal(size=width))
        outer = np.where(which == 0, -1.0, 1.0) * rng.uniform(0.3, 2, width)
        w, b = once[which] * lengths[:, None], offsets[which] * lengths
        w *= 1 + apart * rng.uniform(-1, 1, w.shape)
        whole = np.bincount(which, outer * lengths)
        x = rng.normal(size=(5, d))
        y = np.sign(np.maximum(x @ once.T + offsets, 0) @ whole)
        if (y != 0).all() and len(set(y)) == 2:
            return (w, b, outer), (x, y), (once, offsets, whole)


@pytest.mark.parametrize("leak", [0.0, 0.1])
@pytest.mark.parametrize("p", NORMS)
@pytest.mark.parametrize("d", [2, 3, 5])
def test_wide_networks_of_few_kinks_are_exact(d, p, leak):
    """24 neurons on three kinks: 2^24 sides for a walk, of which 8 have more inside than ulps."""
    met = 0
    for seed in range(12):
        net, (x, _), once = drawn(seed, 24, d)
        y = np.sign(np.where((a := x @ once[0].T + once[1]) > 0, a, leak * a) @ once[2])
        if len(set(y)) < 2 or 0 in y:
            continue
        wide, narrow = (margin_of(*n, x, y, p, leak) for n in (net, once))
        assert isinstance(wide, Margin)
        assert float(wide) == pytest.approx(float(narrow), rel=1e-11)
        met += 1
    assert met >= 6


@pytest.mark.parametrize("p", NORMS)
def test_bounds_hold_those_of_all_kinks(p):
    """Kinks so far apart that it is seen, few enough that all of them can be walked."""
    gaps = []
    for seed in range(40):
        (w, b, outer), (x, y), _ = drawn(seed, 7, 2 + seed % 2, apart=4e-13)
        seen = ExactNetwork(w, b, outer).seen_from(x[0], y[0])
        low, high = walk_bundles(seen, 4.0, p, math.inf)
        _, truth = walk(seen, 4.0, p)
        assert low <= truth * (1 + 3e-13)
        assert truth <= high * (1 + 3e-13)
        gaps.append((high - low) / truth)
    assert max(gaps) <= 1.01e-12


@pytest.mark.parametrize("p", NORMS)
def test_what_a_bundle_leaves_out_is_enclosed(p):
    """At the corners of the reach, exactly: no more than is said, and not much less."""
    for seed in range(30):
        (w, b, outer), (x, y), _ = drawn(seed, 9, 3, apart=4e-13)
        seen, reach = ExactNetwork(w, b, outer).seen_from(x[0], y[0]).within(2.0, p), 2.0
        fewer, apart = bundled(seen, reach, p)
        if len(fewer.heights) == len(seen.heights):
            continue
        unit, far = Fraction(fewer.value, seen.value), Fraction(reach) * (1 << seen.power)
        ways = np.random.default_rng(seed).normal(size=(200, 3))
        worst = 0
        for way in ways / np.linalg.norm(ways, p, axis=1)[:, None]:
            u = [Fraction(v) * far for v in way * (1 - 1e-15)]
            worst = max(worst, abs(at(seen, u) * unit - at(fewer, u)))
        assert apart / 100 <= worst <= apart


def at(seen, u):
    """y N beyond the point, exactly."""
    rows = (sum(n * v for n, v in zip(row, u)) for row in seen.normals)
    bends = (g * max(r - h, 0) for g, r, h in zip(seen.gains, rows, seen.heights))
    return seen.value + sum(s * v for s, v in zip(seen.slope, u)) + sum(bends)


def test_the_region_where_no_neuron_is_active_counts():
    """N is 0 there in full, and but for rounding with a kink for each bundle."""
    seed = next(s for s in range(200) if dead_is_nearest(s))
    net, points, once = drawn(seed, 24, 3)
    assert float(margin_of(*net, *points)) == pytest.approx(
        float(margin_of(*once, *points)), rel=1e-11
    )


def dead_is_nearest(seed: int) -> bool:
    """Whether more output on one kink, which moves the zeros elsewhere, leaves the margin."""
    _, points, (w, b, outer) = drawn(seed, 24, 3)
    found = {float(margin_of(w, b, outer * [1.0, s, s], *points)) for s in (1.0, 1.01, 1.1)}
    return len({round(v, 9) for v in found}) == 1 and found != {0.0}


@pytest.mark.parametrize("sizes", [(1e-200, 1e200), (1e200, 1e-200), (1e-160, 1e160)])
def test_lengths_whose_ratio_is_beyond_float64(sizes):
    """Whichever is the first of its bundle; the output weights make up for it."""
    (w, b, outer), (x, y), _ = drawn(5, 8, 3, kinks=4)
    scale = np.array([sizes[0]] * 4 + [sizes[1]] * 4)
    whole, moved = ((w, b, outer), (w * scale[:, None], b * scale, outer / scale))
    margins = [float(margin_of(*net, x, y)) for net in (whole, moved)]
    assert margins[1] == pytest.approx(margins[0], rel=1e-11)
