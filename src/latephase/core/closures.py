"""What a function says of itself: its name and the numbers that it holds, and a digest of all else.

For records of runs whose method is a user's function. Its repr has an address, which is another one
in every process; what `optax.adam(1e-3)` is stands in the closures of the functions it is made of.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import numbers
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import numpy as np

from latephase.core.shown import shown

_DEEPEST, _LONGEST = 16, 200
_INSTALLED = (
    *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")),
    str(Path(__file__).parents[1]),
)
"""Where code is known by its name: that of packages, ours among them."""


def written(value: Any) -> str:
    """A function, or what is made of functions, in words that are the same in every process, cut
    to the length of a message: `written_out` has them whole, and compares.

    >>> def power(rate, exponent):
    ...     return lambda t: rate * (t + 1.0) ** exponent
    >>> written(power(0.5, -1.0))
    'power(exponent=-1.0, rate=0.5)'
    """
    return shown(written_out(value), _LONGEST)


def written_out(value: Any) -> str:
    """The same words at any length."""
    return _written(value, _DEEPEST) or type(value).__name__


def digest(value: Any) -> str:
    """Sixteen hexadecimal digits that tell a function from others, the same in every process.

    They are of all that decides what it does: code, defaults, what its cells and the globals that
    it reads hold, arrays too; of what is installed, the name instead of the code.

    >>> digest(lambda t: 0.1 / (t + 1)) == digest(lambda t: 0.2 / (t + 1))
    False
    """
    found = hashlib.sha256()
    for part in _told(value, {}):
        found.update(f"{len(part)}:".encode() + part)
    return found.hexdigest()[:16]


def _told(value: Any, seen: dict[int, tuple[int, Any]]) -> Iterator[bytes]:
    """What there is to say of a value, in parts; what was said already, by its number.

    seen: by address, with the value itself, so that no other one comes to its address.
    """
    if value is None or isinstance(value, str | bytes | bool):
        yield repr(value).encode()
    elif isinstance(value, numbers.Number):
        yield _number(value).encode()
    elif id(value) in seen:
        yield f"#{seen[id(value)][0]}".encode()
    else:
        if not isinstance(value, tuple | frozenset | CodeType):  # equal ones may be one or two
            seen[id(value)] = len(seen), value
        yield type(value).__qualname__.encode()
        for part in _parts(value):
            yield from _told(part, seen)


def _parts(value: Any) -> list[Any]:
    """What a value is made of, in an order that is the same in every process."""
    if isinstance(value, dict):
        return [part for pair in value.items() for part in pair]
    if isinstance(value, tuple | list):
        return list(value)
    if isinstance(value, set | frozenset):
        return sorted(map(digest, value))
    if isinstance(value, CodeType):
        return [value.co_code, value.co_names, value.co_varnames, value.co_consts]
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        array = np.asarray(value)
        return [str(array.dtype), array.shape, array.tobytes()]
    return _parts_of_object(value)


def _parts_of_object(value: Any) -> list[Any]:
    """The same of what is no container: functions, classes, modules, instances."""
    if isinstance(value, functools.partial):
        return [value.func, value.args, value.keywords]
    if inspect.isclass(value) or inspect.ismodule(value):
        return [value.__name__, _functions_of(value) if inspect.isclass(value) else None]
    inner = inspect.unwrap(value) if callable(value) else value
    function = getattr(inner, "__func__", inner)
    if inspect.isfunction(function):
        return [getattr(inner, "__self__", None), *_parts_of_function(function)]
    return [getattr(inner, "__name__", ""), type(value), _state(value)]


def _parts_of_function(function: Any) -> list[Any]:
    """Its name, what it holds, and, unless it is installed, its code with the globals it reads."""
    code, around = function.__code__, function.__globals__
    held = [function.__qualname__, function.__defaults__, function.__kwdefaults__, _held(function)]
    if code.co_filename.startswith(_INSTALLED):
        return held
    names = sorted({name for one in _codes(code) for name in one.co_names} & around.keys())
    return [*held, code, {name: around[name] for name in names}]


def _functions_of(kind: type) -> list[Any]:
    """The functions of a class; none of one that is installed."""
    file = getattr(sys.modules.get(kind.__module__), "__file__", None) or ""
    if kind.__module__ == "builtins" or file.startswith(_INSTALLED):
        return []
    return [*filter(inspect.isfunction, vars(kind).values()), *kind.__bases__]


def _state(value: Any) -> Any:
    """What an object holds, slots too, as it would be pickled; its dict where it cannot be."""
    try:
        reduced = value.__reduce_ex__(2)
    except Exception:  # whatever a user's object may raise
        return getattr(value, "__dict__", None)
    return reduced if isinstance(reduced, str) else reduced[1:3]


def _codes(code: CodeType) -> Iterator[CodeType]:
    """The code of a function and of those inside it."""
    yield code
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from _codes(one)


def _number(value: Any) -> str:
    """A number; a whole one alike as int and float: a schedule may turn its own into the other."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return repr(value)
    if isinstance(value, numbers.Integral) and abs(int(value)) > 2**53:
        return repr(int(value))
    return repr(float(value)).removesuffix(".0")


def _written(value: Any, depth: int) -> str:
    """Of what holds no numbers itself, only what it holds; "" of what is not known."""
    if depth == 0:
        return "..."
    update = getattr(value, "update", None)  # of a transformation; `init` is made of the same
    if inspect.isfunction(update):
        return _written(update, depth - 1)
    if isinstance(value, tuple | list):
        return ", ".join(filter(None, (_written(one, depth - 1) for one in value)))
    if isinstance(value, functools.partial):
        held = {"": value.args, **value.keywords}
        return _called(_written(value.func, depth - 1), held, depth)
    name = getattr(value, "__qualname__", "").partition(".<locals>")[0]
    return _called(name, _held(value), depth) if callable(value) else ""


def _held(function: Any) -> dict[str, Any]:
    """What the cells of a closure hold, by name."""
    function = getattr(function, "__func__", function)
    code, cells = getattr(function, "__code__", None), getattr(function, "__closure__", None) or ()
    held = {}
    for name, cell in sorted(zip(code.co_freevars, cells, strict=True)) if code and cells else ():
        try:
            held[name] = cell.cell_contents
        except ValueError:  # an empty one
            continue
    return held


def _called(name: str, held: dict[str, Any], depth: int) -> str:
    flat: dict[str, Any] = {}
    for key, value in held.items():
        flat |= value if isinstance(value, dict) else {key: value}
    plain = {key: one for key, one in flat.items() if isinstance(one, str | numbers.Number)}
    inner = [_written(one, depth - 1) for key, one in flat.items() if key not in plain]
    inside = ", ".join(
        [f"{key}={_shown(one)}" for key, one in plain.items()] + list(filter(None, inner))
    )
    wraps = inside and not plain
    return inside if wraps else f"{name}({inside})" if inside else name


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, str) else _number(value)
