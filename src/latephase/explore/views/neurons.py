"""The neurons of the start, to be dragged.

On the line: where each kinks, and its weight.  In the plane: its weight vector.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import Span

from ..asked.state import State
from .look import colours, paint_frame, plot
from .network import Handles, Moved

_LEAST = 0.02  # of a weight: a neuron without one has no kink
_EDGE = 0.985  # of the frame: where a kink outside of it is shown


class NeuronView:
    """Neurons as diamonds, filled by the sign of their output weight."""

    def __init__(self, moved: Moved, x_range: Any) -> None:
        self.fig = plot()
        self._beside = x_range
        self.handles = Handles(self.fig, moved, size=15)
        self.zero = Span(location=0, dimension="width", line_width=1)
        self.fig.add_layout(self.zero)
        self._dark = False
        self._shown: State | None = None

    def show(self, state: State, held: bool) -> None:
        """Show the network of the start."""
        self._shown = state
        self._frame(state, held)
        if held:
            return
        known = colours(self._dark)
        fill = [known["--c0"] if v > 0 else known["--c1"] for v in state.output_weights]
        names = [f"{j + 1}" for j in range(state.m)]
        x, y = self._places(state)
        self.handles.show(x, y, fill, ["diamond"] * state.m, names)

    def _places(self, state: State) -> tuple[Any, Any]:
        w = np.array(state.weights)
        if state.d == 2:
            return w[:, 0], w[:, 1]
        low, high = self._ends()
        return np.clip(kinks(state), low, high), w[:, 0]

    def _ends(self) -> tuple[float, float]:
        start, end = float(self._beside.start), float(self._beside.end)
        middle, half = (start + end) / 2, (end - start) / 2
        return middle - _EDGE * half, middle + _EDGE * half

    def _frame(self, state: State, held: bool) -> None:
        on_line = state.d == 1
        kinks_at = "kink −b/w (input units)" if state.bias else "kink: all at 0, without biases"
        self.fig.xaxis.axis_label = kinks_at if on_line else "weight w1"
        self.fig.yaxis.axis_label = "weight w" if on_line else "weight w2"
        if held:
            return
        largest = 1.6 * max(0.5, float(np.abs(np.array(state.weights)).max()))
        low, high = (self._beside.start, self._beside.end) if on_line else (-largest, largest)
        self.fig.x_range.update(start=float(low), end=float(high))
        self.fig.y_range.update(start=-largest, end=largest)

    def dragged(self, state: State, x: list[float], y: list[float]) -> State:
        """The state with the neurons where they were dragged to."""
        if len(x) != state.m:
            return state
        shown_x, shown_y = self._places(state)
        values: dict[str, float] = {}
        for j in range(state.m):
            if x[j] == shown_x[j] and y[j] == shown_y[j]:
                continue
            if state.d == 2:
                values |= {f"w{j + 1}.1": _short(x[j]), f"w{j + 1}.2": _short(y[j])}
                continue
            weight = _short(y[j])
            weight = weight if abs(weight) >= _LEAST else (_LEAST if weight >= 0 else -_LEAST)
            kink = kinks(state)[j] if x[j] == shown_x[j] else _short(x[j])
            values |= {f"w{j + 1}": weight}
            if state.bias:
                values |= {f"b{j + 1}": _short(-weight * kink)}
        return state.with_values(values) if values else state

    def recolour(self, dark: bool) -> None:
        """Go over to the other scheme."""
        self._dark = dark
        paint_frame(self.fig, dark)
        self.zero.line_color = colours(dark)["--muted"]
        self.handles.recolour(dark)
        if self._shown is not None:
            self.show(self._shown, held=False)


def kinks(state: State) -> Any:
    """−b/w of each neuron of a network on the line; 0 without biases, far away where w is 0."""
    w = np.array(state.weights)[:, 0]
    b = np.array(state.biases if state.bias else (0.0,) * state.m)
    with np.errstate(all="ignore"):
        found = np.where(w == 0, np.sign(-b) * 1e9, -b / w)
    return np.nan_to_num(found, posinf=1e9, neginf=-1e9) + 0.0


def _short(value: float) -> float:
    """Two digits behind the point: enough for what a hand can place."""
    return round(float(value), 2) + 0.0
