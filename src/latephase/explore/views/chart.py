"""The map of two numbers of the state, with a dot where the state is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from bokeh.events import RangesUpdate, Tap
from bokeh.models import ColumnDataSource, PanTool, WheelZoomTool
from bokeh.palettes import Cividis256

from latephase.core import Outcome, Regime
from latephase.draw.panels.palette import FILLS

from ..answered.cells import NUMBERS
from ..answered.maps import Box, Map
from .look import colours, paint_frame, plot
from .painter import rgba

_OPAQUE = 0.92
_SAME = 1e-6  # of a number: closer ones are written alike
_UNKNOWN = rgba(np.zeros((1, 1)), [FILLS[6]], 0.33)[0, 0]
_NONE = "has none, as the loss does not tend to 0"
_NO_MARGIN = "no margin, then or now: a point is on the wrong side"
_THRESHOLD = {"name": "x1 x2 = −1", "line": True, "says": "below it null parts stay"}
_SIDES = ("#d9691a", "#1a7fc1")  # of values below and above 0, which itself is see-through
_FILL_OF = {
    "specialised": FILLS[0],
    "double_slide": FILLS[2],
    "single_slide": FILLS[4],
    "one_dead": FILLS[1],
    "both_dead": FILLS[6],
    "settled": FILLS[0],
    "unfitted": FILLS[1],
    "transient": FILLS[5],
    "overflowed": FILLS[3],
    "refused": "#c3cad2",
}
_WORDS = {
    "unfitted": "never fitted",
    "settled": "fitted",
    "refused": "no run",
}

To = Callable[[float, float], None]


class MapView:
    """The map; it is zoomed with the wheel and dragged, and a tap goes to a place."""

    def __init__(self, to: To, zoomed: Callable[[Box], None]) -> None:
        wheel, pan = WheelZoomTool(), PanTool()
        self.fig = plot(tools=(pan, wheel))
        self.fig.toolbar.active_scroll = wheel
        self._source = ColumnDataSource({"image": [], "x": [], "y": [], "dw": [], "dh": []})
        self.fig.image_rgba("image", "x", "y", "dw", "dh", source=self._source, level="image")
        self.fig.grid.visible = False
        # Where the points of a pair stop to move one another's neurons.
        self._curve = ColumnDataSource({"x": [], "y": []})
        self._threshold = self.fig.line(
            "x", "y", source=self._curve, line_width=2, line_dash=[6, 4], level="annotation"
        )
        self._here = ColumnDataSource({"x": [], "y": []})
        looks = {"size": 15, "marker": "circle_cross", "fill_alpha": 0.0, "level": "overlay"}
        place = {"x": "x", "y": "y", "source": self._here}
        # On maps of any colour: what is below it is of the colour of the page.
        self._halo, self._dot = (self.fig.scatter(**place, **looks, line_width=w) for w in (6, 2.5))
        self.fig.on_event(Tap, lambda event: to(float(event.x), float(event.y)))
        self.fig.on_event(
            RangesUpdate, lambda event: zoomed((event.x0, event.x1, event.y0, event.y1))
        )

    def frame(self, box: Box, names: tuple[str, str], here: tuple[float, float]) -> None:
        """Show this part of the plane, and where the state is."""
        for axis, (start, end) in ((self.fig.x_range, box[:2]), (self.fig.y_range, box[2:])):
            if (axis.start, axis.end) != (start, end):
                axis.update(start=start, end=end)
        self.fig.xaxis.axis_label, self.fig.yaxis.axis_label = (axis_name(name) for name in names)
        if (*self._here.data["x"], *self._here.data["y"]) != here:
            self._here.data = {"x": [here[0]], "y": [here[1]]}

    def empty(self) -> None:
        """Show no map."""
        self._source.data = {name: [] for name in self._source.data}

    def show(self, found: Map, colour: str, *, threshold: bool = False) -> dict[str, Any]:
        """Show a map; returns its legend: chips by name, or the ends of a scale.

        threshold: whether it is one over two points, whose product decides at -1.
        """
        image, legend = _categories(found.ends) if colour == "regime" else _scale(found, colour)
        self._curve.data = _hyperbola(found) if threshold else {"x": [], "y": []}
        if threshold:
            legend["chips"] = [*legend["chips"], _THRESHOLD]
        left, right, low, high = _edges(found)
        place = {"x": [left], "y": [low], "dw": [right - left], "dh": [high - low]}
        self._source.data = {"image": [image], **place}
        return legend

    def recolour(self, dark: bool) -> None:
        """Go over to the other scheme."""
        paint_frame(self.fig, dark)
        known = colours(dark)
        self._halo.glyph.line_color = known["back"]
        self._dot.glyph.line_color = self._threshold.glyph.line_color = known["--ink"]


def axis_name(name: str) -> str:
    """A number of the state, in words."""
    kinds = {"x": "input", "w": "weight", "b": "bias", "v": "output weight"}
    units = " (input units)" if name[0] == "x" else ""
    return f"{kinds[name[0]]} {name}{units}"


def _edges(found: Map) -> Box:
    """The box of a map, half a cell beyond the middles of its outer cells."""
    ends = []
    for middles in (found.x, found.y):
        half = float(middles[1] - middles[0]) / 2
        ends += [float(middles[0]) - half, float(middles[-1]) + half]
    return ends[0], ends[1], ends[2], ends[3]


def _hyperbola(found: Map) -> dict[str, Any]:
    """x y = -1 within a map, in two branches with a gap between them."""
    left, right, low, high = _edges(found)
    x = np.linspace(left, right, 400)
    with np.errstate(divide="ignore"):
        y = -1.0 / x
    return {"x": x, "y": np.where((y >= low) & (y <= high), y, np.nan)}


def _categories(ends: Any) -> tuple[Any, dict[str, Any]]:
    known = [name for name in _FILL_OF if (ends == name).any()]
    others = sorted(set(ends.ravel().tolist()) - set(known) - {""})
    names = known + others
    fills = [_FILL_OF.get(name, FILLS[3]) for name in names]
    indices = np.full(ends.shape, np.nan)
    for k, name in enumerate(names):
        indices[ends == name] = k
    chips = [
        {"name": _WORDS.get(name, name.replace("_", " ")), "colour": fill, "says": _about(name)}
        for name, fill in zip(names, fills, strict=True)
    ]
    return rgba(indices, fills, _OPAQUE), {"chips": chips}


def _about(name: str) -> str:
    known = Regime.__members__.get(name) or Outcome.__members__.get(name)
    return str(known.value) if known is not None else "two labels in one place"


def _scale(found: Map, colour: str) -> tuple[Any, dict[str, Any]]:
    values = np.asarray(getattr(found, colour), dtype=float)
    values = np.where(np.isfinite(values), values, np.nan)
    finite = values[np.isfinite(values)]
    if not len(finite):
        chips = [{"name": "nothing to colour here", "colour": "transparent", "says": ""}]
        return rgba(np.full(values.shape, np.nan), ["#000000"], 1.0), {"chips": chips}
    both = colour in ("worse", "constant")
    low, high = np.quantile(finite, [0.02, 0.98])
    if both:
        high = max(abs(low), abs(high)) or 1.0
        low = -high
    if not both and high - low <= _SAME * abs(high):
        return _one_number(values, found, high, NUMBERS[colour])
    none = _NO_MARGIN if colour == "worse" else _NONE
    share = np.clip((values - low) / (high - low), 0.0, 1.0)
    image = _by_sign(share) if both else rgba(np.floor(share * 255), Cividis256, _OPAQUE)
    image = np.where(np.isnan(share) & (found.ends != ""), _UNKNOWN, image)
    fills = [_SIDES[0], "transparent", _SIDES[1]] if both else list(Cividis256[::16])
    legend = {"low": f"{low:.3g}", "high": f"{high:.3g}", "name": NUMBERS[colour], "fills": fills}
    legend["middle"] = "0" if both else ""
    chips = [{"name": none, "colour": "#8a929c55", "says": ""}] if np.isnan(share).any() else []
    return image, {"scale": legend, "chips": chips}


def _one_number(values: Any, found: Map, number: float, name: str) -> tuple[Any, dict[str, Any]]:
    """A map of what is the same wherever it is known, which a scale would not show."""
    known = np.isfinite(values)
    image = rgba(np.where(known, 0.0, np.nan), [_SIDES[1]], _OPAQUE)
    image = np.where(~known & (found.ends != ""), _UNKNOWN, image)
    chips = [{"name": f"{name}: {number:.3g}", "colour": _SIDES[1], "says": ""}]
    chips += [] if known.all() else [{"name": _NONE, "colour": "#8a929c55", "says": ""}]
    return image, {"chips": chips}


def _by_sign(share: Any) -> Any:
    """Shares (h, w) of a scale around 0 as an image: the stronger, the farther from the middle."""
    image = rgba(np.where(np.isfinite(share), share > 0.5, np.nan).astype(float), _SIDES, 1.0)
    parts = image.view(np.uint8).reshape(*share.shape, 4)
    strength = np.nan_to_num(np.abs(2 * share - 1)) ** 0.75
    parts[..., 3] = np.round(255 * strength)
    return image
