"""The point of a polyhedron that is nearest to the origin, in integers: no rounding, no tolerance.

A norm 1 or inf is a linear program, which the dual simplex method solves from the slack basis on;
the 2-norm is a linear complementarity problem, which the criss-cross method [denhertog1993]
solves.  Both take the least index where they have a choice, so they end, however degenerate the
polyhedron is.  Entries of a tableau are integers over one denominator, the last pivot.
`search/projection.py` does the same in float64, as fast as it can, and asks here in doubt.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

BigInts = NDArray[Any]  # of Python's integers, which do not overflow


def least_norm(normals: BigInts, offsets: BigInts, p: float) -> Fraction | None:
    """min |u| (norm 1, inf) or min |u|^2 (2-norm) subject to normals @ u >= offsets.

    normals (k, d), offsets (k,): integers.  None if nothing satisfies them.  Rigour: exact.
    """
    if p == 2:
        return _least_square(normals, offsets)
    return _least_linear(*linear_program(normals, offsets, p))


def linear_program(normals: NDArray[Any], offsets: NDArray[Any], p: float) -> tuple[Any, Any, Any]:
    """min cost z subject to rows z >= right, z >= 0, that has the value min |u|_p.

    p = 1: z = (positive part of u, negative part);  p = inf: z = (u + r, r) with r >= |u|_i.
    """
    d = normals.shape[1]
    if p == 1:
        return np.hstack([normals, -normals]), offsets, np.ones(2 * d, dtype=normals.dtype)
    box = np.hstack([-np.eye(d, dtype=normals.dtype), np.full((d, 1), 2, dtype=normals.dtype)])
    rows = np.vstack([np.hstack([normals, -normals.sum(axis=1, keepdims=True)]), box])
    cost = np.zeros(d + 1, dtype=normals.dtype)
    cost[-1] = 1
    return rows, np.concatenate([offsets, np.zeros(d, dtype=normals.dtype)]), cost


def _least_linear(rows: BigInts, right: BigInts, cost: BigInts) -> Fraction | None:
    """The dual simplex method: cost >= 0 makes the slack basis dual feasible."""
    table = np.vstack([np.column_stack([rows, -right]), np.append(cost, 0)])
    size = len(rows)
    basis, others, unit = list(range(size)), list(range(size, size + len(cost))), 1
    while True:
        below = [(basis[i], i) for i in range(size) if table[i, -1] < 0]
        if not below:
            return Fraction(table[-1, -1], unit)
        r = min(below)[1]
        rising = [s for s in range(len(cost)) if table[r, s] > 0]
        if not rising:
            return None
        s = min(rising, key=lambda j: (Fraction(table[-1, j], table[r, j]), others[j]))
        table, unit = exchanged(table, unit, r, s)
        basis[r], others[s] = others[s], basis[r]


def _least_square(normals: BigInts, offsets: BigInts) -> Fraction | None:
    """The criss-cross method for slack = (A A') multipliers - offsets, both >= 0, one of each 0."""
    table = np.column_stack([normals @ normals.T, -offsets])
    chosen, unit = np.zeros(len(offsets), dtype=bool), 1
    while True:
        i = next((i for i, value in enumerate(table[:, -1]) if value < 0), None)
        if i is None:
            products = (offsets[j] * table[j, -1] for j in np.flatnonzero(chosen))
            return Fraction(sum(products), unit)
        if table[i, i] > 0:
            table, unit = exchanged(table, unit, i, i)
            chosen[i] ^= True
            continue
        k = next((k for k, value in enumerate(table[i, :-1]) if value > 0), None)
        if k is None:
            return None
        table, unit = exchanged(*exchanged(table, unit, i, k), k, i)
        table[[i, k]] = table[[k, i]]
        table[:, [i, k]] = table[:, [k, i]]
        chosen[[i, k]] ^= True


def exchanged(table: BigInts, unit: int, r: int, s: int) -> tuple[BigInts, int]:
    """The tableau (over the denominator `unit`) solved for the variable of column s in row r."""
    pivot = table[r, s]
    new = (table * pivot - np.outer(table[:, s], table[r])) // unit
    new[r], new[:, s], new[r, s] = -table[r], table[:, s], unit
    return (new, pivot) if pivot > 0 else (-new, -pivot)


def root(square: Fraction) -> Fraction:
    """The square root of a fraction to 100 bits."""
    shift = max(0, 200 - square.numerator.bit_length() + square.denominator.bit_length())
    shift += shift % 2
    return Fraction(math.isqrt((square.numerator << shift) // square.denominator), 1 << shift // 2)
