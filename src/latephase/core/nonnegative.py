"""Non-negative least squares, by SciPy, with what keeps it from ending the interpreter."""

from __future__ import annotations

import math

import numpy as np

from latephase.core.arrays import Floats


def nonnegative_least_squares(matrix: Floats, target: Floats) -> tuple[Floats, float]:
    """The x (n,) >= 0 of least |matrix x - target|, and that distance.

    matrix (m, n), target (m,), finite.  The active set method of [lawsonhanson1995, Chapter 23];
    rigour: that of float64 where columns are parallel but for rounding, as neurons and points of
    late phases are.

    On some of those `scipy.optimize.nnls` (1.16 and 1.17 at least) takes away all columns that it
    has chosen, and does not notice: it goes on to write in front of its memory.  So there is one
    more column here, in a row of its own, which is chosen first and never taken away.  And where
    it goes round in circles bounded-variable least squares, which takes longer, does not.
    """
    from scipy.optimize import lsq_linear, nnls  # slow to import, and needed by few

    m, n = matrix.shape
    guarded, aim = np.zeros((m + 1, n + 1)), np.empty(m + 1)
    guarded[1:, 1:], aim[1:] = matrix, target
    # Its pull is the square of this, more than that of any other column.
    guarded[0, 0] = aim[0] = math.sqrt(2 * max(float((target @ matrix).max(initial=0.0)), 1e-300))
    try:
        x, distance = nnls(guarded, aim, maxiter=50 * (n + 1))
        return x[1:], float(distance)
    except RuntimeError:
        found = lsq_linear(matrix, target, (0, np.inf), method="bvls", tol=1e-15)
        return found.x, math.sqrt(2 * found.cost)
