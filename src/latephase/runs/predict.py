"""`predict`: how a run will end and how fast, without following it there."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from latephase.core import InputError, Law, LogTime, Outcome, Regime, Words
from latephase.core.calls import public
from latephase.late.chain.progress import Progress
from latephase.problem import Dataset, ShallowReLU, TwoPointGeometry
from latephase.problem.checks import MOST, callback, whole_number
from latephase.problem.methods import Method

from .engines.exact_pieces import MAX_STEPS
from .engines.exact_pieces import run as run_engine
from .passage.approach import Approach
from .passage.passage import distance
from .simulate import canonical, check, has_late_phase, verdict


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
    _max_steps: int = field(default=MAX_STEPS, repr=False)

    def steps_within(self, eps: float) -> LogTime | None:
        """The time from which on |x* - limit_boundary| <= eps, in steps (GF: flow time).

        It is the last passage, not the first, and never before the entry.  Late ones are the law's,
        ln t = |constant| / eps - offset; where the law still leaves out more than rounding, or its
        constant is 0, the run itself is followed from the entry on (to 1e-8 of ln t, or one step).
        None without a law, and where float64 cannot tell x* from its limit (a constant of 1e-12).
        Rigour: estimated.  Raises InputError.
        """
        bound = distance(eps)
        return None if self._approach is None else self._approach.within(bound)

    @cached_property
    def _approach(self) -> Approach | None:
        if self.law is None or self.entry is None:
            return None
        options = {"max_steps": self._max_steps}
        times = self.entry, self.entry
        return Approach(self.network, self.data, self.method, self.law, *times, options)


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
    return Prediction(network, data, method, regime, law, outcome, entry, max_steps)
