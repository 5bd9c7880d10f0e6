"""Integrals over boxes: bounds of each box, and finer boxes where they are far apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from latephase.core.arrays import Floats

Evaluate = Callable[[Floats, Floats], tuple[Floats, Floats]]
SHARE = 0.75  # of the undecided mass that is cut in each round
BATCH = 1 << 14  # boxes at once: they stay in the cache
FIRST = 1 << 10
LENGTH = 0.1  # how much the length of a side counts beside what cutting it decides


def integrated(
    evaluate: Evaluate, lower: Sequence[float], upper: Sequence[float], wanted: float, most: int
) -> tuple[Floats, Floats]:
    """(lower, upper) bounds of k integrals over the box between lower and upper, (k,) each.

    evaluate  boxes (d, n), (d, n) -> bounds (k, n), (k, n) of their parts of the integrals, >= 0
    wanted    it stops once no upper bound exceeds its lower one by more than that ...
    most      ... or once it has evaluated that many boxes: what is undecided shows in the bounds
    """
    corners = np.array([lower, upper], dtype=np.float64)[:, :, None]
    while corners.shape[2] < FIRST:
        corners = np.concatenate(
            _halves(corners, np.argmax(corners[1] - corners[0], axis=0)), axis=2
        )
    found, count = _in_batches(evaluate, corners), corners.shape[2]
    while count < most:
        gaps = found[1] - found[0]
        if np.max(np.sum(gaps, axis=1)) <= wanted:
            break
        gap = np.sum(gaps, axis=0)
        order = np.argsort(-gap, kind="stable")
        held = np.cumsum(gap[order])
        cut, kept = np.split(order, [1 + int(np.searchsorted(held, SHARE * held[-1]))])
        count += 2 * corners.shape[1] * len(cut)
        finer, bounds = _best_cut(evaluate, corners[..., cut], gap[cut])
        corners = np.concatenate([corners[..., kept], finer], axis=2)
        found = np.concatenate([found[..., kept], bounds], axis=2)
    slack = found.shape[2] * 2.0**-52  # of sums of n numbers >= 0
    return np.sum(found[0], axis=1) * (1 - slack), np.sum(found[1], axis=1) * (1 + slack)


def _best_cut(evaluate: Evaluate, corners: Floats, gap: Floats) -> tuple[Floats, Floats]:
    """The halves (2, d, 2 n) of each of n boxes, across the side where that decides most, and their
    bounds (2, k, 2 n)."""
    _, d, n = corners.shape
    halves = [_halves(corners, np.full(n, side)) for side in range(d)]
    tried = np.stack([np.stack(pair, axis=2) for pair in halves], axis=2)  # (2, d, side, half, n)
    bounds = _in_batches(evaluate, tried.reshape(2, d, -1))
    bounds = bounds.reshape(2, -1, d, 2, n)
    left = np.sum(bounds[1] - bounds[0], axis=(0, 2)) / gap  # (side, n)
    lengths = corners[1] - corners[0]
    side = np.argmin(left - LENGTH * lengths / np.max(lengths, axis=0), axis=0)
    chosen = (part[:, :, side, :, np.arange(n)] for part in (tried, bounds))  # (n, 2, ., half)
    finer, better = (np.moveaxis(part, 0, -1) for part in chosen)
    return finer.reshape(2, d, -1), better.reshape(2, better.shape[1], -1)


def _halves(corners: Floats, side: Floats) -> tuple[Floats, Floats]:
    """The two halves of each box (2, d, n), cut across a side of each, (n,)."""
    places = np.arange(corners.shape[2])
    middle = (corners[0, side, places] + corners[1, side, places]) / 2
    first, second = corners.copy(), corners.copy()
    first[1, side, places] = second[0, side, places] = middle
    return first, second


def _in_batches(evaluate: Evaluate, corners: Floats) -> Floats:
    """Bounds (2, k, n) of the boxes (2, d, n)."""
    parts = (corners[..., i : i + BATCH] for i in range(0, corners.shape[2], BATCH))
    return np.concatenate([np.stack(evaluate(*part)) for part in parts], axis=2)
