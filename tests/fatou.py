"""The remainder of the truncated Fatou coordinate, proved in rational arithmetic."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from math import factorial

from latephase.late.pair.fatou import START_LEVEL, TERMS, coefficients, defect


@cache
def remainder(terms: int = TERMS, start_level: int = int(START_LEVEL)) -> Fraction:
    """R with |Phi_K(s_n) - Phi_K(s_0) - n| <= R for all n and s_0 >= start_level.  Rigour: proved.

    The series of the defect is summed exactly to order J and closed by a geometric tail, all in
    rational arithmetic.
    """
    a, s0, last = coefficients(terms), Fraction(start_level), 6 * terms + 20
    head = sum(
        (abs(defect(j, a)) * s0 ** (terms + 2 - j) for j in range(terms + 2, last)), Fraction(0)
    )
    bound = head + _tail(a, s0, terms, last)
    return bound * (s0 ** (-terms - 2) + s0 ** (-terms - 1) / (terms + 1))


def _tail(a: tuple[Fraction, ...], s0: Fraction, terms: int, last: int) -> Fraction:
    """Bound of sum_{j >= last} |e_j| s0^(K+2-j): every summand shrinks at least geometrically."""
    first = Fraction(1, factorial(last + 1)) + sum(
        (abs(a_k) * Fraction(k ** (last - k), factorial(last - k)) for k, a_k in enumerate(a, 1)),
        Fraction(0),
    )
    ratio = Fraction(terms, last - terms + 1) / s0
    return first * s0 ** (terms + 2 - last) / (1 - ratio)
