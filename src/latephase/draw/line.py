"""A network on the line: N(x) with its kinks and zeros, the points, and the margin between them."""

from __future__ import annotations

import numpy as np

from latephase.core.arrays import Floats
from latephase.draw.scene import Scene, frame, kinks_of, zeros_of
from latephase.experiments.bench.finding import Panel, Role, Series

_ROOM = 0.08  # of the values of N, above and below them


def line_panel(scene: Scene, title: str) -> Panel:
    """N over the input."""
    x, zeros, limits = scene.inputs[:, 0], zeros_of(scene.network), zeros_of(scene.limit)
    kinks = kinks_of(scene.network)
    low, high = frame(x, np.concatenate([kinks, zeros, limits]))
    kinks, zeros, limits = (part[(part > low) & (part < high)] for part in (kinks, zeros, limits))
    corners = np.unique(np.concatenate([[low, high], kinks, zeros]))
    values = np.zeros(len(corners)) if scene.network is None else scene.network(corners)
    values[np.isin(corners, zeros)] = 0.0
    bottom, top = _range(values)
    at = np.column_stack([x, np.zeros_like(x)])
    series = [
        *_sides(corners, values, bottom, top),
        *scene.points(at),  # drawn above all else, and named in pairs
        Series("line", [low, high], [0.0, 0.0], role="reference"),
        *([] if scene.network is None else [Series("line", corners, values, "N(x)", colour=2)]),
        *_verticals(zeros, bottom, top, "boundary", "outline"),
        *_verticals(limits, bottom, top, "boundary of the limit", "prediction"),
        *_kinks(kinks, scene),
        *_gap(scene, zeros),
        *scene.missed(at),
    ]
    label = "" if scene.network is None else "N(x)"
    limits_of = {"x_limits": (low, high), "y_limits": (bottom, top)}
    return Panel(series, "x (input units)", label, title, **limits_of)  # type: ignore[arg-type]


def _range(values: Floats) -> tuple[float, float]:
    """Of N, with 0 and some room."""
    finite = values[np.isfinite(values)]
    low, high = np.min(finite, initial=0.0), np.max(finite, initial=0.0)
    room = _ROOM * (high - low) or 1.0
    return float(low - room), float(high + room)


def _sides(corners: Floats, values: Floats, bottom: float, top: float) -> list[Series]:
    """Where N is positive and where it is negative, as bands behind all else."""
    with np.errstate(all="ignore"):
        middle = values[:-1] / 2 + values[1:] / 2
    bands = []
    for sign, colour in ((1, 0), (-1, 1)):
        inside = np.flatnonzero(np.sign(middle) == sign)
        ends = np.column_stack([corners[inside], corners[inside + 1], np.full(len(inside), np.nan)])
        x, name = ends.ravel(), "N > 0" if sign > 0 else "N < 0"
        low, high = np.full(x.shape, bottom), np.full(x.shape, top)
        bands += [Series("band", x, low, name, y2=high, colour=colour)] if len(x) else []
    return bands


def _verticals(at: Floats, bottom: float, top: float, name: str, role: Role) -> list[Series]:
    """Lines over the whole height."""
    if not len(at):
        return []
    x = np.repeat(at, 3)
    y = np.tile([bottom, top, np.nan], len(at))
    return [Series("line", x, y, name, role=role)]


def _kinks(kinks: Floats, scene: Scene) -> list[Series]:
    if scene.network is None or not len(kinks):
        return []
    return [Series("points", kinks, scene.network(kinks), "kinks", role="prediction", colour=2)]


def _gap(scene: Scene, zeros: Floats) -> list[Series]:
    """The way from the boundary to the nearest point: as long as the margin."""
    margin, x = scene.margin, scene.inputs[:, 0]
    if not (margin > 0 and len(zeros)):
        return []
    apart = np.abs(x[:, None] - zeros)
    i, k = np.unravel_index(np.argmin(apart), apart.shape)
    return [Series("line", [x[i], zeros[k]], [0.0, 0.0], f"margin {margin:.4g}", colour=4)]
