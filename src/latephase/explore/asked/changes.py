"""What is done on the page, as a change of its state: (state, what was sent) -> state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from latephase.core import InputError, Words

from .presets import PRESETS
from .state import MOST_NEURONS, MOST_POINTS, State, checked, drawn
from .stops import stops

_PLAIN = ("method", "loss", "time", "beside", "map_x", "map_y", "colour", "init", "seed")
_KINDS: dict[str, type] = {"beside": bool, "seed": int}


def changed(state: State, asked: dict[str, Any]) -> State:
    """The state after one change.  Raises InputError on what cannot be."""
    for name, value in asked.items():
        if name not in CHANGES:
            raise InputError("a change that the page knows", Words(name), "reload the page")
        state = CHANGES[name](state, value)
    return checked(state)


def _set(name: str) -> Callable[[State, Any], State]:
    kind = _KINDS.get(name, str)
    return lambda state, value: replace(state, **{name: kind(value)})


def _number(name: str) -> Callable[[State, Any], State]:
    def change(state: State, value: Any) -> State:
        new: dict[str, Any] = {name: _real(value)}
        return replace(state, **new)

    return change


def _real(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError("a number", value, "write for example 0.5")
    return float(value)


def _row(value: Any, count: int) -> int:
    if not isinstance(value, int) or not 0 <= value < count:
        raise InputError(f"a row from 0 to {count - 1}", value, "reload the page")
    return value


def _method(state: State, value: Any) -> State:
    """The other method; of gradient descent, whose time is whole, at the next number of updates."""
    if value == "gd" and state.flow:
        now = state.at
        state = replace(state, time=next(t.text for t in stops(False) if t >= now))
    return replace(state, method=str(value))


def _stop(state: State, value: Any) -> State:
    known = stops(state.flow)
    return replace(state, time=known[min(max(int(value), 0), len(known) - 1)].text)


def _redrawn(state: State, value: Any) -> State:
    """Draw the network of an initializer: {init, seed}."""
    if not isinstance(value, dict) or not {"init", "seed"} <= set(value):
        raise InputError("init and seed", value, "reload the page")
    seed = value["seed"]
    if not isinstance(seed, int) or not 0 <= seed < 2**53:
        raise InputError("a whole number as seed", seed, "write for example 3")
    return drawn(replace(state, init=str(value["init"]), seed=seed))


def _preset(_: State, value: Any) -> State:
    return PRESETS[_row(value, len(PRESETS))].state


def _values(state: State, value: Any) -> State:
    if not isinstance(value, dict):
        raise InputError("numbers by their names", value, "reload the page")
    unknown = sorted(set(value) - set(state.names()) - {f"v{j + 1}" for j in range(state.m)})
    if unknown:
        raise InputError("a number of the state", Words(unknown[0]), "reload the page")
    return state.with_values({name: _real(number) for name, number in value.items()})


def _flipped(state: State, value: Any) -> State:
    """The other label of a point; of the last one of a class too, of another point then."""
    labels, turned = list(state.labels), _row(value, state.n)
    labels[turned] *= -1
    if len(set(labels)) == 1:
        other = next(i for i in range(len(labels)) if i != turned)
        labels[other] *= -1
    return replace(state, labels=tuple(labels))


def _more_points(state: State, _: Any) -> State:
    if state.n >= MOST_POINTS:
        raise InputError(f"at most {MOST_POINTS} points", state.n + 1, "remove one first")
    x = tuple(
        max(row[k] for row in state.inputs) + (0.5 if k == 0 else 0.0) for k in range(state.d)
    )
    return replace(state, inputs=(*state.inputs, x), labels=(*state.labels, -state.labels[-1]))


def _fewer_points(state: State, value: Any) -> State:
    gone = _row(value, state.n)
    kept = [i for i in range(state.n) if i != gone]
    labels = tuple(state.labels[i] for i in kept)
    if len(set(labels)) < 2:
        raise InputError("a point of each label", Words("one label"), "keep it, or flip another")
    return replace(state, inputs=tuple(state.inputs[i] for i in kept), labels=labels)


def _more_neurons(state: State, _: Any) -> State:
    if state.m >= MOST_NEURONS:
        raise InputError(f"at most {MOST_NEURONS} neurons", state.m + 1, "remove one first")
    sign = -1.0 if state.output_weights[-1] > 0 else 1.0
    w = tuple(0.5 * sign if k == 0 else 0.3 for k in range(state.d))
    biases = (*state.biases, 0.2) if state.bias else ()
    outer = (*state.output_weights, sign)
    return replace(state, weights=(*state.weights, w), biases=biases, output_weights=outer, init="")


def _fewer_neurons(state: State, value: Any) -> State:
    if state.m == 1:
        raise InputError("at least 1 neuron", 0, "keep it")
    gone = _row(value, state.m)
    kept = [j for j in range(state.m) if j != gone]
    parts = ("weights", "biases", "output_weights") if state.bias else ("weights", "output_weights")
    rest = {name: tuple(getattr(state, name)[j] for j in kept) for name in parts}
    return replace(state, **rest, init="")  # type: ignore[arg-type]


def _bias(state: State, value: Any) -> State:
    """With biases, which begin at 0 where they are not drawn, or without."""
    given = replace(state, biases=(0.0,) * state.m if value else ())
    return drawn(given) if state.init else given


def _dimension(state: State, value: Any) -> State:
    """From the line to the plane, where points and weights get a second number, and back."""
    d = int(value)
    if d == state.d:
        return state
    if d == 1:
        inputs = tuple(row[:1] for row in state.inputs)
        return replace(state, inputs=inputs, weights=tuple(w[:1] for w in state.weights), init="")
    up = (0.4, -0.4)
    inputs = tuple((row[0], up[i % 2]) for i, row in enumerate(state.inputs))
    weights = tuple((w[0], up[j % 2]) for j, w in enumerate(state.weights))
    return replace(state, inputs=inputs, weights=weights, init="")


CHANGES: dict[str, Callable[[State, Any], State]] = {
    **{name: _set(name) for name in _PLAIN},
    "step_size": _number("step_size"),
    "slope": _number("slope"),
    "bias": _bias,
    "train_output": lambda state, value: replace(state, train_output=bool(value)),
    "method": _method,
    "stop": _stop,
    "drawn": _redrawn,
    "preset": _preset,
    "values": _values,
    "flip": _flipped,
    "add_point": _more_points,
    "remove_point": _fewer_points,
    "add_neuron": _more_neurons,
    "remove_neuron": _fewer_neurons,
    "dimension": _dimension,
}
"""What can be changed: a new control is one entry here, and one in `looks/page.js`."""
