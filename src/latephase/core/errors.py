"""Errors of the package: what was expected, what came, what to do."""

from __future__ import annotations

import reprlib

from latephase.core.shown import LONGEST, escaped, shortened

_OWN = 2 * LONGEST  # characters of what was expected and of what to do: mostly our own words


class LatephaseError(Exception):
    """Base of every error that latephase raises on purpose.

    Examples
    --------
    >>> issubclass(lp.InputError, lp.LatephaseError), issubclass(lp.InputError, ValueError)
    (True, True)
    """


class InputError(LatephaseError, ValueError):
    """Bad input, told in one line: "expected X, got Y; do Z".

    `got` is the offending value itself: its value, type and shape are written out.  Pass `Words`
    to say in words what came ("3 inputs and 2 labels").  Foreign text may stand in all three: it is
    printed in one line, with control characters written out, and of bounded length.

    Examples
    --------
    >>> try:
    ...     lp.GradientDescent(step_size=-1)
    ... except lp.InputError as error:
    ...     print(error)
    expected step_size > 0, got -1 (int); give a positive number
    """

    # BaseException.__new__ keeps the three arguments in `args`, so the error survives pickling.
    def __init__(self, expected: str, got: object, do: str) -> None:
        self.expected = expected
        self.got = got
        self.do = do

    def __str__(self) -> str:
        expected, do = (_one_line(part, _OWN) for part in (self.expected, self.do))
        return f"expected {expected}, got {describe(self.got)}; {do}"


class Words(str):
    """A description of what came, printed as it stands instead of as a quoted str."""


def describe(value: object) -> str:
    """Value, type and, for arrays, dtype and shape, in one short line; never raises.

    >>> describe(-1)
    '-1 (int)'
    >>> describe("abc")
    "'abc' (str)"
    """
    if isinstance(value, Words):
        return _one_line(str(value))
    if value is None:
        return "None"
    return _one_line(f"{_short(value)} ({_kind(value)})")


def _kind(value: object) -> str:
    """Name of the type, with dtype and shape for arrays (numpy, jax, torch alike)."""
    shape = getattr(value, "shape", None)
    if not isinstance(shape, tuple) or shape == ():
        return type(value).__name__
    return f"{type(value).__name__} of {getattr(value, 'dtype', '?')}, shape {tuple(shape)}"


def _short(value: object) -> str:
    """A repr of bounded length."""
    if isinstance(value, int) and value.bit_length() > 256:
        # Python refuses to print an int of more than 4300 digits: the error must not raise another.
        return f"an integer of {value.bit_length()} bits"
    writer = reprlib.Repr()
    writer.maxstring = writer.maxother = 60
    try:
        return writer.repr(value)
    except Exception:  # a broken __repr__, or a huge int inside a list, must not hide the message
        return "a value that cannot be printed"


def _one_line(text: str, longest: int = LONGEST) -> str:
    """Text in one line, of bounded length: white space as a space, the rest that acts escaped."""
    return shortened(escaped(" ".join(shortened(text, 20 * longest).split())), longest)
