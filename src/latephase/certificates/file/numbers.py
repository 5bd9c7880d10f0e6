"""Numbers as a certificate file holds them: exact, as mantissa * 2^exponent, in strings.

{"mantissa": "15", "exponent": "-4", "decimal": "0.9375"}: the pair counts, the decimal is for the
reader.  Enclosures are rounded outward to `KEPT_BITS` bits, far above what the balls leave open.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Any

from latephase.core.balls import arb, dyadic

from .decimals import decimal

KEPT_BITS = 80
READABLE_DIGITS = 17


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
