"""`predict`: how a run will end and how fast, without following it there."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from latephase.core import Law, LogTime, Outcome, Regime
from latephase.core.calls import public
from latephase.late.engine import MAX_STEPS, Goal, Progress
from latephase.late.engines.exact_pieces import ExactPieces
from latephase.problem import Dataset, Method, Problem, ShallowReLU

from .passage.approach import Approach
from .passage.passage import distance


@public
@dataclass(frozen=True)
class Prediction:
    """How a run ends.

    Attributes
    ----------
    network, data, method
        What was asked about.
    regime : Regime or None
        How the run ends, None if it never settles.
    law : Law or None
        How fast, None unless the loss tends to 0.
    outcome : Outcome
        Why the prediction stopped.
    entry : LogTime or None
        The time at which the run enters its regime.
    """

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

    Parameters
    ----------
    network, data, method
        Two neurons of output weights +1 and -1 on two points in dimension 1, by GradientDescent or
        GradientFlow; the loss is the exponential one.
    max_steps, progress
        As in `simulate`.

    Returns
    -------
    Prediction

    Raises
    ------
    InputError
        For problems whose late phase has no closed form.

    Notes
    -----
    Rigour: the law is exact where the regime was entered by exact pieces.  Source: docs/theory.md.
    """
    problem = Problem.of(network, data, method)
    problem.refuse_all_but_pairs()
    goal = Goal(until=None, max_steps=max_steps, progress=progress)
    found = ExactPieces().run(problem, [], goal)
    ends = (found.regime, found.law, found.outcome, found.entry)
    return Prediction(problem.network, problem.data, problem.method, *ends, goal.max_steps)
