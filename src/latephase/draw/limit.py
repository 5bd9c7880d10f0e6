"""What a run converges to: the boundary of the limit, and the points that decide it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latephase.core.arrays import Bools
from latephase.draw.boundary import panel
from latephase.draw.panels.canvas import picture
from latephase.draw.scene import Scene
from latephase.experiments.bench.finding import Panel, Series

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from latephase.runs import Limit, TwoLayerLimit

    AnyLimit = Limit | TwoLayerLimit

_SUPPORT = 1e-9  # of the largest multiplier: a point with more decides the limit


def plot(limit: AnyLimit, ax: Any = None) -> Figure:
    """The picture of `Limit.plot`."""
    return picture(panels(limit), ax)


def panels(limit: AnyLimit, measured: bool = True) -> list[Panel]:
    """The limit network where it can be drawn, else the margins of the points.

    measured: whether its robustness margin is shown, too, which may take time.
    """
    support = limit.multipliers > _SUPPORT * np.max(limit.multipliers, initial=0.0)
    title = f"Limit: normalised margin {limit.normalised_margin:.4g}"
    if limit.data.d > 2:
        return [_margins(limit, support, title)]
    scene = Scene(limit.network, limit.data, support=support, measured=measured)
    return [panel(scene, title)]


def _margins(limit: AnyLimit, support: Bools, title: str) -> Panel:
    """y N(x) of each point under the limit network, whose smallest is 1."""
    margins = limit.data.labels * limit.network(limit.data.inputs)
    order = np.argsort(margins, kind="stable")
    margins, chosen, place = margins[order], support[order], np.arange(1, len(order) + 1)
    series = [
        Series("line", place[[0, -1]], [1.0, 1.0], "smallest", role="reference"),
        Series("points", place[~chosen], margins[~chosen], "other points", colour=0),
        Series("points", place[chosen], margins[chosen], "decide the limit", colour=1, marker="s"),
    ]
    return Panel(series, "point, in order of its margin", "y N(x)", title)
