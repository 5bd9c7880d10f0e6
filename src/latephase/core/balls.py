"""Ball arithmetic, and exact fractions: the only module that imports python-flint.

A ball encloses the true value; its width says how well it is known.  Traps of python-flint that
every user of this module must avoid: `==`, `min`, `max`, `sorted` and `if ball:` are meaningless on
balls that are not exact, `ball ** 2` is NaN where the ball may be negative (multiply instead), and
the precision is global to the process, hence the context manager.
Balls by Arb [johansson2017].
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import numpy as np
from flint import acb, arb, arb_mat, ctx, fmpq, fmpq_mat, fmpz

from latephase.core.arrays import Floats
from latephase.core.errors import InputError

__all__ = [
    "arb",
    "Rational",
    "RationalMatrix",
    "BallMatrix",
    "precision",
    "bits",
    "exact",
    "point",
    "dyadic",
    "bounds",
    "float_bounds",
    "whole_part",
    "plus_minus",
    "root",
    "length",
    "integral",
    "relative_error_upper",
]


BallMatrix = arb_mat
RationalMatrix = fmpq_mat
Rational = fmpq  # five times as fast as the fractions of the standard library

_LARGEST_WHOLE = arb((fmpz(1), fmpz(1 << 20)))


@contextmanager
def precision(bits: int) -> Iterator[None]:
    """Compute with `bits` bits inside the block; the former precision is restored in any case."""
    if bits < 2:
        raise InputError("a precision of at least 2 bits", bits, "give the number of bits")
    before = ctx.prec
    ctx.prec = bits
    try:
        yield
    finally:
        ctx.prec = before


def bits() -> int:
    """The precision in force."""
    return int(ctx.prec)


def exact(x: float | int | Fraction) -> arb:
    """The ball of radius 0 at x; where x is a fraction that is not dyadic, a ball around it.

    Raises InputError on NaN and infinities.
    """
    if isinstance(x, Fraction):
        if x.denominator & (x.denominator - 1) == 0:
            return point(x.numerator, 1 - x.denominator.bit_length())
        return arb(fmpz(x.numerator)) / arb(fmpz(x.denominator))
    ball = arb(fmpz(x)) if isinstance(x, int) else arb(float(x))
    if not ball.is_finite():
        raise InputError("a finite number", x, "replace NaN and infinities before enclosing")
    return ball


def point(mantissa: int, exponent: int) -> arb:
    """The ball of radius 0 at mantissa * 2^exponent, whatever the precision in force."""
    return arb((fmpz(mantissa), fmpz(exponent)))


def dyadic(ball: arb) -> tuple[int, int]:
    """(mantissa, exponent) of a ball of radius 0.  Raises InputError on other balls."""
    if not (ball.is_finite() and ball.is_exact()):
        raise InputError("a finite ball of radius 0", ball, "take its lower() or upper() end")
    mantissa, exponent = ball.man_exp()
    return int(mantissa), int(exponent)


def whole_part(ball: arb) -> int | None:
    """floor(x) of every x in the ball, None where it is not the same for all.  Rigour: proved.

    None also beyond 2^(2^20): FLINT ends the process over integers that fill the memory.
    """
    near = ball.is_finite() and abs(ball) < _LARGEST_WHOLE
    whole = ball.floor().unique_fmpz() if near else None
    return None if whole is None else int(whole)


def plus_minus(radius: arb) -> arb:
    """The ball around 0 that reaches to the upper end of |radius|."""
    return arb(0, radius.abs_upper())


def root(x: arb) -> arb:
    """The square root of what is known not to be negative, though its ball may dip below 0.

    Its lower end is never below 0; where the ball is, that is left out.  Rigour: proved.
    """
    return x.nonnegative_part().sqrt().nonnegative_part()


def length(vector: Sequence[arb]) -> arb:
    """The Euclidean length, by the ends of |x|: the product of a ball with itself may dip below 0.

    As `root`.
    """
    ends = [x.abs_lower() for x in vector], [x.abs_upper() for x in vector]
    low, high = (root(sum((x * x for x in end), arb(0))) for end in ends)
    return low.lower().union(high.upper()).nonnegative_part()


def bounds(ball: arb) -> tuple[Fraction, Fraction]:
    """(lower, upper): exact rational ends of the ball.  Rigour: proved."""
    if not ball.is_finite():
        raise InputError("a finite ball", ball, "raise the precision")
    middle, radius = _fraction(ball.mid()), _fraction(ball.rad())
    return middle - radius, middle + radius


def float_bounds(balls: Sequence[arb]) -> tuple[Floats, Floats]:
    """(lower, upper): doubles that enclose each of k balls, (k,) each; beyond 1e308 an infinity.

    A thousand times faster than `bounds`, and at most a few ulp wider.  Rigour: proved.
    """
    # Middle and radius come rounded to the nearest double, and so does their sum: a neighbour each.
    middles = np.array([float(ball) for ball in balls], dtype=np.float64)
    radii = np.nextafter(np.array([float(ball.rad()) for ball in balls]), np.inf)
    with np.errstate(invalid="ignore", over="ignore"):
        lower, upper = np.nextafter(middles, -np.inf) - radii, np.nextafter(middles, np.inf) + radii
    lower, upper = np.nextafter(lower, -np.inf), np.nextafter(upper, np.inf)
    return np.where(np.isnan(lower), -np.inf, lower), np.where(np.isnan(upper), np.inf, upper)


def integral(function: Callable[[Any, bool], Any], lower: arb, upper: arb) -> arb:
    """The integral of a real function, by Arb's own quadrature.  Rigour: proved.

    function: of a complex ball z, and whether it must be analytic on all of z: then what has a
    branch cut there must be not finite, as z.sqrt(analytic=True) is.
    """
    return acb.integral(function, lower, upper).real


def relative_error_upper(value: float, truth: arb) -> float:
    """Upper bound of |value - truth| / |truth|: small only if the ball is close *and* narrow.

    inf if the ball contains zero without being exactly zero, and if value is not finite.
    """
    lower, upper = bounds(truth)
    if value - value != 0:  # NaN or infinite
        return float("inf")
    distance = max(abs(Fraction(value) - lower), abs(Fraction(value) - upper))
    if distance == 0:
        return 0.0
    nearest_zero = Fraction(0) if lower <= 0 <= upper else min(abs(lower), abs(upper))
    return float(distance / nearest_zero) if nearest_zero else float("inf")


def _fraction(ball: arb) -> Fraction:
    """The exact value of a ball of radius 0."""
    mantissa, exponent = dyadic(ball)
    return Fraction(mantissa) * Fraction(2) ** exponent
