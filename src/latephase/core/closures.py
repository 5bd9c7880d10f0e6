"""What a function says of itself: its name, and the numbers that it holds.

For records of runs whose method is a user's function. Its repr has an address, which is another one
in every process; what `optax.adam(1e-3)` is stands in the closures of the functions it is made of.
"""

from __future__ import annotations

import functools
import inspect
import numbers
from typing import Any

from latephase.core.shown import shown

_DEEPEST, _LONGEST = 16, 200


def written(value: Any) -> str:
    """A function, or what is made of functions, in words that are the same in every process.

    >>> def power(rate, exponent):
    ...     return lambda t: rate * (t + 1.0) ** exponent
    >>> written(power(0.5, -1.0))
    'power(exponent=-1.0, rate=0.5)'
    """
    return shown(_written(value, _DEEPEST) or type(value).__name__, _LONGEST)


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
    inside = ", ".join([f"{key}={one!r}" for key, one in plain.items()] + list(filter(None, inner)))
    wraps = inside and not plain
    return inside if wraps else f"{name}({inside})" if inside else name
