"""Checks of user input that several records of this room share."""

from __future__ import annotations

import contextlib
import math
import numbers
import operator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from latephase.core import InputError, Words
from latephase.core.arrays import Floats

LABELS = (-1, 1)
MOST = 2**63 - 1  # of whatever is counted: what compiled loops can count to


def finite_array(values: ArrayLike, name: str, shape: str) -> Floats:
    """`values` as a new read-only float64 array.

    Raises InputError, naming the argument and the expected `shape` (words), on anything that is
    not a rectangular array of finite real numbers, on an empty or a masked one, and on integers
    that no float64 is.
    """
    array = _real_array(values, name, shape)
    if array.size == 0:
        raise InputError(f"{name} of shape {shape}", values, "give at least one")
    result = np.array(array, dtype=np.float64)
    _refuse_rounded_integers(array, result, name)
    if not np.all(np.isfinite(result)):
        bad = float(result[~np.isfinite(result)][0])
        raise InputError(f"finite {name}", bad, "remove NaN and infinities")
    result.setflags(write=False)
    return result


def _real_array(values: ArrayLike, name: str, shape: str) -> NDArray[Any]:
    """An array of integers or floats; no bool, no text, nothing ragged, nothing masked."""
    wanted = f"{name} of real numbers, shape {shape}"
    if _is_masked(values):
        # np.asarray would hand out what lies below the mask: 999 for a missing value, say.
        got = Words("a masked array, whose masked entries would count")
        raise InputError(wanted, got, "leave the masked points out and pass .data of the rest")
    try:
        array = np.asarray(values)
    except Exception as error:  # whatever stands in for an array may raise whatever it likes
        if hasattr(values, "detach") or "detach" in str(error):
            do = "pass its numbers: .detach().cpu().double().numpy()"
            raise InputError(wanted, Words("a tensor that NumPy cannot read"), do) from None
        array = np.asarray(None)  # ragged: refused below, like every other object array
    if array.size and array.dtype.kind not in "iuf":
        raise InputError(wanted, values, "give plain numbers")
    return array


def _is_masked(values: object) -> bool:
    """Whether a masked array is given, or stands inside of what is given."""
    if isinstance(values, list | tuple):
        return any(map(_is_masked, values))
    return isinstance(values, np.ma.MaskedArray)


def _refuse_rounded_integers(array: NDArray[Any], result: Floats, name: str) -> None:
    """2^53 and 2^53 + 1 are one float64: two points, or a point and its label, would merge."""
    if array.dtype.kind in "iu":
        large = np.abs(result) >= 2.0**53
        for given, kept in zip(array[large].tolist(), result[large].tolist(), strict=True):
            if given != int(kept):
                do = "give numbers that float64 holds, or subtract a common offset"
                raise InputError(f"{name} that are float64 numbers", given, do)


DTYPES = ("float64", "float32", "float16", "bfloat16")
"""The arithmetics in which gradient descent can be made."""


def dtype_name(value: object) -> str:
    """The one of DTYPES that `value` names: a text, a NumPy or JAX type, or a dtype, torch's too.

    Raises InputError on anything else: numbers have a dtype but are none.
    """
    named = str(value).rpartition(".")[2] if type(value).__module__ == "torch" else value
    if isinstance(named, type | np.dtype) or (isinstance(named, str) and named not in DTYPES):
        with contextlib.suppress(Exception):  # NumPy has errors of many types for a bad name
            named = np.dtype(named).name
    if isinstance(named, str) and named in DTYPES:
        return named
    raise InputError(f"a dtype, {', '.join(DTYPES)}", value, "use one of these names")


def real_number(value: object, name: str, kind: str) -> float:
    """`value` (Python or NumPy real, also a 0-d array) as a finite float64.

    Raises InputError with `kind` (words: "a finite number > 0") on anything else.
    """
    scalar = _plain(value)
    try:
        if not isinstance(scalar, bool) and isinstance(scalar, numbers.Real):
            number = float(scalar)
            if math.isfinite(number):
                return number
    except OverflowError:  # an int beyond float64
        pass
    raise InputError(f"{name} to be {kind}", value, "give a plain number")


def positive_number(value: object, name: str) -> float:
    """`value` as a finite float64 > 0; InputError on anything else."""
    number = real_number(value, name, "a finite number > 0")
    if number <= 0:
        raise InputError(f"{name} > 0", value, "give a positive number")
    return number


def whole_number(value: object, name: str, lowest: int, highest: int | None = None) -> int:
    """`value` as an int within [lowest, highest]; 20.0 and 1e6 are whole numbers, too.

    Raises InputError on anything else, bool and floats beyond 2^53 included.
    """
    most = "" if highest is None else f" and <= {highest}"
    scalar = _plain(value)
    if isinstance(scalar, float) and scalar.is_integer() and abs(scalar) < 2**53:
        scalar = int(scalar)
    if not isinstance(scalar, bool) and isinstance(scalar, numbers.Integral):
        number = operator.index(scalar)
        if number >= lowest and (highest is None or number <= highest):
            return number
    raise InputError(f"{name} to be an integer >= {lowest}{most}", value, f"change {name}")


def seed_number(value: object) -> int:
    """`value` as a seed: an integer from 0 to 2^64 - 1, and no float, which may have lost digits.

    Raises InputError on anything else.
    """
    if isinstance(_plain(value), float):
        raise InputError("seed to be an integer >= 0", value, "give it without a decimal point")
    return whole_number(value, "seed", 0, 2**64 - 1)


def flag(value: object, name: str) -> bool:
    """`value` as a bool; InputError on anything but True and False (also of NumPy)."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise InputError(f"{name} to be True or False", value, f"change {name}")


def callback(value: object, name: str = "progress") -> None:
    """Check that `value` is None or can be called.  Raises InputError."""
    if value is not None and not callable(value):
        raise InputError(f"{name} to be a function", value, f"pass {name}=print to see it called")


def _plain(value: Any) -> object:
    """What a 0-d array holds, or the value itself; None for the masked constant of NumPy."""
    if isinstance(value, np.ma.MaskedArray):
        return None  # its .item() is 0.0
    try:
        return value.item() if getattr(value, "ndim", None) == 0 else value
    except Exception:  # a tensor without values
        return None
