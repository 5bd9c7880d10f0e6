"""What each neuron gives to the constant of a law."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from latephase.core import Law
from latephase.core.arrays import Floats
from latephase.late.modes.dynamics import lengths

from .curve import Curve, gains_at, margin_or_nan, rounding_on_line

_SUM = 1e-6  # of the parts' sizes, up to which their sum must be the constant
_NEAR = 1e-3  # of the e at which the offset is as long as the direction: the run is that late
_STEP = 1e-2  # of e, by which a neuron's share of the offset is varied there
_ROUNDED = 2.0**-48  # of margins and inputs: the differences of margins


def constant_parts(curve: Curve, law: Law, log_t: float = 1.0) -> Floats:
    """The part (m,) of each neuron in law.constant, to which they add up; NaN where they do not.

    log_t: ln of the time at which the offset was read off, from which its rounding follows: parts
    that add up to a constant of 0 do so up to that.

    Its null part moves the zero, and so does by how much it is ahead of the others or behind: on
    the line -v_j gain_j (rest_j . (x*, 1)) / N'(x*), where rest is the offset less its component
    along the direction, which moves the clock alone, ln t + const.  Of a margin, its derivative
    along the rest of that neuron alone, late in the run, where one point is nearest; they do not
    add up where the nearest zero is on a kink for ever.
    Rigour: as the law's.
    """
    along = curve.direction / lengths(curve.direction.ravel())
    curve = replace(curve, offset=curve.offset - np.vdot(curve.offset, along) * along)
    if law.limit_boundary is not None:
        weighted, point, _ = gains_at(curve, law.limit_boundary)
        parts = -weighted * (curve.offset @ point) / float((weighted @ curve.direction)[0])
        doubt = rounding_on_line(curve, law.limit_boundary, log_t)
    elif curve.smooth is not None:
        parts, doubt = curve.smooth.parts(curve.offset), curve.slope[1]
        others = [np.abs(one.parts(curve.offset) - parts) for one in curve.tied[1:]]
        if others and np.max(others) > max(_SUM * float(np.abs(parts).max()), doubt):
            return np.full(len(parts), np.nan)  # each as near as the other, for ever
    else:
        e = _NEAR * curve.scale
        coarse, middle, fine = (_slopes(curve, e / k) for k in (1, 2, 4))
        parts = (coarse - 6 * middle + 8 * fine) / 3  # Richardson: without e and e^2
        size = float(np.abs(curve.data.inputs).max())
        doubt = curve.slope[1] + _ROUNDED * size / (_STEP * e)
    off = abs(float(parts.sum()) - law.constant)
    added = off <= max(_SUM * float(np.abs(parts).sum()), doubt if law.constant == 0 else 0.0)
    shown = np.where(np.abs(parts) > doubt, parts, 0.0)
    return shown if added else np.full(len(parts), np.nan)


def _slopes(curve: Curve, e: float) -> Floats:
    """The derivatives (m,) of the margin at e along the offset of each neuron."""
    theta, step = curve.direction + curve.offset * e, _STEP * e
    found = np.zeros(len(theta))
    for j in np.flatnonzero(curve.offset.any(axis=1)):
        moved = np.zeros_like(theta)
        moved[j] = step * curve.offset[j]
        ends = (
            margin_or_nan(curve.network.with_parameters(t), curve.data)
            for t in (theta + moved, theta - moved)
        )
        above, below = ends
        found[j] = (above - below) / (2 * step)
    return found
