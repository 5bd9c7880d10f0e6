"""Ordinary steps of pairs: machine code, JAX and exact arithmetic."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pytest

from latephase.late.pair import advance
from latephase.late.pair.by_jax import advance_by_jax
from latephase.problem import Dataset, TwoPointGeometry

needs_kernel = pytest.mark.skipif(not advance.COMPILED, reason="no compiler at installation")
POINTS = [(0.5, -0.5), (1.0, -1.0), (3.0, -1.0), (2.0, 1.0), (1e-3, 5.0), (2021.0, 2020.0)]
STEP = 0.3


def pairs(points: tuple[float, float], trials: int) -> tuple[Any, ...]:
    """Random networks of several sizes, with numbers of steps and what is seen of them."""
    rng = np.random.default_rng(5)
    theta = rng.normal(size=(2, trials, 2)) * rng.choice([1e-300, 0.1, 1.0, 3.0], (1, trials, 1))
    geometry = TwoPointGeometry.of(Dataset([*points], [1, -1]))
    a = geometry.preactivations(*theta).transpose(1, 2, 0)
    counts = np.sort(rng.integers(1, 400, (3, trials)), axis=0)
    counts[:, :5] = 1
    looks, who = rng.integers(0, 3, 2 * trials), rng.integers(0, trials, 2 * trials)
    return geometry, (a, 2.0**-52 * np.abs(a), np.full(trials, 1e-16), counts, looks, who)


def by_kernel(geometry: TwoPointGeometry, given: tuple[Any, ...]) -> Any:
    return advance.advance_by_kernel(*given, gram=geometry.gram, step_size=STEP)


@needs_kernel
@pytest.mark.parametrize("points", POINTS)
def test_kernel_against_jax(points):
    """Ground truth: the same sums, compiled by XLA, whose exponentials differ by an ulp."""
    geometry, given = pairs(points, 200)
    found = by_kernel(geometry, given)
    known = advance_by_jax(*given, gram=geometry.gram, step_size=STEP)
    good = np.isfinite(known.preactivations).all(axis=(0, 1))
    assert (good == np.isfinite(found.preactivations).all(axis=(0, 1))).all()
    good &= ~known.undecided.any(axis=(0, 1))  # signs that rounding decides may differ
    assert good.mean() > 0.3
    apart = np.abs(found.preactivations[..., good] - known.preactivations[..., good])
    error = known.preactivation_error[..., good]
    assert (apart <= error).all()
    for name in ("preactivation_error", "parameter_error", "received"):
        ours, theirs = (getattr(one, name)[..., good] for one in (found, known))
        assert (np.abs(ours - theirs) <= 1e-9 * np.abs(theirs)).all(), name
    assert (found.undecided == known.undecided)[..., good].all()


@needs_kernel
@pytest.mark.parametrize("points", POINTS[:4])
def test_kernel_against_forty_digits(points):
    """Ground truth: the update rule in decimals, from the same doubles, within the error."""
    geometry, given = pairs(points, 12)
    found = by_kernel(geometry, given)
    with localcontext(prec=40):
        gram = [[Decimal(float(x)) for x in row] for row in geometry.gram]
        for seen, (look, trial) in enumerate(zip(given[4], given[5], strict=True)):
            a = [[Decimal(float(x)) for x in row] for row in given[0][..., trial]]
            for _ in range(given[3][look, trial]):
                a = _stepped(a, gram)
            if found.undecided[..., seen].any():
                continue
            for j, i in np.ndindex(2, 2):
                off = abs(a[j][i] - Decimal(float(found.preactivations[j, i, seen])))
                told = Decimal(float(found.preactivation_error[j, i, seen]))
                assert off <= told, (points, look, trial)


def _stepped(a: Any, gram: Any) -> Any:
    """One update of pre-activations a[neuron][point]."""
    height = [[max(x, Decimal(0)) for x in row] for row in a]
    margins = height[0][0] - height[1][0], height[1][1] - height[0][1]
    pulls = [Decimal(STEP) * (-m).exp() for m in margins]
    signs = ((1, -1), (-1, 1))
    return [
        [
            a[j][i] + sum(signs[j][k] * pulls[k] * gram[k][i] for k in (0, 1) if a[j][k] > 0)
            for i in (0, 1)
        ]
        for j in (0, 1)
    ]


@needs_kernel
@pytest.mark.parametrize("points", POINTS[::2])
def test_trials_do_not_see_one_another(points):
    """Ground truth: each trial alone, to the bit, whoever is beside it; how long one that has left
    float64 is stepped on is nobody's business."""
    geometry, given = pairs(points, 37)
    together = by_kernel(geometry, given)
    a, off, error, counts, looks, who = given
    for trial in range(37):
        mine = np.flatnonzero(who == trial)
        alone = [part[..., [trial]] for part in (a, off, error, counts)]
        found = by_kernel(geometry, (*alone, looks[mine], np.zeros_like(mine)))
        good = np.isfinite(found.preactivations).all(axis=(0, 1))
        beside = np.isfinite(together.preactivations[..., mine]).all(axis=(0, 1))
        assert (good == beside).all()
        for ours, theirs in zip(found, together, strict=True):
            assert ours[..., good].tobytes() == theirs[..., mine[good]].tobytes()


@needs_kernel
def test_exponentials_to_an_ulp():
    """Ground truth: 40 digits; one step is step * exp(-margin) times a Gram entry of 2, over the
    whole range of float64, subnormal losses and overflow included."""
    margins = np.concatenate([np.linspace(-708, 744, 2001), [-710.0, 746.0, 800.0, 1e-300]])
    a = np.full((2, 2, margins.size), -1.0)
    a[0, 0], a[1, 0] = np.maximum(margins, 1e-3), np.maximum(margins, 1e-3) - margins
    geometry, ones = TwoPointGeometry.of(Dataset([1.0, -1.0], [1, -1])), np.ones
    counts, trials = ones((1, margins.size), np.int64), np.arange(margins.size)
    given = a, 0 * a, 0 * margins, counts, np.zeros_like(trials), trials
    received = advance.advance_by_kernel(*given, gram=geometry.gram, step_size=1.0).received[0, 0]
    exact = a[0, 0] - np.maximum(a[1, 0], 0)  # the margin as float64 has it
    for found, m in zip(received, exact, strict=True):
        with localcontext(prec=40):
            known = (-Decimal(float(m))).exp()
            if known > Decimal(float(np.finfo(float).max)):
                assert found == np.inf
            else:
                ulp = max(known / 2**52, Decimal(2.0**-1074))
                assert abs(Decimal(float(found)) - known) <= ulp
