"""LogTime: a time that may be far beyond float64, exact up to 10^10000, its logarithm beyond."""

from __future__ import annotations

import math
import numbers
import operator
import re
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from functools import total_ordering

from latephase.core.calls import public
from latephase.core.errors import InputError

EXACT_DIGITS = 10_000
EXACT_UP_TO = 10**EXACT_DIGITS
_MAX_TEXT = EXACT_DIGITS + 100  # an exact integer written out, with room for sign and exponent
_MAX_EXPONENT_DIGITS = 308  # ln t must itself be a float64
_LONGEST_SHOWN = 24  # characters of a text that is shown as it is
_SMALLEST_EXPONENT = -400  # below every float64, and a fraction that still fits on a page
_DECIMAL = re.compile(r"\+?(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?", re.ASCII)
_POWER = re.compile(r"\+?(\d+)(?:\*\*|\^)\+?(\d+)", re.ASCII)
_CONTEXT = Context(prec=50, Emax=MAX_EMAX, Emin=MIN_EMIN)
_LN10 = _CONTEXT.ln(Decimal(10))


@public
@total_ordering
@dataclass(frozen=True, eq=False, repr=False)
class LogTime:
    """A time: number of updates done (gradient descent) or flow time (gradient flow).

    Attributes
    ----------
    value : int, Fraction or None
        Exact; None beyond 10^10000.
    log, log10 : float
        Natural and decimal logarithm, correctly rounded from 50 digits; -inf at 0.
    text : str
        The time as it was given; it takes no part in comparisons.  `str` and `repr` shorten one
        of more than 24 characters to two digits.

    Notes
    -----
    Made by `parse` or `from_log`.  Order and equality are exact up to 10^10000 and those of `log`
    beyond.

    Examples
    --------
    >>> t = lp.LogTime.parse("1e1000")
    >>> round(t.log10, 3), t > lp.LogTime.parse(10**999)
    (1000.0, True)
    >>> lp.LogTime.parse("10^1000") == t
    True
    """

    value: int | Fraction | None
    log: float
    text: str
    log10: float

    @staticmethod
    def parse(x: object, *, flow: bool = False, name: str = "until") -> LogTime:
        """Read a time.

        Parameters
        ----------
        x : int, str, LogTime or float
            A decimal string is one such as "1e1000", "10^1000" or "10**6"; a float is integral and
            below 2^53.
        flow : bool
            Gradient flow: every finite non-negative float and decimal string is taken.
        name : str
            What an error calls the argument.

        Returns
        -------
        LogTime

        Raises
        ------
        InputError
            On anything else: bool, negative, NaN, inf, "10**10**10", a float beyond 2^53, a
            fraction of an update.
        """
        if isinstance(x, LogTime):
            time: LogTime | None = x
        elif isinstance(x, str):
            time = _from_text(x.strip())
        else:
            time = _from_number(x, flow)
        if time is None or not (flow or time.is_integral):
            raise _refused(x, flow, name)
        return time

    @staticmethod
    def from_log(log: object, *, flow: bool = False) -> LogTime:
        """The time whose natural logarithm is given.

        Parameters
        ----------
        log : float
            ln t, or -inf for t = 0.
        flow : bool
            Any number; else the nearest integer.

        Returns
        -------
        LogTime
            Its text is the shortest decimal with this logarithm, so that 10^1000 reads "1e1000".

        Raises
        ------
        InputError
            If `log` is NaN or +inf.
        """
        if isinstance(log, bool) or not isinstance(log, numbers.Real) or not log < math.inf:
            raise InputError("a finite logarithm of a time", log, "give ln t, or -inf for t = 0")
        log = float(log)
        if log == -math.inf:
            return LogTime.parse(0)
        log10 = _CONTEXT.divide(Decimal(log), _LN10)
        for digits in range(1, 18):
            time = LogTime.parse(rounded_text(log10, digits, flow), flow=flow)
            if time.log == log:
                break
        return time

    @property
    def is_integral(self) -> bool:
        """Whether this is a whole number of updates; beyond 10^10000 every time counts as one."""
        return not isinstance(self.value, Fraction)

    @property
    def as_float(self) -> float:
        """The nearest float64; inf beyond its range."""
        try:
            return math.inf if self.value is None else float(self.value)
        except OverflowError:
            return math.inf

    @property
    def _key(self) -> tuple[int, int | Fraction | float]:
        # A value is missing exactly beyond 10^10000, so exact times come before the others and the
        # order is total; comparing mixed pairs by logarithm would make it intransitive.
        return (1, self.log) if self.value is None else (0, self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LogTime) and self._key == other._key

    def __lt__(self, other: object) -> bool:
        return self._key < other._key if isinstance(other, LogTime) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        if len(self.text) > _LONGEST_SHOWN:
            return f"<LogTime {self}>"
        return f"LogTime.parse({self.text!r}{'' if self.is_integral else ', flow=True'})"

    def __str__(self) -> str:
        """The text, or a short one that stands for it: `text` has all 619 digits of 8.8e618."""
        if len(self.text) <= _LONGEST_SHOWN or self.value == 0:
            return self.text
        return rounded_text(Decimal(self.log10), 2, flow=not self.is_integral)


def rounded_text(log10: Decimal, digits: int, flow: bool) -> str:
    """10^log10 to `digits` significant digits; unless `flow`, small ones to integers."""
    exponent = int(log10.to_integral_value(rounding=ROUND_FLOOR))
    mantissa = _CONTEXT.power(Decimal(10), _CONTEXT.subtract(log10, Decimal(exponent)))
    if not flow and exponent < max(6, digits):
        mantissa = mantissa.scaleb(exponent).quantize(Decimal(1))
        exponent = 0
    shown = Context(prec=digits if flow or exponent else 50).plus(mantissa)
    return _written(shown, exponent)


def _written(mantissa: Decimal, exponent: int) -> str:
    """Shortest text of mantissa * 10^exponent: plain in [1e-4, 1e6), "4.64e677" elsewhere."""
    digits = f"{mantissa:f}"
    if len(digits.partition(".")[0]) > 1 and exponent:  # 9.9999999 was rounded up to 10
        return _written(mantissa.scaleb(-1), exponent + 1)
    if -5 < exponent < 6:
        digits, exponent = f"{mantissa.scaleb(exponent):f}", 0
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    return f"{digits}e{exponent}" if exponent else digits


def _from_text(text: str) -> LogTime | None:
    """The time that a decimal string or a power "10^6", "10**6" stands for; None if it is none."""
    if len(text) > _MAX_TEXT:
        return None
    if power := _POWER.fullmatch(text):
        return _power(power[1], power[2], text)
    number = _DECIMAL.fullmatch(text)
    if number is None or not (number[1] or number[2]):
        return None
    whole, fraction, exponent = number[1], (number[2] or "").rstrip("0"), number[3] or "0"
    if len(exponent) > _MAX_EXPONENT_DIGITS:
        return None
    return _scaled(_integer(whole + fraction), int(exponent) - len(fraction), text)


def _integer(digits: str) -> int:
    """int(digits) without Python's limit of 4300 digits."""
    return int(Decimal(digits)) if digits else 0


def _power(base_digits: str, exponent_digits: str, text: str) -> LogTime | None:
    """base^exponent, never built beyond 10^10000."""
    if len(exponent_digits) > _MAX_EXPONENT_DIGITS:
        return None
    base, exponent = _integer(base_digits), int(exponent_digits)
    if base < 2 or exponent == 0:
        return _exact(base ** min(exponent, 1), text)
    ln = _CONTEXT.multiply(_CONTEXT.ln(Decimal(base)), Decimal(exponent))
    if ln < (EXACT_DIGITS + 1) * _LN10:
        return _exact(base**exponent, text)
    return _beyond(ln, text)


def _scaled(mantissa: int, exponent: int, text: str) -> LogTime | None:
    """mantissa * 10^exponent, never built beyond 10^10000."""
    if mantissa == 0:
        return _exact(0, text)
    if exponent < _SMALLEST_EXPONENT - EXACT_DIGITS:
        return None  # cheap refusal: 10^-exponent is not built
    ln_mantissa = _CONTEXT.ln(Decimal(mantissa))
    ln = _CONTEXT.add(ln_mantissa, _CONTEXT.multiply(Decimal(exponent), _LN10))
    if ln < _SMALLEST_EXPONENT * _LN10:
        return None
    if ln > (EXACT_DIGITS + 1) * _LN10:
        return _beyond(ln, text)
    return _exact(mantissa * Fraction(10) ** exponent, text)


def _exact(value: int | Fraction, text: str) -> LogTime:
    """The record of an exact time; beyond 10^10000 its logarithm only."""
    if isinstance(value, Fraction) and value.denominator == 1:
        value = value.numerator
    if value == 0:
        return LogTime(0, -math.inf, text, -math.inf)
    ln = _CONTEXT.subtract(
        _CONTEXT.ln(Decimal(value.numerator)), _CONTEXT.ln(Decimal(value.denominator))
    )
    log10 = float(_CONTEXT.divide(ln, _LN10))
    return LogTime(value if value <= EXACT_UP_TO else None, float(ln), text, log10)


def _beyond(ln: Decimal, text: str) -> LogTime | None:
    """A time known by its logarithm only; None if that is no float64."""
    log, log10 = float(ln), float(_CONTEXT.divide(ln, _LN10))
    return LogTime(None, log, text, log10) if math.isfinite(log) else None


def _from_number(x: object, flow: bool) -> LogTime | None:
    """The time of an integer or a float of Python or NumPy; None if it is no time."""
    if isinstance(getattr(x, "shape", None), tuple) and not hasattr(x, "mask"):
        x = x.item() if x.shape == () else None  # type: ignore[attr-defined]
    if isinstance(x, bool) or not isinstance(x, numbers.Real):
        return None
    if isinstance(x, numbers.Integral):
        return _from_integer(operator.index(x))
    value = float(x)
    if not math.isfinite(value) or value < 0 or not (flow or value < 2**53):
        return None
    if value.is_integer() and value < 2**53:
        return _from_integer(int(value))
    return _exact(Fraction(value), repr(value))


def _from_integer(n: int) -> LogTime | None:
    """The time of an int, with a short text: 10**1000 reads "1e1000", not 1001 digits."""
    if n < 0:
        return None
    if n < 10**16:
        return _exact(n, str(n))
    if n > EXACT_UP_TO:
        return LogTime.from_log(float(_CONTEXT.ln(Decimal(n))))
    digits = str(Decimal(n))  # str(n) is refused beyond 4300 digits
    short = digits.rstrip("0")
    zeros = len(digits) - len(short)
    return _exact(n, f"{short}e{zeros}" if zeros and len(short) <= 17 else digits)


def _refused(x: object, flow: bool, name: str) -> InputError:
    if flow:
        return InputError(
            f"`{name}` to be a finite flow time >= 0",
            x,
            'give a number or a decimal string such as 0.5 or "1e1000"',
        )
    return InputError(
        f"`{name}` to be a whole number of updates >= 0",
        x,
        'give an int or a decimal string such as 1000, "1e1000" or "10^1000" (a float only below '
        "2**53)",
    )
