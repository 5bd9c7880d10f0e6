"""Bases and projections of a mode in float64, accurate row by row and column by column.

A coordinate may be 1e-10 of another one and move what decides, and so may a gradient: nothing is
found by subtraction, and what is left of a vector is judged against the size of its own entries.
(`limits.exact` projects in rational arithmetic what a run converges to; `pair.response` has closed
forms for two points.)
"""

from __future__ import annotations

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


def off_columns(g: Floats, chosen: Bools, scale: Floats) -> tuple[Floats, Bools]:
    """g (k, n) off the span of its `chosen` columns (n,), and which columns something is left of.

    scale (k,): sizes of the rows, against which it is decided that nothing is left.
    """
    if not chosen.any():
        return g, np.asarray(g.any(axis=0))
    lengths = np.linalg.norm(g / scale[:, None], axis=0)
    taken, off = g[:, chosen], g
    taken = taken[:, taken.any(axis=0)]
    if taken.size:
        basis, _ = complement(taken / np.linalg.norm(taken, axis=0), scale)
        off = basis @ (basis.T @ g)
    return off, ~chosen & (np.linalg.norm(off / scale[:, None], axis=0) > DEPENDENT * lengths)


def spanned(g: Floats) -> tuple[Floats, Floats]:
    """An orthonormal basis (k, r) of the span of g (k, c), and g in it (r, c); rows of g that are 0
    are exactly 0 in the basis too, where rounding would set them off."""
    moved = g.any(axis=1)
    wide = g.shape[1] >= moved.sum()  # then every direction is one of motion
    inner, inside = (np.eye(moved.sum()), g[moved]) if wide else _orthogonal(g[moved])
    if moved.all():
        return inner, inside
    basis = np.zeros((len(g), inner.shape[1]))
    basis[moved] = inner
    return basis, inside


def _orthogonal(g: Floats) -> tuple[Floats, Floats]:
    """A basis of the columns of g (k, c), orthonormal up to rounding times their condition, and g
    in it: by Cholesky's factor of the Gram matrix where that is regular, at a third of the time.

    Columns may be of any sizes (output weights of 1 and 1e-8). Where rows are, reflections of
    sorted rows and columns keep the digits of the small ones.
    """
    from scipy.linalg import qr
    from scipy.linalg.blas import dtrsm

    lengths = np.linalg.norm(g, axis=0)
    scaled = g / lengths
    try:
        factor = np.linalg.cholesky(scaled.T @ scaled).T
        ends = np.abs(np.diag(factor))
        if ends.min() >= _REGULAR * ends.max():
            return np.asarray(dtrsm(1.0, factor, scaled, side=1)), np.asarray(factor * lengths)
    except np.linalg.LinAlgError:
        pass  # not positive definite: columns that nearly depend on one another
    order = np.argsort(-np.abs(g).max(axis=1), kind="stable")
    q, r, places = qr(g[order], mode="economic", pivoting=True)
    basis, inside = np.empty_like(q), np.empty_like(r)
    basis[order], inside[:, places] = q, r
    return basis, inside
