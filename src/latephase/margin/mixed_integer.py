"""The distance to the zero set in the norms 1 and inf, as a mixed-integer linear program.

One binary for each neuron that may switch within reach, with bounds from the box in which a zero is
known to lie; solved by HiGHS to a relative gap of 1e-9.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .lines import Array

_GAP = 1e-9
_NEGLIGIBLE = 2e-9


def nearest_zero(w: Array, b: Array, outer: Array, x: Array, upper: float, p: float) -> float:
    """Distance in the norm p (1 or inf) from x (d,), where N > 0, to {N <= 0}.

    w (m, d), b (m,), outer (m,);  upper: a distance at which such a point is known.
    Rigour: exact to the solver's tolerances, about 1e-7 relative.
    """
    import highspy  # slow to import, and needed here only

    if not math.isfinite(upper):
        upper = _far(w, b, x)
    model = highspy.Highs()
    model.setOptionValue("output_flag", False)
    model.setOptionValue("mip_rel_gap", _GAP)
    model.setOptionValue("mip_abs_gap", 0.0)
    model.setOptionValue("mip_feasibility_tolerance", 1e-9)
    model.setOptionValue("primal_feasibility_tolerance", 1e-10)
    moves = [model.addVariable(lb=-1.0, ub=1.0) for _ in x]  # in units of upper
    radius = _radius(model, moves, p)
    rows, heights = w * upper, w @ x + b
    sizes = np.abs(rows).max(axis=1) + np.abs(heights)
    sizes = np.where(sizes > 0, sizes, 1.0)
    outputs = _neurons(model, moves, rows / sizes[:, None], heights / sizes, p)
    gains = outer * sizes
    gains = gains / np.abs(gains).max()
    model.addConstr(_line(model, gains, outputs) <= 0)
    model.minimize(radius)
    if model.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return math.inf
    return float(model.getInfo().objective_function_value) * upper


def _far(w: Array, b: Array, x: Array) -> float:
    """A thousand times the reach of the kinks: without a zero there a net counts as having none."""
    lengths = np.linalg.norm(w, axis=1)
    some = lengths > 0
    reach = np.abs(w[some] @ x + b[some]) / lengths[some]
    return 1e3 * float(reach.max(initial=1.0))


def _radius(model: Any, moves: list[Any], p: float) -> Any:
    """A variable that is at least the norm of the move."""
    radius = model.addVariable(lb=0.0, ub=1.0)
    if p == math.inf:
        for move in moves:
            model.addConstr(radius - move >= 0)
            model.addConstr(radius + move >= 0)
        return radius
    sizes = [model.addVariable(lb=0.0, ub=1.0) for _ in moves]
    for size, move in zip(sizes, moves, strict=True):
        model.addConstr(size - move >= 0)
        model.addConstr(size + move >= 0)
    model.addConstr(radius - _line(model, np.ones(len(sizes)), sizes) >= 0)
    return radius


def _neurons(model: Any, moves: list[Any], w: Array, heights: Array, p: float) -> list[Any]:
    """relu(w_j u + height_j) for moves u in the unit ball of the norm p, divided by its largest
    value where that is positive: expressions in the model's variables."""
    reach = np.linalg.norm(w, ord=1 if p == math.inf else math.inf, axis=1)
    outputs: list[Any] = []
    for row, height, span in zip(w, heights, reach, strict=True):
        low, high = height - span, height + span
        line = _line(model, row, moves) + float(height)
        if high <= _NEGLIGIBLE:
            outputs.append(model.expr(0.0))
        elif low >= -_NEGLIGIBLE:
            outputs.append(line)
        else:
            on, out = model.addBinary(), model.addVariable(lb=0.0, ub=float(high))
            model.addConstr(out - line >= 0)
            model.addConstr(out - line - float(low) * on <= -float(low))
            model.addConstr(out - float(high) * on <= 0)
            outputs.append(out)
    return outputs


def _line(model: Any, row: Array, terms: list[Any]) -> Any:
    """row . terms without coefficients that the solver would drop, with a warning, as rounding."""
    total = model.expr(0.0)
    for coefficient, term in zip(row, terms, strict=True):
        if abs(coefficient) > _NEGLIGIBLE:
            total = total + float(coefficient) * term
    return total
