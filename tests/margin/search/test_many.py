"""margin/search/many: margins of many networks at once against walks over cells in integers."""

from __future__ import annotations

import numpy as np
import pytest

from latephase.margin import margin_of, margins_of
from latephase.margin.exact.integers import ExactNetwork
from latephase.margin.robustness import least_distance
from latephase.margin.search import many
from latephase.margin.search.cells import walk
from latephase.problem.activation import activated


def drawn(seed: int, m: int, n: int, leak: float, count: int = 12):
    """Networks near one that is right on random points of the plane, some of them wrong; every
    second one has a neuron whose kink is that of another one but for 1e-15."""
    rng = np.random.default_rng(seed)
    while True:
        w, b = rng.normal(size=(m, 2)), 0.5 * rng.normal(size=m)
        outer = rng.choice([-1.0, 1.0], m) * rng.uniform(0.3, 2, m)
        x = 1.5 * rng.normal(size=(n, 2))
        y = np.sign(activated(x @ w.T + b, leak) @ outer)
        if (y != 0).all() and len(set(y)) == 2:
            break
    w = w + 0.05 * rng.normal(size=(count, m, 2))
    b = np.tile(b, (count, 1))
    w[::2, 1], b[::2, 1] = w[::2, 0] * (1 + 1e-15), b[::2, 0]
    return w, b, np.tile(outer, (count, 1)), x, y


def exact(w, b, outer, x, y, leak: float) -> float:
    """The margin by a walk in integers around every point."""
    network, best = ExactNetwork(w, b, outer, leak), least_distance(x, y) / 2
    for point, label in zip(x, y, strict=True):
        if label * network.value(point) <= 0:
            return 0.0
        best = walk(network.seen_from(point, label), best, 2)[1]
    return best


@pytest.mark.parametrize("leak", [0.0, 0.1])
def test_margins_are_those_of_integers(leak):
    """Ground truth: cells in integers, for each network and point; and that most need no other."""
    sure = []
    for seed in range(8):
        w, b, outer, x, y = drawn(seed, 2 + seed, 2 + seed % 4, leak)
        truth = np.array([exact(*net, x, y, leak) for net in zip(w, b, outer)])
        with np.errstate(all="ignore"):
            optimum = least_distance(x, y) / 2
            found, certain = many.margins_in_plane(w, b, outer, x, y, optimum, leak)
        assert ((found == 0) == (truth == 0))[certain].all()
        assert (np.abs(found - truth) <= 2e-12 * truth)[certain].all()
        every = margins_of(w, b, outer, x, y, leak)
        assert (np.abs(every - truth) <= 2e-12 * truth).all()
        sure.append(certain.mean())
    assert np.mean(sure) > 0.6


def test_a_nearer_zero_is_not_overlooked(monkeypatch):
    """Ground truth: margins one by one. A search that finds only every second zero is not
    certain of what it has found."""
    w, b, outer, x, y = drawn(3, 9, 4, 0.0, count=60)
    truth = np.array([float(margin_of(*net, x, y)) for net in zip(w, b, outer)])
    nearest = many._View.nearest

    def half_blind(view):
        found = nearest(view)
        found[::2] = np.inf
        return found

    monkeypatch.setattr(many._View, "nearest", half_blind)
    with np.errstate(all="ignore"):
        told = w, b, outer, x, y, least_distance(x, y) / 2, 0.0
        found, certain = many.margins_in_plane(*told)
    off = np.abs(found - truth) > 1e-9 * truth
    assert off.any()
    assert not off[certain].any()


def test_one_label_and_networks_beyond_float64_are_left_to_others():
    """Ground truth: margins one by one; zeros anywhere, numbers of 1e200, and none at all."""
    rng = np.random.default_rng(1)
    w, b, outer = rng.normal(size=(4, 5, 2)), rng.normal(size=(4, 5)), np.ones((4, 5))
    x, y = rng.normal(size=(3, 2)), np.ones(3)
    w[1] *= 1e200
    w[2], b[2] = np.nan, np.nan
    outer[3, :3] = -1.0
    found = margins_of(w, b, outer, x, y)
    each = [float(margin_of(*net, x, y)) for net in zip(w, b, outer)]
    assert np.array_equal(found, each, equal_nan=True)
