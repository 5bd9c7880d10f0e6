"""`predict`: how a run will end and how fast, without following it there."""

from __future__ import annotations

import math
from dataclasses import dataclass

from latephase.core import InputError, Law, LogTime, Outcome, Regime, Words
from latephase.core.calls import public
from latephase.problem import Dataset, ShallowReLU, TwoPointGeometry
from latephase.problem.checks import MOST, callback, whole_number

from .engine import MAX_STEPS
from .engine import run as run_engine
from .run import Method
from .simulate import canonical, check, has_late_phase, simulate, verdict
from .watched import Progress

_HORIZON = 1e9  # ln t beyond which nobody asks: the search for a passage ends there


@public
@dataclass(frozen=True)
class Prediction:
    """How a run ends.  entry: the time at which it enters its regime, None if it never settles."""

    network: ShallowReLU
    data: Dataset
    method: Method
    regime: Regime | None
    law: Law | None
    outcome: Outcome
    entry: LogTime | None

    def steps_within(self, eps: float) -> LogTime | None:
        """The time from which on |x* - limit_boundary| <= eps by the law, in steps (GF: flow time).

        ln t = |constant| / eps - offset, and not before the entry; where the constant is 0 the
        boundary itself is followed.  None without a law.  Rigour: estimated.  It is no first
        passage: the boundary may have been as close before, on its way, and the law leaves out
        O(ln t / t), so that early times may be off by a factor in either direction.
        """
        if isinstance(eps, bool) or not (isinstance(eps, int | float) and 1e-290 < eps < math.inf):
            raise InputError(
                "eps > 1e-290, a distance in input units", eps, "pass for example 0.01"
            )
        if self.law is None or self.entry is None:
            return None
        flow = not hasattr(self.method, "step_size")
        if self.law.constant == 0:
            return self._follow(eps, flow)
        log = abs(self.law.constant) / eps - self.law.offset
        return max(self.entry, LogTime.from_log(max(log, 0.0), flow=flow))

    def _follow(self, eps: float, flow: bool) -> LogTime:
        """Bisect ln t on the simulated boundary: for runs faster than the law's 1/ln t."""
        low, high = max(self.entry.log, 0.0), 10.0  # type: ignore[union-attr]
        limit = math.log(eps)

        def within(log: float) -> bool:
            t = LogTime.from_log(log, flow=flow)
            run = simulate(self.network, self.data, self.method, until=t, at=[t])
            return not float(run.trajectory.log_margin_deficit[0]) > limit

        while not within(max(low, high)) and high < _HORIZON:
            low, high = high, 2 * high
        while high - low > 1e-9 * max(1.0, high):
            middle = (low + high) / 2
            low, high = (low, middle) if within(middle) else (middle, high)
        return LogTime.from_log(high, flow=flow)


@public
def predict(
    network: ShallowReLU,
    data: Dataset,
    method: Method,
    *,
    max_steps: int = MAX_STEPS,
    progress: Progress | None = None,
) -> Prediction:
    """Regime, law and pace of a run, stepping no further than the entry into the regime.

    progress: as in `simulate`.  Raises InputError for problems without a known late phase.
    Source: docs/theory.md.
    """
    network, _ = check(network, data, "exponential")
    max_steps = whole_number(max_steps, "max_steps", 1, MOST)
    callback(progress)
    if not has_late_phase(network, data):
        raise InputError(
            "two neurons with output weights +1, -1 on two points in dimension 1",
            Words(f"{network.m} neurons on {data.n} points in dimension {data.d}"),
            "use simulate, which steps any network",
        )
    weights, biases = canonical(network)
    geometry, options = TwoPointGeometry.of(data), {"max_steps": max_steps, "progress": progress}
    found = run_engine(geometry, weights, biases, method, [], None, **options)  # type: ignore[arg-type]
    outcome, regime, law = verdict(found)
    entry = None
    if regime is not None:
        time, log = float(found.journey.entry[0]), float(found.journey.log_entry[0])
        flow = not hasattr(method, "step_size")
        exact = time < 2.0**53
        entry = (
            LogTime.parse(time if flow else int(time), flow=flow)
            if exact
            else LogTime.from_log(log, flow=flow)
        )
    return Prediction(network, data, method, regime, law, outcome, entry)
