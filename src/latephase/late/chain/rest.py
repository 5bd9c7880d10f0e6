"""Whether gradient descent has come to rest: points that no parameters of a mode fit hold one
another at an interior minimum, to which the steps contract.

Inside a pattern the loss is convex in the margins. With F = step size * pull and D = diag(-F') a
step near its minimum has Jacobian I - H, H = P D P^T, and the minimum lies a Newton step H^-1 P F
away. Steps contract to it if no eigenvalue of H reaches 2; rounding is then forgotten as fast as
the start, and what is left of it is that of the minimum itself. Source: docs/theory.md, "Any
shallow network".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from latephase.core.arrays import Bools, Floats
from latephase.late.modes.dynamics import lengths
from latephase.late.modes.linear_algebra import DEPENDENT
from latephase.late.modes.mode import Mode
from latephase.late.modes.modified import Speed

_NEAR = 1e-6  # of the rate of relaxation: a faster motion is not asked about
_WEIGHTY = 2.0**-40  # of the largest force: points that pull with less do not move a minimum
_UNIT_ROUNDOFF = 2.0**-53
_ULPS = 64.0  # by which the margins at a minimum may be off for the rounding of its forces
_CLEAR = 4.0  # times the way left that a pair keeps from its kink


@dataclass(frozen=True)
class Rest:
    """A minimum next to where a run stands: theta (m, k), the points (n,) that hold one another
    there, and how far from it neurons (m,) still are, rounding of its forces included."""

    theta: Floats
    resting: Bools
    way: Floats


def contracts(mode: Mode, speed: Speed) -> bool:
    """Whether steps contract in every direction of a mode: no step is 2 / curvature or longer."""
    if speed.log_rate < math.log(2.0):  # a bound of what is asked for
        return True
    pulls, bend, log_unit = _forces(mode)
    curvatures = np.linalg.eigvalsh((mode.pull * (pulls * bend)) @ mode.pull.T)
    return bool(curvatures[-1] * math.exp(log_unit) < 2.0)


def rest_of(mode: Mode, speed: Speed, log_tolerance: float) -> Rest | None:
    """The minimum that a mode has come to, up to exp(log_tolerance) in its margins or to what
    rounding leaves of them; None if it is not there, if it is about to leave its pattern, or where
    steps would leave the minimum."""
    if mode.sliding or not mode.live.size:
        return None
    if not speed.log_move <= speed.log_rate + math.log(_NEAR) or not contracts(mode, speed):
        return None
    pulls, bend, _ = _forces(mode)
    forces = pulls * np.sqrt(mode.gram.diagonal())
    weighty = forces > _WEIGHTY * forces.max()
    p, f = mode.pull[:, weighty], pulls[weighty]
    newton = _newton(p, f * bend[weighty])
    step = newton @ f
    dynamics, live = mode.dynamics, mode.live[weighty]
    terms = np.abs(dynamics.output_weights) @ dynamics.terms(mode.theta)
    unsure = f * (1 + terms[live]) * (_ULPS * _UNIT_ROUNDOFF)
    allowed = np.maximum(np.abs(p.T @ newton) @ unsure, math.exp(log_tolerance))
    if not (np.abs(step @ p) <= allowed).all():
        return None
    theta = mode.parameters(step)
    a, moved = dynamics.preactivations(mode.theta), dynamics.preactivations(theta - mode.theta)
    if dynamics.bends and (np.abs(a) < _CLEAR * np.abs(moved)).any():
        return None
    resting = mode.resting.copy()
    resting[live] = True
    unseen = (np.abs(mode.basis @ newton) @ unsure).reshape(theta.shape)
    return Rest(theta, resting, lengths(theta - mode.theta) + lengths(unseen))


def _forces(mode: Mode) -> tuple[Floats, Floats, float]:
    """F in units of the largest, -F' / F (L,), and ln of the unit of the curvatures."""
    margins = mode.margins[mode.live]
    log = mode.dynamics.log_pull(margins)
    bend, _ = mode.dynamics.loss.slopes(margins)
    return np.exp(log - log.max()), np.asarray(bend), float(log.max() + mode.log_drive)


def _newton(p: Floats, weights: Floats) -> Floats:
    """H^-1 P (r, L) on the span of the pulls p (r, L) with H = P diag(weights) P^T, from singular
    values of P D^(1/2): those of H would have lost half of the digits."""
    roots = np.sqrt(weights)
    left, values, right = np.linalg.svd(p * roots, full_matrices=False)
    kept = values > DEPENDENT * values.max(initial=0.0)
    return np.asarray((left[:, kept] / values[kept]) @ (right[kept] / roots))
