"""The nearest point of a polyhedron, by Lawson and Hanson's least-distance programming."""

from __future__ import annotations

import numpy as np

from .lines import Array

_EMPTY = 1e-11  # residual of the non-negative least squares at which the polyhedron counts as empty


def nearest(normals: Array, offsets: Array) -> Array | None:
    """argmin |u| subject to normals @ u >= offsets, (d,); None if nothing satisfies them.

    normals (k, d) of length 1, offsets (k,) of order 1.  Rigour: exact active set; error about
    1e-14 times the condition of the active normals.  Source: [lawsonhanson1995, Chapter 23].
    """
    from scipy.optimize import nnls  # slow to import, and needed here only

    if (offsets <= 0).all():
        return np.zeros(normals.shape[1])
    system = np.vstack([normals.T, offsets])
    target = np.zeros(len(system))
    target[-1] = 1.0
    try:
        weights, residual = nnls(system, target, maxiter=50 * len(offsets))
    except RuntimeError:  # cycling between nearly parallel walls
        return None
    if residual < _EMPTY:
        return None
    rest = system @ weights - target
    u = -rest[:-1] / rest[-1]
    return _polished(normals, offsets, weights > 0, u)


def _polished(normals: Array, offsets: Array, active: Array, u: Array) -> Array:
    """u put exactly on its active walls, where that stays inside the others."""
    exact = np.linalg.lstsq(normals[active], offsets[active], rcond=None)[0]
    close = np.linalg.norm(exact - u) <= 1e-6 * (1 + np.linalg.norm(u))
    return exact if close and (normals @ exact - offsets > -1e-12).all() else u
