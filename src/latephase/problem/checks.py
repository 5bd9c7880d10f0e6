"""Checks of user input that several records of this room share."""

from __future__ import annotations

import math
import numbers
import operator
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from latephase.core import InputError, Words

Array = NDArray[np.float64]


def finite_array(values: ArrayLike, name: str, shape: str) -> Array:
    """`values` as a new read-only float64 array.

    Raises InputError, naming the argument and the expected `shape` (words), on anything that is
    not a rectangular array of finite real numbers, and on an empty one.
    """
    array = _real_array(values, name, shape)
    if array.size == 0:
        raise InputError(f"{name} of shape {shape}", values, "give at least one")
    result = np.array(array, dtype=np.float64)
    if not np.all(np.isfinite(result)):
        bad = float(result[~np.isfinite(result)][0])
        raise InputError(f"finite {name}", bad, "remove NaN and infinities")
    result.setflags(write=False)
    return result


def _real_array(values: ArrayLike, name: str, shape: str) -> NDArray[Any]:
    """An array of integers or floats; no bool, no text, nothing ragged."""
    try:
        array = np.asarray(values)
    except (ValueError, TypeError, OverflowError):
        array = np.asarray(None)  # ragged: refused below, like every other object array
    if array.size and array.dtype.kind not in "iuf":
        raise InputError(f"{name} of real numbers, shape {shape}", values, "give plain numbers")
    return array


def real_number(value: object, name: str, kind: str) -> float:
    """`value` (Python or NumPy real, also a 0-d array) as a finite float64.

    Raises InputError with `kind` (words: "a finite number > 0") on anything else.
    """
    scalar = value.item() if getattr(value, "ndim", None) == 0 else value  # type: ignore[attr-defined]
    try:
        if not isinstance(scalar, bool) and isinstance(scalar, numbers.Real):
            number = float(scalar)
            if math.isfinite(number):
                return number
    except OverflowError:  # an int beyond float64
        pass
    raise InputError(f"{name} to be {kind}", value, "give a plain number")


def whole_number(value: object, name: str, lowest: int, highest: int | None = None) -> int:
    """`value` as an int within [lowest, highest]; InputError on anything else, bool included."""
    most = "" if highest is None else f" and <= {highest}"
    if not isinstance(value, bool) and isinstance(value, numbers.Integral):
        number = operator.index(value)
        if number >= lowest and (highest is None or number <= highest):
            return number
    raise InputError(f"{name} to be an integer >= {lowest}{most}", value, f"change {name}")


def file_content(path: object, kind: str) -> bytes:
    """The bytes of a file; `kind` says which ("CSV").  Raises InputError if it cannot be read."""
    if not isinstance(path, str | os.PathLike) or not os.fspath(path):
        raise InputError(f"the path of a {kind} file", path, "pass its name")
    try:
        return Path(os.fsdecode(path)).expanduser().read_bytes()
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        got = Words(f"{os.fsdecode(path)!r} ({reason})")
        raise InputError(f"a {kind} file that can be read", got, "check its path") from None
