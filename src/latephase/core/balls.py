"""Ball arithmetic: the only module that imports python-flint.

A ball encloses the true value; its width says how well it is known.  Traps of python-flint that
every user of this module must avoid: `==`, `min`, `max`, `sorted` and `if ball:` are meaningless on
balls that are not exact, and the precision is global to the process, hence the context manager.
Balls by Arb [johansson2017].
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction

from flint import arb, ctx, fmpz

from latephase.core.errors import InputError

__all__ = ["arb", "precision", "exact", "bounds", "relative_error_upper"]


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


def exact(x: float | int | Fraction) -> arb:
    """The ball of radius 0 at x; a fraction is enclosed at the precision in force.

    Raises InputError on NaN and infinities.
    """
    if isinstance(x, Fraction):
        return arb(fmpz(x.numerator)) / arb(fmpz(x.denominator))
    ball = arb(fmpz(x)) if isinstance(x, int) else arb(float(x))
    if not ball.is_finite():
        raise InputError("a finite number", x, "replace NaN and infinities before enclosing")
    return ball


def bounds(ball: arb) -> tuple[Fraction, Fraction]:
    """(lower, upper): exact rational ends of the ball.  Rigour: proved."""
    if not ball.is_finite():
        raise InputError("a finite ball", ball, "raise the precision")
    middle, radius = _dyadic(ball.mid()), _dyadic(ball.rad())
    return middle - radius, middle + radius


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


def _dyadic(point: arb) -> Fraction:
    """The exact value of a ball of radius 0."""
    mantissa, exponent = point.man_exp()
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)
