"""The nearest point of a polyhedron and the multipliers of its walls, in float64.

What `exact/pivoting.py` does in integers, which is where doubts go: rounding makes other choices
of a pivot the better ones here, and lets a tableau go round in circles.
"""

from __future__ import annotations

import numpy as np

from latephase.core.arrays import Floats
from latephase.core.nonnegative import nonnegative_least_squares
from latephase.margin.exact.pivoting import linear_program

_PIVOTS = 200  # after which a linear program goes round in circles of rounding


def nearest(normals: Floats, offsets: Floats, p: float) -> tuple[Floats | None, Floats | None]:
    """Multipliers (k,) >= 0 and argmin (d,) of |u|_p subject to normals @ u >= offsets.

    normals (k, d), offsets (k,).  Where nothing satisfies them there is no argmin and the
    multipliers say why: normals' multipliers is 0, offsets . multipliers is not.  None where
    rounding takes a simplex over.  Rigour: none; weak duality makes the multipliers a lower bound.
    """
    if (offsets <= 0).all():
        return np.zeros(len(offsets)), np.zeros(normals.shape[1])
    return _in_two_norm(normals, offsets) if p == 2 else _by_simplex(normals, offsets, p)


def _in_two_norm(normals: Floats, offsets: Floats) -> tuple[Floats | None, Floats | None]:
    """Least-distance programming [lawsonhanson1995, Chapter 23]."""
    scale = float(offsets.max())
    system = np.vstack([normals.T, offsets / scale])
    target = np.zeros(len(system))
    target[-1] = 1.0
    weights, _ = nonnegative_least_squares(system, target)
    rest = system @ weights - target
    if not -rest[-1] > 1e-14:
        return weights, None
    active = weights > 0
    point = np.asarray(np.linalg.lstsq(normals[active], offsets[active], rcond=None)[0])
    return weights, point


def _by_simplex(normals: Floats, offsets: Floats, p: float) -> tuple[Floats | None, Floats | None]:
    """The dual simplex method, largest violation first."""
    rows, right, cost = linear_program(normals, offsets, p)
    size, width = rows.shape
    table = np.vstack([np.column_stack([rows, -right]), np.append(cost, 0.0)])
    basis, others = np.arange(size), np.arange(size, size + width)
    slack = 1e-13 * float(np.abs(right).max())
    multipliers, z = np.zeros(size + width), np.zeros(size + width)
    for _ in range(_PIVOTS):
        r = int(table[:-1, -1].argmin())
        if table[r, -1] >= -slack:
            multipliers[others] = np.maximum(table[-1, :-1], 0.0)
            z[basis] = table[:-1, -1]
            z = z[size:]
            point = z[: width // 2] - z[width // 2 :] if p == 1 else z[:-1] - z[-1]
            return multipliers[: len(offsets)], point
        rising = table[r, :-1] > 1e-13
        if not rising.any():
            multipliers[others] = np.maximum(-table[r, :-1], 0.0)
            if basis[r] < size:
                multipliers[basis[r]] = 1.0
            return multipliers[: len(offsets)], None
        with np.errstate(divide="ignore", invalid="ignore"):
            s = int(np.where(rising, table[-1, :-1] / table[r, :-1], np.inf).argmin())
        column, row, pivot = table[:, s].copy(), table[r].copy(), table[r, s]
        table -= np.outer(column, row / pivot)
        table[r], table[:, s], table[r, s] = -row / pivot, column / pivot, 1.0 / pivot
        basis[r], others[s] = others[s], basis[r]
    return None, None
