"""The boundary of a run at a time, and of its limit: N(x) on the line, regions in the plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latephase.core import InputError, LogTime, Words
from latephase.draw.line import line_panel
from latephase.draw.panels.canvas import picture
from latephase.draw.plane import plane_panel
from latephase.draw.scene import Scene
from latephase.experiments.bench.finding import Panel
from latephase.problem import Dataset, ShallowReLU

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from latephase.runs import Run


def plot(run: Run, t: object, ax: Any = None) -> Figure:
    """The picture of `Run.plot_boundary`."""
    refuse_wide(run.data.d)
    time = LogTime.parse(t, flow=run.flow, name="t")
    scene = Scene(run.network_at(time), run.data, limit_of(run))
    return picture([panel(scene, f"t = {time}")], ax)


def panel(scene: Scene, title: str) -> Panel:
    """The scene, on the line or in the plane."""
    seen: ShallowReLU | Dataset | None = scene.data if scene.network is None else scene.network
    wide = seen is not None and seen.d == 2
    return plane_panel(scene, title) if wide else line_panel(scene, title)


def refuse_wide(d: int) -> None:
    """Raise InputError for inputs that have no picture."""
    if d > 2:
        expected = "inputs of one or two features, which can be drawn"
        raise InputError(expected, Words(f"{d} features"), "draw the margin over time: run.plot()")


def limit_of(run: Run) -> ShallowReLU | None:
    """The network that a run converges to in direction; None where there is none."""
    from latephase.runs import limit

    try:
        return limit(run).network
    except InputError:
        return None
