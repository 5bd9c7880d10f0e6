"""Bases and projections of a mode in float64, accurate row by row and column by column.

A coordinate may be 1e-10 of another one and move what decides, and so may a gradient: nothing is
found by subtraction, and what is left of a vector is judged against the size of its own entries.
(`limits.exact` projects in rational arithmetic what a run converges to; `pair.response` has closed
forms for two points.)
"""

from __future__ import annotations

import math

import numpy as np

from latephase.core.arrays import Bools, Floats

DEPENDENT = 1e-9  # a direction that a projection shortens to this share is nothing but rounding
_REGULAR = 1e-3  # smallest share of a column that is new, from which a Gram matrix will do


def complement(columns: Floats, scale: Floats) -> tuple[Floats, Floats]:
    """An orthonormal basis (k, k - rank) of what is orthogonal to columns (k, c), and the
    pseudo-inverse (c, k) of these.

    scale (k,): sizes of the rows, against which the rank is decided. The basis is accurate row by
    row, however different these sizes: Householder's reflections of sorted rows and columns.
    """
    from scipy.linalg import qr

    if columns.shape[1] == 1 and columns.any():
        return _off_column(columns[:, 0], scale)
    order = np.argsort(-scale, kind="stable")
    q, r, places = qr(columns[order], pivoting=True)
    values = np.linalg.svd(columns / scale[:, None], compute_uv=False)
    rank = int((values > DEPENDENT * values.max(initial=0.0)).sum())
    top = r[:rank]
    sizes = np.abs(top).max(axis=1, initial=0.0)[:, None]
    inverse = np.empty((columns.shape[1], len(columns)))
    inverse[places] = (np.linalg.pinv(top / sizes) / sizes.T) @ q[:, :rank].T
    back = np.argsort(order)
    return q[back][:, rank:], inverse[:, back]


def _off_column(column: Floats, scale: Floats) -> tuple[Floats, Floats]:
    """The same of one column (k,) other than 0: one reflection, of the row of largest scale."""
    unit = np.abs(column).max()
    way, first = column / unit, int(scale.argmax())
    length = math.sqrt(way @ way)
    mirror = way.copy()
    mirror[first] += math.copysign(length, way[first])
    q = np.eye(len(way)) - np.outer(mirror, mirror / (length * abs(mirror[first])))
    return np.delete(q, first, axis=1), (way / length**2 / unit)[None]


def off_rows(g: Floats, chosen: Bools, scale: Floats) -> tuple[Floats, Bools]:
    """g (n, k) off the span of its `chosen` rows (n,), and which rows something is left of.

    scale (k,): sizes of the columns, against which it is decided that nothing is left.
    """
    if not chosen.any():
        return g, np.asarray(g.any(axis=1))
    lengths = np.linalg.norm(g / scale, axis=1)
    taken, off = g[chosen], g
    taken = taken[taken.any(axis=1)]
    if taken.size:
        basis, _ = complement((taken / np.linalg.norm(taken, axis=1)[:, None]).T, scale)
        off = (g @ basis) @ basis.T
    return off, ~chosen & (np.linalg.norm(off / scale, axis=1) > DEPENDENT * lengths)


def spanned(g: Floats) -> tuple[Floats, Floats | None, Floats]:
    """An orthonormal basis of the span of the rows of g (c, k), as rows (r, k), and g^T in that
    basis (r, c).

    Where g is regular the rows are its own and need a factor (r, r) to be divided by, upper
    triangular: factor^-T @ rows is the basis. It is orthonormal up to rounding times the condition.
    Rows may be of any sizes (output weights of 1 and 1e-8); where columns are, reflections of
    sorted columns and rows keep the digits of the small ones. Columns of g that are 0 are exactly 0
    in the basis too, where rounding would set them off.
    """
    if 0 < len(g) < g.shape[1]:
        factor = _regular_factor(g @ g.T)
        if factor is not None:
            return g, factor, factor
    moved = g.any(axis=0)
    if moved.sum() > len(g):
        inner, inside = _reflected(g[:, moved].T)
    else:  # every direction is one of motion
        inner, inside = np.eye(int(moved.sum())), g[:, moved].T
    basis = np.zeros((inner.shape[1], g.shape[1]))
    basis[:, moved] = inner.T
    return basis, None, inside


def _regular_factor(gram: Floats) -> Floats | None:
    """The upper triangular factor of a Gram matrix; None where it is not regular."""
    lengths = np.sqrt(gram.diagonal())
    try:
        factor = np.linalg.cholesky(gram / np.outer(lengths, lengths)).T
    except np.linalg.LinAlgError:  # not positive definite: columns that nearly depend on others
        return None
    ends = factor.diagonal()
    return np.asarray(factor * lengths) if ends.min(initial=1.0) >= _REGULAR else None


def _reflected(g: Floats) -> tuple[Floats, Floats]:
    """A basis of the columns of g (k, c), and g in it: reflections of sorted rows and columns."""
    from scipy.linalg import qr

    order = np.argsort(-np.abs(g).max(axis=1), kind="stable")
    q, r, places = qr(g[order], mode="economic", pivoting=True)
    basis, inside = np.empty_like(q), np.empty_like(r)
    basis[order], inside[:, places] = q, r
    return basis, inside
