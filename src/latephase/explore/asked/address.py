"""The state of the page as the query of its address, and back."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any
from urllib.parse import parse_qsl, quote

from latephase.core import InputError, Words

from .state import MOST_NEURONS, State, checked, drawn

_LONGEST = 6000  # characters of a query: a full state has about 2000


def typed(value: Any) -> str:
    """Numbers as text that reads back as the same: rows by semicolons, numbers by commas."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int | float):
        return repr(value).removesuffix(".0")
    nested = any(isinstance(row, tuple) and len(row) > 1 for row in value)
    rows = [row[0] if isinstance(row, tuple) and not nested else row for row in value]
    text = (";" if nested else ",").join(map(typed, rows))
    return f"{text};" if nested and len(rows) == 1 else text


_KEYS = {
    "x": "inputs",
    "y": "labels",
    "w": "weights",
    "b": "biases",
    "v": "output_weights",
    "init": "init",
    "seed": "seed",
    "both": "train_output",
    "slope": "slope",
    "method": "method",
    "eta": "step_size",
    "loss": "loss",
    "t": "time",
    "beside": "beside",
    "mapx": "map_x",
    "mapy": "map_y",
    "colour": "colour",
}
_ROWS, _LISTS = {"inputs", "weights"}, {"biases", "output_weights", "labels"}


def to_query(state: State) -> str:
    """The query of the address, "" for the state that a page begins with."""
    usual, parts = State(), []
    drawn_names = {"weights", "biases"} if state.init else set()
    for key, name in _KEYS.items():
        value = getattr(state, name)
        drawn_too = name in drawn_names and value != ()
        if drawn_too or value == getattr(usual, name):
            continue
        parts.append(f"{key}={quote(typed(value), safe=',;.-+')}")
    if state.init and state.m != 2:
        parts.append(f"m={state.m}")
    return "&".join(parts)


def from_query(query: str) -> tuple[State, str]:
    """(state, "") of a query; of one that is malformed (usual state, what is wrong with it)."""
    try:
        return checked(_read(query)), ""
    except InputError as error:
        return State(), str(error)


def _read(query: str) -> State:
    """The state of a query.  Raises InputError."""
    if len(query) > _LONGEST:
        got = Words(f"{len(query):,}")
        raise InputError(f"an address of at most {_LONGEST:,} characters", got, "take less")
    given = dict(parse_qsl(query.removeprefix("?"), keep_blank_values=True))
    width = given.pop("m", None)
    unknown = sorted(set(given) - set(_KEYS))
    if unknown:
        raise InputError(f"an address of {', '.join(_KEYS)}", Words(unknown[0]), "leave it out")
    read = {_KEYS[key]: _value(_KEYS[key], text) for key, text in given.items()}
    if "output_weights" not in read and "weights" in read and not read.get("init"):
        m = len(read["weights"])
        read["output_weights"] = tuple(1.0 if j % 2 == 0 else -1.0 for j in range(m))
    state = State(**read)
    if not state.init:
        return state
    neurons = 2 if width is None else _whole("m", width)
    if not 1 <= neurons <= MOST_NEURONS:
        raise InputError(f"m from 1 to {MOST_NEURONS}", neurons, "take fewer neurons")
    if "output_weights" in read and len(state.output_weights) != neurons:
        got = Words(f"{len(state.output_weights)} for {neurons} neurons")
        raise InputError("as many output weights as neurons", got, "give one per neuron")
    return drawn(state, width=neurons)


def _value(name: str, text: str) -> Any:
    """The value of a field, read from its text.  Raises InputError."""
    kinds = {f.name: f.type for f in fields(State)}
    if name in _ROWS:
        rows = text.removesuffix(";").split(";") if ";" in text else text.split(",")
        return tuple(tuple(_number(name, v) for v in row.split(",")) for row in rows)
    if name in _LISTS:
        numbers = tuple(_number(name, v) for v in text.split(",")) if text else ()
        if name != "labels":
            return numbers
        return tuple(int(v) if v == int(v) else v for v in numbers)
    if kinds[name] == "bool":
        return text not in ("", "0", "false")
    if kinds[name] == "int":
        return _whole(name, text)
    return _number(name, text) if kinds[name] == "float" else text


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise InputError(f"numbers as {name}", text, "write for example 0.5,-1") from None
    if not math.isfinite(value):
        raise InputError(f"finite numbers as {name}", text, "write for example 0.5,-1")
    return value


def _whole(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise InputError(f"a whole number as {name}", text, "write for example 3")
    return int(text)
