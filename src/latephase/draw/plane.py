"""A network in the plane: the regions of its sign, its boundary and kinks, points and margins."""

from __future__ import annotations

from typing import Any

import numpy as np
from contourpy import LineType, contour_generator

from latephase.core.arrays import Floats
from latephase.draw.scene import Scene, frame
from latephase.experiments.bench.finding import Panel, Role, Series
from latephase.problem import ShallowReLU

_GRID = 241  # values of N each way: a cell is less than a pixel of the drawing
_AT_ONCE = 4096  # points at which a network is evaluated at a time, however wide it is
_MOST_KINKS, _MOST_CIRCLES = 40, 40
_SIDES = ("N > 0", "N < 0")


def plane_panel(scene: Scene, title: str) -> Panel:
    """The regions where N > 0 and N < 0; empty where it is 0."""
    x, y, limits = _axes(scene)
    box = (x[[0, -1]], y[[0, -1]])
    series = scene.points(scene.inputs)  # drawn above all else
    if scene.network is not None:
        values = _values(scene.network, x, y)
        series = [
            Series("map", x, y, z=_indices(values), categories=_SIDES, role="sample"),
            *series,  # so that the legend has pairs
            *_kinks(scene.network, box),
            *_zeros(values, x, y, "boundary", "outline"),
        ]
    if scene.limit is not None:
        values = _values(scene.limit, x, y)
        series += _zeros(values, x, y, "boundary of the limit", "prediction")
    series += [*_circles(scene), *scene.missed(scene.inputs)]
    labels = ("x1 (input units)", "x2 (input units)")
    return Panel(series, *labels, title, equal=True, **limits)


def _axes(scene: Scene) -> tuple[Floats, Floats, dict[str, Any]]:
    """Places along both axes, and the frame, a square around the points and their margins; the
    places go beyond it as far as the scene reaches."""
    margin = scene.margin if 0 < scene.margin < np.inf else 0.0
    ends = [frame(x, np.concatenate([x - margin, x + margin])) for x in scene.inputs.T]
    half = max(high - low for low, high in ends) / 2
    middles = [low + (high - low) / 2 for low, high in ends]
    far, places = half * scene.reach, round((_GRID - 1) * scene.reach) + 1
    x, y = (np.linspace(middle - far, middle + far, places) for middle in middles)
    sides = zip(("x_limits", "y_limits"), middles, strict=True)
    return x, y, {name: (middle - half, middle + half) for name, middle in sides}


def _values(network: ShallowReLU, x: Floats, y: Floats) -> Floats:
    """N (g, g) on the grid, in units of its largest value."""
    points = np.column_stack([part.ravel() for part in np.meshgrid(x, y)])
    parts = [network(points[k : k + _AT_ONCE]) for k in range(0, len(points), _AT_ONCE)]
    values = np.concatenate(parts).reshape(len(y), len(x))
    largest = np.abs(values).max()
    return values / largest if 0 < largest < np.inf else values


def _indices(values: Floats) -> Floats:
    """0 where N > 0, 1 where N < 0, and NaN where it is 0 or unknown."""
    return np.where(values > 0, 0.0, np.where(values < 0, 1.0, np.nan))


def _zeros(values: Floats, x: Floats, y: Floats, name: str, role: Role) -> list[Series]:
    """The lines on which N is 0."""
    if not np.isfinite(values).all():
        return []
    lines: Any = contour_generator(x, y, values, line_type=LineType.Separate).lines(0.0)
    if not lines:
        return []
    broken = np.concatenate([np.vstack([line, [[np.nan, np.nan]]]) for line in lines])
    return [Series("line", broken[:, 0], broken[:, 1], name, role=role)]


def _kinks(network: ShallowReLU, box: tuple[Floats, Floats]) -> list[Series]:
    """The lines w . x + b = 0, as far as they are in the box."""
    if network.m > _MOST_KINKS or network.negative_slope == 1:
        return []
    (x0, x1), (y0, y1) = box
    centre, radius = np.array([(x0 + x1) / 2, (y0 + y1) / 2]), np.hypot(x1 - x0, y1 - y0) / 2
    found = []
    for w, b in zip(network.weights, network.biases_or_zeros, strict=True):
        length = np.hypot(*w)
        offset = (w @ centre + b) / length if length > 0 else np.inf
        if abs(offset) < radius:
            foot, along = centre - offset * w / length, np.array([-w[1], w[0]]) / length
            found += [foot - radius * along, foot + radius * along, np.full(2, np.nan)]
    if not found:
        return []
    x, y = np.array(found).T
    return [Series("line", x, y, "kinks", role="sample")]


def _circles(scene: Scene) -> list[Series]:
    """Circles around the points whose radius is the margin: the boundary touches one of them."""
    margin, points = scene.margin, scene.inputs
    if not 0 < margin < np.inf or len(points) > _MOST_CIRCLES:
        return []
    turn = np.append(np.linspace(0, 2 * np.pi, 73), np.nan)
    sides = zip(points.T, (np.cos(turn), np.sin(turn)), strict=True)
    x, y = ((centres[:, None] + margin * side).ravel() for centres, side in sides)
    return [Series("line", x, y, f"margin {margin:.4g}", colour=2)]
