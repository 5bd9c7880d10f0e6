"""Least-distance problems of few points in rational arithmetic, however ill-conditioned.

Points c away from the origin and 1 apart have gradients whose angles are 1/c^2: at c = 10^5 the
margin is 1e-10 of the longest gradient, and float64 cannot tell it from none.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from latephase.core.arrays import Floats

Vector = list[Any]
"""Entries are fractions."""

_MOST_POINTS, _MOST_PRODUCTS = 12, 20_000  # up to which this takes milliseconds


def is_small(rows: Floats) -> bool:
    """Whether rational arithmetic is quick for rows (n, p)."""
    return len(rows) <= _MOST_POINTS and len(rows) * rows.size <= _MOST_PRODUCTS


def rational(rows: Floats) -> list[Vector]:
    """Rows (n, p) as fractions."""
    return [[fraction(x) for x in row] for row in rows]


def fraction(x: float) -> Any:
    """A double as a fraction."""
    return _arithmetic().Rational(*float(x).as_integer_ratio())


@cache
def _arithmetic() -> Any:
    from latephase.core import balls  # takes a tenth of a second, and is needed here only

    return balls


def rounded(values: Sequence[Any]) -> Floats:
    """Fractions, each rounded once."""
    return np.array([int(x.p) / int(x.q) for x in values])


def dot(a: Vector, b: Vector) -> Any:
    """The inner product."""
    return sum((x * y for x, y in zip(a, b, strict=True) if x and y), fraction(0.0))


def _matrix(rows: Sequence[Vector]) -> Any:
    return _arithmetic().RationalMatrix(len(rows), len(rows[0]), [x for row in rows for x in row])


def combined(coefficients: Vector, rows: list[Vector]) -> Vector:
    """sum_i coefficient_i row_i, (p,)."""
    return list((_matrix([coefficients]) * _matrix(rows)).tolist()[0])


def solved(matrix: list[Vector], right: Vector) -> Vector | None:
    """The solution of a symmetric semi-definite system, None if it is singular."""
    if not matrix:
        return []
    try:
        found = _matrix(matrix).solve(_matrix([[x] for x in right]))
    except ZeroDivisionError:
        return None
    return [x for (x,) in found.tolist()]


def gram(rows: list[Vector]) -> list[Vector]:
    """The inner products of all rows."""
    if not rows:
        return []
    matrix = _matrix(rows)
    return list((matrix * matrix.transpose()).tolist())


def in_span(rows: list[Vector], images: Vector) -> Vector:
    """The vector (p,) in the span of independent rows with these inner products with them."""
    coefficients = solved(gram(rows), images)
    assert coefficients is not None  # independent, as the active set of `least_distance` is
    return combined(coefficients, rows)


def off_span(vectors: Floats, rows: Floats) -> list[Vector]:
    """Vectors (k, p) less their component in the span of rows (r, p)."""
    independent: list[Vector] = []
    for row in rational(rows):
        if solved(gram([*independent, row]), [fraction(0.0)] * (len(independent) + 1)) is not None:
            independent.append(row)
    return _off_rows(rational(vectors), independent) if independent else rational(vectors)


def off_rows(vector: Vector, rows: list[Vector]) -> Vector:
    """A vector (p,) less its component in the span of independent rows."""
    return _off_rows([vector], rows)[0]


def _off_rows(vectors: list[Vector], rows: list[Vector]) -> list[Vector]:
    """Vectors (k, p) less their component in the span of independent rows (r, p)."""
    given, span = _matrix(vectors), _matrix(rows)
    across = span.transpose()
    return list((given - given * across * (span * across).inv() * span).tolist())


def needed(kinks: Floats, serving: Floats, multipliers: Vector) -> Vector | None:
    """What multiples of the kinks (h, k) hold a neuron against the points (a, k) that it serves,
    both times v_j y_i; multipliers (a,) of these.  None if the kinks are dependent."""
    rows = rational(kinks)
    force = (
        combined(multipliers, rational(serving)) if multipliers else [fraction(0.0)] * len(rows[0])
    )
    return solved(gram(rows), [-dot(row, force) for row in rows])


def slowest(rows: list[Vector], multipliers: Floats) -> float:
    """The smallest eigenvalue of the Gram matrix of independent rows times diag(multipliers).

    From the inverse, of which it is the largest: beside eigenvalues of 1e28 float64 loses one of 1.
    """
    matrix = _matrix(rows)
    inverse = np.array([rounded(row) for row in (matrix * matrix.transpose()).inv().tolist()])
    roots = np.sqrt(multipliers)
    return 1 / float(np.linalg.eigvalsh(inverse / np.outer(roots, roots)).max())


def least_distance(rows: list[Vector]) -> Vector | None:
    """Multipliers (n,) of min |theta|^2 / 2 with all <row_i, theta> >= 1; None if none has that.

    The active-set method of [lawsonhanson1995, Chapter 23] on the dual: a violated constraint
    enters, and what would turn negative leaves.  Rigour: exact.
    """
    matrix, n = gram(rows), len(rows)
    if any(matrix[i][i] == 0 for i in range(n)):
        return None
    multipliers: Vector = [fraction(0.0)] * n
    while True:
        margins = [dot(row, multipliers) for row in matrix]
        short = {i: (1 - s) ** 2 / matrix[i][i] for i, s in enumerate(margins) if s < 1}
        if not short:
            return multipliers
        found = _entered(matrix, multipliers, max(short, key=short.__getitem__))
        if found is None:
            return None
        multipliers = found


def _entered(matrix: list[Vector], multipliers: Vector, new: int) -> Vector | None:
    """Multipliers after point `new` has entered the active set; None if they grow without end."""
    now = list(multipliers)
    active = [i for i, x in enumerate(now) if x > 0] + [new]
    while True:
        way, bounded = _way(matrix, now, active, new)
        steps = {i: now[i] / -way[i] for i in active if way[i] < 0}
        longest = min(steps.values(), default=None)
        if longest is None and not bounded:
            return None
        step = fraction(1.0) if longest is None or (bounded and longest >= 1) else longest
        now = [x + step * y for x, y in zip(now, way, strict=True)]
        if step != longest:
            return now
        active = [i for i in active if steps.get(i) != step]
        if bounded and step == 1:
            return now


def _way(matrix: list[Vector], now: Vector, active: list[int], new: int) -> tuple[Vector, bool]:
    """The way to the optimum on the active set, or one up which the dual rises for ever."""
    way: Vector = [fraction(0.0)] * len(now)
    part = [[matrix[i][j] for j in active] for i in active]
    goal = solved(part, [fraction(1.0)] * len(active))
    if goal is not None:
        for i, x in zip(active, goal, strict=True):
            way[i] = x - now[i]
        return way, True
    others = [i for i in active if i != new]
    inner = [[matrix[i][j] for j in others] for i in others]
    held = solved(inner, [-matrix[i][new] for i in others])
    for i, x in zip(others, held or [], strict=True):
        way[i] = x
    way[new] = fraction(1.0)
    return way, False
