"""The robustness margin in exact rational arithmetic: ground truth, slow and plain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from itertools import pairwise

Interval = tuple[Fraction | None, Fraction | None]  # None: unbounded


def exact_margin(
    weights: Iterable[float],
    biases: Iterable[float],
    output_weights: Iterable[float],
    inputs: Iterable[float],
    labels: Iterable[int],
) -> Fraction | None:
    """Robustness margin of one network on the line; None if its output has no zero."""
    w, b, outer = ([Fraction(float(v)) for v in row] for row in (weights, biases, output_weights))

    def output(x: Fraction) -> Fraction:
        terms = (o * max(s * x + c, Fraction(0)) for o, s, c in zip(outer, w, b, strict=True))
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
