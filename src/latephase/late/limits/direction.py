"""Where a mode leads: the direction of largest margin, and the points that support it.

Training in a mode converges in direction to the theta of least length with all <g_i, theta> >= 1
([soudry2018, Theorem 3]).  Arrays in, arrays out: theta is (m, d + 1), a row (w_j, b_j) per neuron.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from latephase.core.arrays import Bools, Floats
from latephase.core.nonnegative import nonnegative_least_squares

from .exact import Vector, combined, dot, is_small, least_distance, rational, rounded
from .gradients import SEPARATED, span_basis

TIGHT = 1e-9  # a margin within this of 1 counts as 1, a multiplier below this share as 0
_SWEEPS = 4


class Exact(NamedTuple):
    """rows (n, m (d + 1)): gradients;  theta (m (d + 1),);  multipliers (n,)."""

    rows: list[Vector]
    theta: Vector
    multipliers: Vector


@dataclass(frozen=True)
class Direction:
    """The solution of min |theta|^2 / 2 subject to <g_i, theta> >= 1 for all i.

    theta (m, d + 1) = sum_i multipliers_i g_i;  multipliers (n,), exactly 0 off the support;
    margins (n,): <g_i, theta>;  support (n,): the points whose losses keep pace with 1/t.
    unique: whether the constraints that are tight have independent gradients, so that no other
    multipliers give theta;  degenerate: whether some tight constraint has multiplier 0 in all of
    them, which adds terms of order ln ln t to the path.
    exact: the gradients, theta and multipliers in rational arithmetic, if it was found there.
    """

    theta: Floats
    multipliers: Floats
    margins: Floats
    support: Bools
    unique: bool
    degenerate: bool
    exact: Exact | None = None


def largest_margin(gradients: Floats, rows: list[Vector] | None = None) -> Direction | None:
    """The direction of largest margin for gradients (n, m, d + 1); None if they do not separate.

    rows: the gradients as fractions, where they are not floats.  Rigour: exact, in rational
    arithmetic, where points are few (`exact.is_small`).  Else an active set, then a
    least-squares solution on it, whose error is that of float64 times the condition of the support,
    and None if the margin is below SEPARATED of the longest gradient.
    Source: least-distance programming [lawsonhanson1995, Chapter 23].
    """
    flat = gradients.reshape(len(gradients), -1)
    exact = None
    if is_small(flat):
        rows = rows or rational(flat)
        found = least_distance(rows)
        if found is None:
            return None
        exact = Exact(rows, combined(found, rows), found)
        multipliers, theta = rounded(exact.multipliers), rounded(exact.theta)
        margins = rounded([dot(row, exact.theta) for row in rows])
    else:
        weights = _least_distance(np.asarray(np.linalg.qr(flat.T, mode="r")))
        if weights is None:
            return None
        multipliers = _polished(flat, weights)
        theta = multipliers @ flat
        margins = flat @ theta
    tight = (multipliers > 0) | (margins <= 1 + TIGHT)
    unique = bool((tight == (multipliers > 0)).all()) or bool(_rank(flat[tight]) == tight.sum())
    support = multipliers > 0 if unique else _strict_support(flat, theta, tight)
    degenerate = bool((support != tight).any())
    shape = gradients.shape[1:]
    exact = exact if unique else None
    return Direction(theta.reshape(shape), multipliers, margins, support, unique, degenerate, exact)


def _least_distance(columns: Floats) -> Floats | None:
    """Multipliers (n,) of the least-distance problem of columns (k, n), or None.

    Non-negative least squares, and no general solver of quadratic programs: it finds the support
    itself exactly, in finitely many steps, where an interior-point method has multipliers of 1e-8
    off the support whose logarithms would enter the offset.  It needs no further dependency either.
    """
    n = columns.shape[1]
    longest = float(np.linalg.norm(columns, axis=0).max())
    scale, unit = longest, np.append(np.zeros(len(columns)), 1.0)
    for _ in range(_SWEEPS):
        if not scale > SEPARATED * longest:
            return None
        system = np.vstack([columns / scale, np.ones(n)])
        weights, residual = nonnegative_least_squares(system, unit)
        margin = scale * residual / np.sqrt(max(1 - residual**2, 1e-300))
        # Its tolerance is relative to 1: the answer is sharp where the margin is about 1 too.
        if 0.5 < margin / scale < 2:
            break
        scale = margin
    multipliers: Floats = weights / max(1 - weights.sum(), 1e-300) / scale**2
    return multipliers if margin > SEPARATED * longest else None


def _polished(flat: Floats, multipliers: Floats) -> Floats:
    """Multipliers that put the margins on their support at 1 to rounding, if all stay positive."""
    strength = multipliers * (flat**2).sum(axis=1)
    support = strength > TIGHT * strength.max()
    theta = np.linalg.lstsq(flat[support], np.ones(support.sum()), rcond=None)[0]
    polished = np.zeros(len(flat))
    polished[support] = np.linalg.lstsq(flat[support].T, theta, rcond=None)[0]
    good = polished[support].min() > 0 and (flat @ (polished @ flat)).min() > 1 - TIGHT
    return polished if good else multipliers


def _rank(rows: Floats) -> int:
    """Rank of rows (k, p), whatever their lengths."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return int(np.linalg.matrix_rank(rows / lengths, tol=SEPARATED * len(rows)))


def _strict_support(flat: Floats, theta: Floats, tight: Bools) -> Bools:
    """The points (n,) that have a positive multiplier in some representation of theta.

    Among multipliers of c theta, c >= 1, as many as possible are made at least 1.
    """
    rows = flat[tight]
    basis = span_basis(rows)
    support = np.zeros(len(flat), bool)
    support[tight] = _positive((rows @ basis).T, -(theta @ basis)[:, None])
    return support


def _positive(columns: Floats, others: Floats) -> Bools:
    """Which multipliers (k,) of columns (r, k) that cancel others (r, l) times c >= 1 are positive,
    where as many as possible are at least 1: a linear program."""
    from scipy.optimize import linprog

    (r, k), more = columns.shape, others.shape[1]
    found = linprog(
        np.concatenate([np.zeros(k), -np.ones(k), np.zeros(more)]),
        A_ub=np.hstack([-np.eye(k), np.eye(k), np.zeros((k, more))]),
        b_ub=np.zeros(k),
        A_eq=np.hstack([columns, np.zeros((r, k)), others]),
        b_eq=np.zeros(r),
        bounds=[(0, None)] * k + [(0, 1)] * k + [(1, None)] * more,
    )
    return np.asarray(found.x[k : 2 * k] > 0.5)


def not_separated(gradients: Floats) -> Bools:
    """The points (n,) whose margins no theta makes positive while all stay non-negative.

    By Motzkin's alternative they are those with a positive multiplier in some sum_i multiplier_i
    g_i = 0.
    """
    flat = gradients.reshape(len(gradients), -1)
    lengths = np.linalg.norm(flat, axis=1)
    moving = lengths > 0
    stuck = ~moving
    if moving.any():
        rows = flat[moving] / lengths[moving, None]
        stuck[moving] = _positive(rows.T, np.zeros((flat.shape[1], 0)))
    return stuck
