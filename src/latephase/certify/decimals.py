"""Balls as pairs of decimals, rounded outward."""

from __future__ import annotations

import math
from decimal import MAX_EMAX, MIN_EMIN, ROUND_CEILING, ROUND_FLOOR, Context, Decimal

from latephase.core.balls import arb, dyadic, precision

DIGITS = 40
Bounds = tuple[Decimal, Decimal]
_LARGEST_POWER = 20_000  # of two, that is written out; beyond, logarithms are taken
_LARGEST_EXPONENT = MAX_EMAX // 2
_GUARD = 128


def outward(ball: arb, digits: int = DIGITS) -> Bounds:
    """(lower, upper) with lower <= x <= upper for every x of the ball.  Rigour: proved."""
    return (
        decimal(*dyadic(ball.lower()), digits, ROUND_FLOOR),
        decimal(*dyadic(ball.upper()), digits, ROUND_CEILING),
    )


def decimal(mantissa: int, exponent: int, digits: int, rounding: str) -> Decimal:
    """mantissa * 2^exponent to that many digits, rounded in the given direction."""
    context = Context(prec=digits, rounding=rounding, Emax=MAX_EMAX, Emin=MIN_EMIN)
    if mantissa == 0:
        return Decimal(0)
    if abs(exponent) > _LARGEST_POWER:
        return _scaled(mantissa, exponent, context)
    if exponent >= 0:
        return context.divide(Decimal(mantissa << exponent), Decimal(1))
    return context.divide(Decimal(mantissa), Decimal(1 << -exponent))


def _scaled(mantissa: int, exponent: int, context: Context) -> Decimal:
    """The same where the power of two is not written out: 2^exponent = 10^whole * rest."""
    with precision(_GUARD + abs(exponent).bit_length() + 4 * context.prec):
        log10 = exponent * arb(2).log() / arb(10).log()
        whole = math.floor(float(log10.mid()))
        if abs(whole) > _LARGEST_EXPONENT:
            return _beyond(mantissa, whole, context)
        rest = mantissa * ((log10 - whole) * arb(10).log()).exp()
        end = rest.lower() if context.rounding == ROUND_FLOOR else rest.upper()
        return decimal(*dyadic(end), context.prec, context.rounding).scaleb(whole, context)


def _beyond(mantissa: int, whole: int, context: Context) -> Decimal:
    """A number with an exponent that no decimal has, rounded in the context's direction."""
    sign = 1 if mantissa > 0 else -1
    outward = (sign > 0) == (context.rounding == ROUND_CEILING)
    if whole < 0:
        return Decimal(sign).scaleb(-_LARGEST_EXPONENT, context) if outward else Decimal(0)
    largest = Decimal("Infinity") if outward else Decimal(1).scaleb(_LARGEST_EXPONENT, context)
    return largest if sign > 0 else largest.copy_negate()
