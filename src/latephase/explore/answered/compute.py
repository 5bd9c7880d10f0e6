"""What follows from a state: its run at times from the start to 10^1000, and the limit.

Pure: a state in, records and panels out.  Runs are kept, so that scrubbing through the times of one
computes nothing anew.
"""

from __future__ import annotations

import math
import time as clock
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from latephase.core import InputError, LatephaseError, LogTime, Words
from latephase.draw.boundary import panel as scene_panel
from latephase.draw.run import panels as run_panels
from latephase.draw.scene import Scene
from latephase.experiments.bench.finding import Panel, Series
from latephase.runs import Limit, Run, TwoLayerLimit, limit, simulate
from latephase.runs.trajectory import network_of

from ..asked.state import UNTIL, State
from ..asked.stops import stops

if TYPE_CHECKING:
    from latephase.problem import ShallowReLU

MOST_SECONDS = 20.0  # of processor time for a run: the page says so, and has the command for more
_REACH = 1.6  # of the plane beyond its frame, which the page makes longer one way
_KEPT = 64  # runs: a megabyte each at most


class Stopped(LatephaseError):
    """A computation whose result nobody waits for any more."""


class TooLong(InputError):
    """A computation that took longer than a page can wait for."""


@dataclass(frozen=True)
class Followed:
    """A run of a state, and the times of its samples, ascending.

    limit: what it converges to, None where it has none;  no_limit: why.
    """

    run: Run
    times: list[LogTime]
    limit: Limit | TwoLayerLimit | None
    no_limit: str

    @cached_property
    def log10_t(self) -> Any:
        """Decimal logarithms of the times (T,); -inf of 0."""
        return np.asarray(self.run.trajectory.log10_t.values)

    @cached_property
    def margin(self) -> Any:
        """Robustness margins (T,)."""
        return np.asarray(self.run.trajectory.robustness_margin.values)

    def position(self, t: LogTime) -> int:
        """Of the last sample up to this time."""
        return max(bisect_right(self.times, t) - 1, 0)

    def network_at(self, k: int) -> ShallowReLU | None:
        """The network of a sample; None where it was not reached."""
        if not self.reached(k):
            return None
        return network_of(self.run.trajectory.isel(time=k), self.run.network)

    def reached(self, k: int) -> bool:
        """Whether the run has come to this sample."""
        return bool(np.isfinite(self.run.trajectory.weights.values[k]).all())

    def scene(self, k: int) -> Panel:
        """N over the inputs at a sample: on the line, or in the plane."""
        found = self.limit.network if self.limit is not None and self.limit.settled else None
        scene = Scene(self.network_at(k), self.run.data, found, reach=_REACH)
        return scene_panel(scene, f"t = {self.times[k].text}")

    @cached_property
    def over_time(self) -> list[Panel]:
        """Margin and deficit, with the law."""
        return run_panels(self.run, self.run.trajectory, self.run.law)


def follow(state: State, wanted: Callable[[], bool] = lambda: True) -> Followed:
    """Follow the network of a state to t = 10^1000; what is kept is returned at once.

    wanted: asked on the way whether to go on.  Raises InputError on what cannot be followed or
    takes too long, and Stopped where it is not wanted any more.
    """
    at = sorted({*stops(state.flow), state.at})
    key = (what_moves(state), "" if state.at in stops(state.flow) else state.time)
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    found = _followed(state, at, wanted)
    with _lock:
        _kept[key] = found
        while len(_kept) > _KEPT:
            _kept.popitem(last=False)
    return found


_kept: OrderedDict[tuple[State, str], Followed] = OrderedDict()
_lock = Lock()


def what_moves(state: State) -> State:
    """The state without what is only looked at."""
    looks = State()
    same = {name: getattr(looks, name) for name in ("beside", "map_x", "map_y", "colour", "time")}
    return replace(state, **same, init="", seed=0)


def _followed(state: State, at: list[LogTime], wanted: Callable[[], bool]) -> Followed:
    problem = state.problem
    parts = (problem.network, problem.data, problem.method)
    going = watch(wanted, MOST_SECONDS, clock.thread_time)
    run = simulate(*parts, until=UNTIL, at=at, loss=state.loss, progress=going)
    try:
        return Followed(run, at, limit(run), "")
    except InputError as error:
        return Followed(run, at, None, str(error))


def watch(
    wanted: Callable[[], bool], seconds: float, now: Callable[[], float] = clock.monotonic
) -> Callable[[int, int], None]:
    """A progress callback that ends what is not wanted any more, or takes too long.

    now: the clock; that of the thread does not count what others on the machine do.
    """
    end = now() + seconds

    def going(done: int, total: int) -> None:
        if not wanted():
            raise Stopped("not wanted any more")
        if now() > end:
            got = Words(f"one that is at {done} of {total} after {seconds:g} s")
            raise TooLong("a run that a page can wait for", got, "copy it as a command instead")

    return going


def other(state: State) -> State:
    """The same by the other method, looked at at the same flow time."""
    at, flow = state.at, not state.flow
    if not math.isinf(at.log):
        end = LogTime.parse(UNTIL, flow=flow)
        shift = math.log(state.step_size) * (1 if flow else -1)
        at = min(LogTime.from_log(at.log + shift, flow=flow), end)
    return replace(state, method="gf" if flow else "gd", time=at.text, beside=False)


def beside(panel: Panel, state: State, others: Followed) -> Panel:
    """The panel of margins with those of the other method, at the same flow time."""
    name = "gradient descent" if others.run.method.discrete else "gradient flow"
    shift = math.log10(state.step_size) * (1 if others.run.method.discrete else -1)
    x = others.log10_t + shift
    kept = np.isfinite(x) & (x <= 1000.0)
    if panel.start is not None:
        kept &= x > panel.start
    line = Series("line", x[kept], others.margin[kept], name, colour=3)
    return replace(panel, series=[*panel.series, line])
