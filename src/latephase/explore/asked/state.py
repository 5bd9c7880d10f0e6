"""What is set on the page: numbers and names, checked.

Pure: nothing is computed here, and nothing is known of a browser.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from latephase.core import InputError, LogTime, Words
from latephase.problem import (
    Dataset,
    GradientDescent,
    GradientFlow,
    Method,
    Problem,
    ShallowReLU,
    initializers,
)

MOST_POINTS, MOST_NEURONS, MOST_FEATURES = 12, 16, 2
UNTIL = "1e1000"
COLOURS = ("regime", "worse", "constant", "entry", "exponent")
METHODS, LOSSES = ("gd", "gf"), ("exponential", "logistic")
_LARGEST = 1e6  # of numbers that are dragged: pictures of more show nothing

Row = tuple[float, ...]


@dataclass(frozen=True)
class State:
    """What is set.

    inputs (n, d), labels (n,); weights (m, d), biases (m,), output_weights (m,) of the start,
    biases () of a network without;  init, seed: of which initializer it was drawn, "" if its
    numbers are given;  time: text of the time that is looked at;  beside: whether the other method
    is shown, too;  map_x, map_y: the two numbers that the map varies;  colour: what it shows.
    """

    inputs: tuple[Row, ...] = ((1.0,), (-1.0,))
    labels: tuple[int, ...] = (1, -1)
    weights: tuple[Row, ...] = ((0.7,), (-0.4,))
    biases: Row = (0.1, 0.2)
    output_weights: Row = (1.0, -1.0)
    init: str = ""
    seed: int = 0
    train_output: bool = False
    slope: float = 0.0
    method: str = "gd"
    step_size: float = 0.1
    loss: str = "exponential"
    time: str = "1e100"
    beside: bool = False
    map_x: str = "w1"
    map_y: str = "w2"
    colour: str = "regime"

    @property
    def n(self) -> int:
        """Points."""
        return len(self.inputs)

    @property
    def m(self) -> int:
        """Neurons."""
        return len(self.weights)

    @property
    def d(self) -> int:
        """Features."""
        return len(self.inputs[0])

    @property
    def bias(self) -> bool:
        """Whether the neurons have biases."""
        return bool(self.biases)

    @property
    def flow(self) -> bool:
        """Whether time is that of gradient flow."""
        return self.method == "gf"

    @cached_property
    def data(self) -> Dataset:
        """The points.  Raises InputError."""
        return Dataset([list(x) for x in self.inputs], list(self.labels))

    @cached_property
    def network(self) -> ShallowReLU:
        """The network at the start.  Raises InputError."""
        kind: dict[str, Any] = {"negative_slope": self.slope, "train_output": self.train_output}
        weights = [list(w) for w in self.weights]
        biases = list(self.biases) if self.bias else None
        return ShallowReLU(weights, biases, list(self.output_weights), **kind)

    @cached_property
    def trained_by(self) -> Method:
        """The method.  Raises InputError."""
        return GradientFlow() if self.flow else GradientDescent(self.step_size)

    @cached_property
    def problem(self) -> Problem:
        """Network, data, method and loss.  Raises InputError."""
        return Problem.of(self.network, self.data, self.trained_by, self.loss)

    @cached_property
    def at(self) -> LogTime:
        """The time that is looked at.  Raises InputError."""
        return LogTime.parse(self.time, flow=self.flow, name="t")

    def names(self) -> list[str]:
        """The numbers that a map can vary: x1, w1, b1, v1; of two features x1.1, x1.2."""
        ends = [""] if self.d == 1 else [f".{k + 1}" for k in range(self.d)]
        several = [("x", self.n), ("w", self.m)]
        found = [f"{c}{i + 1}{end}" for c, count in several for i in range(count) for end in ends]
        others = ("b" if self.bias else "") + ("v" if self.train_output else "")
        return found + [f"{c}{j + 1}" for c in others for j in range(self.m)]

    def value(self, name: str) -> float:
        """The number of that name."""
        kind, row, column = _place(name)
        found = getattr(self, _FIELDS[kind])[row]
        return float(found[column]) if kind in "xw" else float(found)

    def with_values(self, values: dict[str, float]) -> State:
        """The same with other numbers at these names; a network of which one changes is given."""
        changed: dict[str, Any] = {}
        for name, value in values.items():
            kind, row, column = _place(name)
            where = _FIELDS[kind]
            rows = list(changed.get(where, getattr(self, where)))
            if kind in "xw":
                rows[row] = (*rows[row][:column], float(value), *rows[row][column + 1 :])
            else:
                rows[row] = float(value)
            changed[where] = tuple(rows)
        if set(changed) - {"inputs"}:
            changed["init"] = ""
        return replace(self, **changed)


_FIELDS = {"x": "inputs", "w": "weights", "b": "biases", "v": "output_weights"}


def _place(name: str) -> tuple[str, int, int]:
    """(kind, row, column) of a name."""
    row, _, column = name[1:].partition(".")
    return name[0], int(row) - 1, int(column or 1) - 1


def checked(state: State) -> State:
    """The state, if a page can show it.  Raises InputError that says why not."""
    sizes = (state.n, state.m, len(state.inputs[0]) if state.inputs else 0)
    most = (MOST_POINTS, MOST_NEURONS, MOST_FEATURES)
    for size, limit, name in zip(sizes, most, ("points", "neurons", "features"), strict=True):
        if not 1 <= size <= limit:
            do = "use latephase run for larger ones"
            raise InputError(f"1 to {limit} {name}", Words(f"{size}"), do)
    for name, known in (("method", METHODS), ("loss", LOSSES), ("colour", COLOURS)):
        if getattr(state, name) not in known:
            raise InputError(f"{name} {' or '.join(known)}", getattr(state, name), "take one")
    numbers = [*(v for row in (*state.inputs, *state.weights) for v in row), *state.biases]
    numbers += [*state.output_weights]
    if any(abs(number) > _LARGEST for number in numbers):
        largest = max(numbers, key=abs)
        raise InputError(f"numbers up to {_LARGEST:g}", largest, "rescale the inputs")
    if state.init:
        initializers.get(state.init)
    problem = state.problem
    if problem.network.d != problem.data.d:
        got = Words(f"{problem.network.d} and {problem.data.d}")
        raise InputError("weights of as many features as inputs", got, "give one per feature")
    _checked_time(state)
    names = state.names()
    axes = (name if name in names else "" for name in (state.map_x, state.map_y))
    map_x, map_y = _two(axes, names)
    return replace(state, map_x=map_x, map_y=map_y)


def _two(axes: Any, names: list[str]) -> list[str]:
    """Two different names: those given, if there are such."""
    kept = list(dict.fromkeys(name for name in axes if name))
    rest = [name for name in names if name[0] == "w" and name not in kept]
    rest += [name for name in names if name not in kept and name not in rest]
    return [*kept, *rest][:2]


def _checked_time(state: State) -> None:
    end = LogTime.parse(UNTIL, flow=state.flow)
    if state.at > end:
        raise InputError(f"a time up to {UNTIL}", Words(state.time), "take an earlier one")


def drawn(state: State, **shape: Any) -> State:
    """The state with a network drawn of its initializer and seed; `shape`: width, if another."""
    width = int(shape.get("width", state.m))
    made = initializers.get(state.init)
    weights, biases = made(trials=1, seed=state.seed, width=width, d=state.d, bias=state.bias)
    outer = state.output_weights
    if len(outer) != width:
        outer = tuple(1.0 if j % 2 == 0 else -1.0 for j in range(width))
    rows = tuple(tuple(map(float, row)) for row in weights[0])
    given = () if biases is None else tuple(map(float, biases[0]))
    return replace(state, weights=rows, biases=given, output_weights=outer)
