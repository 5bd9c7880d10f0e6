"""The robustness margin in exact rational arithmetic: ground truth, slow and plain."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import combinations, pairwise, product

Interval = tuple[Fraction | None, Fraction | None]  # None: unbounded


def exact_margin(
    weights: Iterable[float],
    biases: Iterable[float],
    output_weights: Iterable[float],
    inputs: Iterable[float],
    labels: Iterable[int],
    slope: float = 0.0,
) -> Fraction | None:
    """Robustness margin of one network on the line; None if its output has no zero.

    slope: of inactive neurons.
    """
    w, b, outer = ([Fraction(float(v)) for v in row] for row in (weights, biases, output_weights))

    def output(x: Fraction) -> Fraction:
        heights = (s * x + c for s, c in zip(w, b, strict=True))
        gains = ((o, a, 1 if a > 0 else Fraction(slope)) for o, a in zip(outer, heights))
        terms = (o * gain * a for o, a, gain in gains)
        return sum(terms, start=Fraction(0))

    points = [(Fraction(float(x)), int(y)) for x, y in zip(inputs, labels, strict=True)]
    if any(y * output(x) <= 0 for x, y in points):
        return Fraction(0)
    kinks = sorted({-c / s for s, c in zip(w, b, strict=True) if s})
    zeros = zero_set(output, kinks)
    return min((_distance(x, zero) for x, _ in points for zero in zeros), default=None)


def zero_set(output: Callable[[Fraction], Fraction], kinks: Sequence[Fraction]) -> list[Interval]:
    """Intervals where a function, linear between its kinks (in ascending order), is zero."""
    edges: list[Interval] = list(pairwise([None, *kinks, None]))
    return [zero for edge in edges if (zero := _zero_on(output, *edge)) is not None]


def _zero_on(
    output: Callable[[Fraction], Fraction], start: Fraction | None, end: Fraction | None
) -> Interval | None:
    left = start if start is not None else (end - 1 if end is not None else Fraction(0))
    right = end if end is not None else left + 1
    slope = (output(right) - output(left)) / (right - left)
    if slope == 0:
        return (start, end) if output(left) == 0 else None
    root = left - output(left) / slope
    outside = (start is not None and root < start) or (end is not None and root > end)
    return None if outside else (root, root)


def _distance(x: Fraction, interval: Interval) -> Fraction:
    start, end = interval
    before = start - x if start is not None else Fraction(0)
    after = x - end if end is not None else Fraction(0)
    return max(before, after, Fraction(0))


Vector = list[Fraction]


def exact_distance(
    weights: Iterable[Iterable[float]],
    biases: Iterable[float],
    output_weights: Iterable[float],
    inputs: Iterable[Iterable[float]],
    labels: Iterable[float],
    norm: float,
    leak: float = 0.0,
) -> Fraction | None:
    """Robustness margin (norm 1, inf) or its square (norm 2) in any dimension; None if N has no
    zero.  All 2^m activation patterns, in each all sets of constraints that may be tight.
    leak: the slope of inactive neurons.
    """
    w = [[Fraction(float(v)) for v in row] for row in weights]
    b, outer = ([Fraction(float(v)) for v in row] for row in (biases, output_weights))
    best: Fraction | None = None
    for point, label in zip(inputs, labels, strict=True):
        x = [Fraction(float(v)) for v in point]
        heights = [dot(row, x) + c for row, c in zip(w, b, strict=True)]
        gains = [Fraction(int(label)) * v for v in outer]
        below = Fraction(leak)
        if sum(v * (h if h > 0 else below * h) for v, h in zip(gains, heights, strict=True)) <= 0:
            return Fraction(0)
        here = [h > 0 for h in heights]
        patterns = product((False, True), repeat=len(w))
        for pattern in sorted(patterns, key=lambda s: sum(map(operator.ne, s, here))):
            rows = [
                ([-v if on else v for v in row], h if on else -h)
                for on, row, h in zip(pattern, w, heights, strict=True)
            ]
            felt = [v * (1 if on else below) for v, on in zip(gains, pattern)]
            slope = [
                sum((v * row[i] for v, row in zip(felt, w)), Fraction(0)) for i in range(len(x))
            ]
            value = sum((v * h for v, h in zip(felt, heights)), Fraction(0))
            best = nearest_point([*rows, (slope, -value)], len(x), norm, best)
    return best


def dot(a: Sequence[Fraction], b: Sequence[Fraction]) -> Fraction:
    """The inner product."""
    return sum((u * v for u, v in zip(a, b, strict=True)), Fraction(0))


def nearest_point(
    rows: list[tuple[Vector, Fraction]], d: int, norm: float, best: Fraction | None
) -> Fraction | None:
    """The smaller of best and min |u| over row . u <= right, of all candidates that satisfy it."""
    for row, right in rows:
        if right < 0 and (not any(row) or _is_beyond(row, -right, norm, best)):
            return best
    candidates = {1.0: _one, 2.0: _two, float("inf"): _infinity}[float(norm)]
    for tight in (t for k in range(d + 2) for t in combinations(rows, k)):
        for u in candidates([row for row, _ in tight], [right for _, right in tight], d):
            size = _size(u, norm)
            if (best is None or size < best) and all(dot(row, u) <= right for row, right in rows):
                best = size
    return best


def _is_beyond(row: Vector, height: Fraction, norm: float, best: Fraction | None) -> bool:
    """Whether even the half-space row . u <= -height is no nearer than best."""
    if best is None:
        return False
    if norm == 2:
        return height**2 >= best * dot(row, row)
    slopes = list(map(abs, row))
    return height >= best * (max(slopes) if norm == 1 else sum(slopes))


def _size(u: Vector, norm: float) -> Fraction:
    if norm == 2:
        return dot(u, u)
    return sum(map(abs, u), Fraction(0)) if norm == 1 else max(map(abs, u))


def _two(rows: list[Vector], right: Vector, d: int) -> Iterable[Vector]:
    """The point nearest to 0 at which all rows are tight."""
    weights = solved([[dot(a, b) for b in rows] for a in rows], right)
    if weights is not None:
        yield [dot(weights, [row[i] for row in rows]) for i in range(d)]


def _one(rows: list[Vector], right: Vector, d: int) -> Iterable[Vector]:
    """Points with as many coordinates that are not 0 as rows are tight."""
    for some in combinations(range(d), len(rows)):
        found = solved([[row[i] for i in some] for row in rows], right)
        if found is not None:
            placed = dict(zip(some, found, strict=True))
            yield [placed.get(i, Fraction(0)) for i in range(d)]


def _infinity(rows: list[Vector], right: Vector, d: int) -> Iterable[Vector]:
    """Points with all coordinates at +-r but one fewer than rows are tight."""
    if not rows:
        yield [Fraction(0)] * d
        return
    for free in combinations(range(d), len(rows) - 1):
        rest = [i for i in range(d) if i not in free]
        for signs in product((1, -1), repeat=len(rest)):
            sums = [sum(s * row[i] for s, i in zip(signs, rest, strict=True)) for row in rows]
            table = [
                [*(row[i] for i in free), total] for row, total in zip(rows, sums, strict=True)
            ]
            found = solved(table, right)
            if found is not None:
                placed = dict(zip(free, found, strict=False))
                placed |= {i: s * found[-1] for s, i in zip(signs, rest, strict=True)}
                yield [placed[i] for i in range(d)]


def solved(table: list[Vector], right: Vector) -> Vector | None:
    """The solution of a square system by Gauss and Jordan; None if it is singular."""
    rows = [[*row, Fraction(value)] for row, value in zip(table, right, strict=True)]
    for i in range(len(rows)):
        k = next((k for k in range(i, len(rows)) if rows[k][i] != 0), None)
        if k is None:
            return None
        rows[i], rows[k] = rows[k], rows[i]
        rows[i] = [v / rows[i][i] for v in rows[i]]
        for r in range(len(rows)):
            if r != i and rows[r][i] != 0:
                rows[r] = [u - rows[r][i] * v for u, v in zip(rows[r], rows[i], strict=True)]
    return [row[-1] for row in rows]


def as_float(margin: Fraction | None, norm: float) -> float:
    """What `exact_distance` found, as a float: rounded once, its root taken if it is a square."""
    if margin is None:
        return float("inf")
    if norm != 2:
        return float(margin)
    with localcontext(prec=40):
        return float((Decimal(margin.numerator) / Decimal(margin.denominator)).sqrt())


def exact_output(
    weights: Iterable[float], biases: Iterable[float], output_weights: Iterable[float], x: float
) -> int:
    """The sign of the output of one network on the line."""
    total = Fraction(0)
    for w, b, v in zip(weights, biases, output_weights, strict=True):
        total += Fraction(v) * max(Fraction(w) * Fraction(x) + Fraction(b), Fraction(0))
    return (total > 0) - (total < 0)
