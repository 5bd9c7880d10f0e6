"""Bases and projections of a mode in float64, accurate row by row and column by column.

A coordinate may be 1e-10 of another one and move what decides, and so may a gradient: nothing is
found by subtraction, and what is left of a vector is judged against the size of its own entries.
(`limits.exact` projects in rational arithmetic what a run converges to; `pair.response` has closed
forms for two points.)
"""

from __future__ import annotations

import math

import numpy as np

from latephase.core.arrays import Bools, Floats, Ints

DEPENDENT = 1e-9  # a direction that a projection shortens to this share is nothing but rounding
CLEAR = 1e-3 / DEPENDENT  # of columns, a condition far from that of dependent ones
INDEPENDENT = 0.05  # smallest share of a row that is new, from which that costs three digits
ROUNDING = 2.0**-49  # of its coordinates: what reflections leave of a direction that is none
_REGULAR = 1e-3  # smallest share of a column that is new, from which a Gram matrix will do


def complement(columns: Floats, scale: Floats) -> tuple[Floats, Floats]:
    """An orthonormal basis (k, k - rank) of what is orthogonal to columns (k, c), and the
    pseudo-inverse (c, k) of these.

    scale (k,): sizes of the rows, against which the rank is decided. The basis is accurate row by
    row, however different these sizes: Householder's reflections of sorted rows and columns.
    """
    count = columns.shape[1]
    if count == 1 and columns.any():
        return _off_column(columns[:, 0], scale)
    order = np.argsort(-scale, kind="stable")
    back = np.argsort(order)
    q, r, places = _pivoted(columns[order])
    if count <= len(columns) and (inverted := _clearly_regular(r[:count], scale)) is not None:
        inverse = np.empty((count, len(columns)))
        inverse[places] = inverted @ q[:, :count].T
        return q[back][:, count:], inverse[:, back]
    values = np.linalg.svd(columns / scale[:, None], compute_uv=False)
    rank = int((values > DEPENDENT * values.max(initial=0.0)).sum())
    top = r[:rank]
    sizes = np.abs(top).max(axis=1, initial=0.0)[:, None]
    inverse = np.empty((columns.shape[1], len(columns)))
    inverse[places] = (np.linalg.pinv(top / sizes) / sizes.T) @ q[:, :rank].T
    return q[back][:, rank:], inverse[:, back]


def _pivoted(columns: Floats) -> tuple[Floats, Floats, Ints]:
    """Q (k, k), R (k, c) and the places (c,) of columns (k, c): `scipy.linalg.qr` with pivoting, at
    a third of its time on matrices of this size."""
    from scipy.linalg.lapack import dgeqp3, dorgqr

    k, c = columns.shape
    packed, places, shares = dgeqp3(columns)[:3]
    whole = np.zeros((k, k), order="F")
    whole[:, : min(k, c)] = packed[:, : min(k, c)]
    return dorgqr(whole, shares)[0], np.triu(packed), places - 1


def _clearly_regular(r: Floats, scale: Floats) -> Floats | None:
    """The inverse of an upper triangle (c, c), if its condition, that of rows in units of `scale`
    (k,) included, leaves no doubt about its rank; else None."""
    from scipy.linalg.lapack import dtrtri

    if not np.abs(r.diagonal()).min(initial=1.0) > 0:
        return None
    inverted = dtrtri(r)[0]
    condition = (np.abs(r).max() * np.abs(inverted).max()) * len(r) ** 2
    return inverted if condition * (scale.max() / scale.min()) < CLEAR else None


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
        # What is not moved at all stays where it is: a dead neuron crept over its kinks.
        off[:, np.abs(off).max(axis=0) <= ROUNDING * scale] = 0.0
    return off, ~chosen & (np.linalg.norm(off / scale, axis=1) > DEPENDENT * lengths)


def spanned(g: Floats, scale: Floats) -> tuple[Floats, Floats | None, Floats]:
    """An orthonormal basis of the span of the rows of g (c, k), as rows (r, k), and g^T in that
    basis (r, c).

    Where g is regular the rows are its own and need a factor (r, r) to be divided by, upper
    triangular: factor^-T @ rows is the basis. It is orthonormal up to rounding times the condition.
    Rows may be of any sizes (output weights of 1 and 1e-8); where columns are, reflections of
    sorted columns and rows keep the digits of the small ones. Columns of g that are 0 are exactly 0
    in the basis too, where rounding would set them off. Directions in which rows have nothing but
    rounding of their coordinates, of sizes `scale` (k,), are none.
    """
    if 0 < len(g) < g.shape[1]:
        factor = regular_factor(g @ g.T)
        if factor is not None:
            return g, factor, factor
    moved = g.any(axis=0)
    if not moved.any():
        return np.zeros((0, g.shape[1])), None, np.zeros((0, len(g)))
    inner, inside = _reflected(g[:, moved].T)
    noise = ROUNDING * (scale[moved] @ np.abs(inner))
    seen = np.abs(inside).max(axis=1, initial=0.0) > noise
    basis = np.zeros((int(seen.sum()), g.shape[1]))
    basis[:, moved] = inner.T[seen]
    return basis, None, inside[seen]


def nearest_sum(rows: Floats, lengths: Floats, vector: Floats) -> Floats:
    """x (c,) with the shortest vector - x @ rows, rows (c, k) of these lengths: by the Gram matrix
    where no row is nearly dependent on others, so that it has lost next to nothing."""
    from scipy.linalg.lapack import dposv

    if 0 < len(rows) <= rows.shape[1]:
        units = rows / lengths[:, None]
        factor, found, failed = dposv(units @ units.T, units @ vector)
        if not failed and factor.diagonal().min() >= INDEPENDENT:
            return np.asarray(found / lengths)
    return np.asarray(np.linalg.lstsq(rows.T, vector, rcond=None)[0])


def regular_factor(gram: Floats) -> Floats | None:
    """The upper triangular factor of a Gram matrix; None where it is not regular."""
    from scipy.linalg.lapack import dpotrf

    factor, failed = dpotrf(gram.T)
    if failed:  # not positive definite: columns that nearly depend on others
        return None
    new = factor.diagonal() / np.sqrt(gram.diagonal())
    return np.asarray(factor) if new.min(initial=1.0) >= _REGULAR else None


def _reflected(g: Floats) -> tuple[Floats, Floats]:
    """A basis of the columns of g (k, c), and g in it: reflections of sorted rows and columns."""
    from scipy.linalg import qr

    order = np.argsort(-np.abs(g).max(axis=1), kind="stable")
    q, r, places = qr(g[order], mode="economic", pivoting=True)
    basis, inside = np.empty_like(q), np.empty_like(r)
    basis[order], inside[:, places] = q, r
    return basis, inside
