"""The second order of a mode: theta(t) = direction * ln t + offset + o(1).

On the support the losses keep pace with 1/t, which fixes the offset in the span of its gradients:
multiplier_i = step * exp(-<g_i, offset>).  Across that span only points with margins above 1 still
move theta, and their moves add up to a finite sum.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from latephase.core.arrays import Floats
from latephase.late.modes.dynamics import lengths

from .direction import Direction, Exact
from .exact import Vector, dot, in_span, off_rows, rational, rounded, slowest
from .gradients import SEPARATED, span_basis

_NEWTON_STEPS = 200


class Offset(NamedTuple):
    """theta (m, d + 1): the offset;  multipliers (n,): those of the direction that training has.

    error: how far theta still has to move across the span of the support by the estimate, which
    bounds what that is wrong by as long as it is right in size.
    """

    theta: Floats
    multipliers: Floats
    error: float


def offset(
    gradients: Floats, direction: Direction, theta: Floats, log_t: float, log_step: float
) -> Offset:
    """The offset of a mode whose parameters are theta (m, d + 1) at time t, and its multipliers.

    gradients (n, m, d + 1), direction: see `limit_direction`;  log_t: ln of the time;  log_step: ln
    of the step size, 0 for gradient flow.  Rigour: the part in the span of the support is exact;
    the rest is estimated, read off theta with the moves still to come added to leading order: the
    error is of the order of those moves times how far theta is from its asymptotic path.
    Source: [soudry2018, Theorem 4], carried over to modes.
    """
    flat = gradients.reshape(len(gradients), -1)
    within, multipliers = _within_span(flat[direction.support], direction, log_step)
    moves = _across(flat, direction, _still_to_come(flat, direction, theta, log_t, log_step))
    rest = _across(flat, direction, theta.ravel()) + moves
    full = np.zeros(len(flat))
    full[direction.support] = multipliers
    return Offset((within + rest).reshape(theta.shape), full, float(lengths(moves)))


def _across(flat: Floats, direction: Direction, vector: Floats) -> Floats:
    """vector (p,) less its component in the span of the support's rows of flat (n, p)."""
    if direction.exact is not None:
        return rounded(off_rows(rational(vector[None])[0], _support(direction, direction.exact)))
    rows = flat[direction.support]
    return np.asarray(vector - np.linalg.lstsq(rows.T, vector, rcond=None)[0] @ rows)


def _support(direction: Direction, exact: Exact) -> list[Vector]:
    return [exact.rows[i] for i in np.flatnonzero(direction.support)]


def images(direction: Direction, flat: Floats, vector: Floats) -> Floats:
    """<g_i, vector> (n,), rounded once where gradients are few: far from the origin they cancel."""
    if direction.exact is None:
        return np.asarray(flat @ vector)
    (fractions,) = rational(vector[None])
    return rounded([dot(row, fractions) for row in direction.exact.rows])


def _still_to_come(
    flat: Floats, direction: Direction, theta: Floats, log_t: float, log_step: float
) -> Floats:
    """What points of margin s > 1 add to theta (p,) after t: step l_i t / (s_i - 1) each."""
    slack = direction.margins - 1
    late = ~direction.support & (slack > 1e-9)
    margins = images(direction, flat, theta.ravel())
    logs = log_step + log_t - margins[late] - np.log(slack[late])
    # Beyond 1 the estimate says no more than that theta has not come near its limit yet.
    return np.asarray(np.exp(np.minimum(logs, 0.0)) @ flat[late])


def convergence_rate(gradients: Floats, direction: Direction, multipliers: Floats) -> float:
    """The exponent k of theta(t) - direction * ln t - offset = O(t^-k), up to powers of ln t.

    The smallest of 1, the eigenvalues of the Gram matrix of the support weighted by its multipliers
    (deviations of margins from ln t obey delta' = -Gram diag(multipliers) delta in ln t), and the
    s - 1 of the other points.  0 if degenerate.  Rigour: exact, for gradient flow; numerical for
    gradient descent on slides.
    """
    if direction.degenerate:
        return 0.0
    flat = gradients.reshape(len(gradients), -1)
    support = direction.support
    slack = (direction.margins - 1)[~support]
    if direction.exact is not None:
        stiffness = slowest(_support(direction, direction.exact), multipliers[support])
    else:
        rows = flat[support] * np.sqrt(multipliers[support])[:, None]
        sizes = np.linalg.svd(rows, compute_uv=False)
        stiffness = float((sizes[sizes > SEPARATED * sizes.max()] ** 2).min())
    return float(min(1.0, stiffness, slack.min(initial=1.0)))


def _within_span(rows: Floats, direction: Direction, log_step: float) -> tuple[Floats, Floats]:
    """The offset (p,) in the span of the support's gradients (k, p), and the multipliers (k,)."""
    if direction.unique:
        multipliers = direction.multipliers[direction.support]
        margins = log_step - np.log(multipliers)
        if direction.exact is not None:
            (heights,) = rational(margins[None])
            return rounded(in_span(_support(direction, direction.exact), heights)), multipliers
        within = np.linalg.lstsq(rows, margins, rcond=None)[0]
        return np.asarray(within, np.float64), multipliers
    basis = span_basis(rows)
    coordinates = _balance(rows @ basis, direction.theta.ravel() @ basis, log_step)
    return basis @ coordinates, np.exp(log_step - rows @ (basis @ coordinates))


def _balance(rows: Floats, target: Floats, log_step: float) -> Floats:
    """Minimise step * sum_i exp(-<row_i, c>) + <target, c> over c (r,): damped Newton steps.

    Strictly convex with a minimum where all rows (k, r) support the target (r,): its gradient says
    sum_i multiplier_i row_i = target.
    """
    start = log_step + np.log((rows**2).sum(axis=1))  # multipliers 1 / |row|^2
    c = np.linalg.lstsq(rows, start, rcond=None)[0]
    for _ in range(_NEWTON_STEPS):
        weights = np.exp(log_step - rows @ c)
        slope = target - weights @ rows
        move = -np.linalg.lstsq((rows.T * weights) @ rows, slope, rcond=None)[0]
        # Exponentials change by at most e per step; full steps near the minimum.
        move /= max(1.0, float(np.abs(rows @ move).max()))
        c = c + move
        if np.abs(rows @ move).max() < 1e-14:
            break
    return np.asarray(c)
