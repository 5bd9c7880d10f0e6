"""Balls as decimals and as numbers of a certificate file, rounded outward.

A number of a file is mantissa * 2^exponent, exactly, in strings: {"mantissa": "15", "exponent":
"-4", "decimal": "0.9375"}: the pair counts, the decimal is for the reader.  Enclosures keep
`KEPT_BITS` bits, far above what the balls leave open.
"""

from __future__ import annotations

from decimal import (
    MAX_EMAX,
    MIN_EMIN,
    ROUND_CEILING,
    ROUND_FLOOR,
    ROUND_HALF_EVEN,
    Context,
    Decimal,
)
from fractions import Fraction
from typing import Any

from latephase.core.balls import arb, dyadic, exact, precision, whole_part

DIGITS = 40
Bounds = tuple[Decimal, Decimal]
_LARGEST_POWER = 20_000  # of two, that is written out; beyond, logarithms are taken
_LARGEST_EXPONENT = MAX_EMAX // 2
_GUARD = 128
KEPT_BITS = 80
READABLE_DIGITS = 17


def outward(ball: arb, digits: int = DIGITS) -> Bounds:
    """(lower, upper) with lower <= x <= upper for every x of the ball.  Rigour: proved."""
    return (
        decimal(*dyadic(ball.lower()), digits, ROUND_FLOOR),
        decimal(*dyadic(ball.upper()), digits, ROUND_CEILING),
    )


def rounded_outward(lower: Decimal, upper: Decimal, digits: int) -> tuple[str, str]:
    """Both to that many digits, rounded away from each other."""
    down = Context(prec=digits, rounding=ROUND_FLOOR, Emin=MIN_EMIN, Emax=MAX_EMAX)
    up = Context(prec=digits, rounding=ROUND_CEILING, Emin=MIN_EMIN, Emax=MAX_EMAX)
    return str(down.plus(lower)), str(up.plus(upper))


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
    """The same where the power of two is not written out: 10^whole times a number near 1 to 10."""
    with precision(_GUARD + exponent.bit_length() + mantissa.bit_length() + 4 * context.prec):
        log10 = (exact(abs(mantissa)).log() + exponent * arb(2).log()) / arb(10).log()
        whole = whole_part(log10.mid()) or 0
        if abs(whole) >= _LARGEST_EXPONENT:
            return _beyond(mantissa, whole, context)
        rest = ((log10 - whole) * arb(10).log()).exp() * (1 if mantissa > 0 else -1)
        end = rest.lower() if context.rounding == ROUND_FLOOR else rest.upper()
        return decimal(*dyadic(end), context.prec, context.rounding).scaleb(whole, context)


def _beyond(mantissa: int, whole: int, context: Context) -> Decimal:
    """A number of size 10^whole to 10^(whole+1) that no decimal has, in the context's direction."""
    outward = (mantissa > 0) == (context.rounding == ROUND_CEILING)
    if whole < 0:  # below 10^(1 - largest)
        size = Decimal(1).scaleb(2 - _LARGEST_EXPONENT, context) if outward else Decimal(0)
    else:  # above 10^(largest - 1)
        inward = Decimal(1).scaleb(_LARGEST_EXPONENT - 2, context)
        size = Decimal("Infinity") if outward else inward
    return size if mantissa > 0 else size.copy_negate()


def number(mantissa: int, exponent: int) -> dict[str, str]:
    """The record of mantissa * 2^exponent, with an odd mantissa."""
    while mantissa and mantissa % 2 == 0:
        shift = (mantissa & -mantissa).bit_length() - 1
        mantissa, exponent = mantissa >> shift, exponent + shift
    exponent = exponent if mantissa else 0
    readable = decimal(mantissa, exponent, READABLE_DIGITS, ROUND_HALF_EVEN)
    return {"mantissa": text(mantissa), "exponent": text(exponent), "decimal": str(readable)}


def rational(x: Fraction) -> dict[str, str]:
    """The record of a dyadic rational."""
    return number(x.numerator, 1 - x.denominator.bit_length())


def at_most(ball: arb) -> dict[str, str]:
    """A number <= everything in the ball."""
    return number(*_rounded(*dyadic(ball.lower()), down=True))


def at_least(ball: arb) -> dict[str, str]:
    """A number >= everything in the ball."""
    return number(*_rounded(*dyadic(ball.upper()), down=False))


def interval(ball: arb) -> dict[str, Any]:
    """An enclosure of the ball."""
    return {"lower": at_most(ball), "upper": at_least(ball)}


def _rounded(mantissa: int, exponent: int, down: bool) -> tuple[int, int]:
    """To KEPT_BITS bits, in the given direction."""
    shift = max(0, mantissa.bit_length() - KEPT_BITS)
    kept = mantissa >> shift if down else -(-mantissa >> shift)
    return kept, exponent + shift


def text(whole: int) -> str:
    """str(whole) without Python's limit of 4300 digits."""
    return f"{Decimal(whole):f}" if whole.bit_length() > 10_000 else str(whole)
