"""`predict`: how a run will end and how fast, without following it there."""

from __future__ import annotations

from dataclasses import dataclass

from latephase.core import Law, LogTime, Outcome, Regime
from latephase.core.calls import public
from latephase.core.pictures import Pictured
from latephase.core.records import Told, distance
from latephase.late.engine import MAX_STEPS, Goal, Progress
from latephase.late.engines.exact_pieces import ExactPieces
from latephase.problem import Dataset, Method, Problem, ShallowReLU

from .passage.pair_deviation import PairDeviation


@public
@dataclass(frozen=True, repr=False)
class Prediction(Told, Pictured):
    """How a run ends, read off its entry into its regime.

    Attributes
    ----------
    network, data, method
        What was asked about.
    regime : Regime or None
        How the run ends; None if it does not settle within the step budget.
    law : Law or None
        How boundary and margin come to their limits; None where the loss does not tend to 0.
    outcome : Outcome
        Why the prediction stopped, and what it found.
    entry : LogTime or None
        The time at which the run enters its regime; None if it never settles.
    """

    network: ShallowReLU
    data: Dataset
    method: Method
    regime: Regime | None
    law: Law | None
    outcome: Outcome
    entry: LogTime | None
    _max_steps: int = MAX_STEPS
    _card = "cards.prediction"

    def lines(self) -> list[str]:
        """How it ends, and the law."""
        name = self.regime.name if self.regime else self.outcome.name
        head = name if self.entry is None else f"{name} from t = {self.entry} on"
        return [head, self.outcome.value if self.law is None else str(self.law)]

    def steps_within(self, eps: float) -> LogTime | None:
        """The time from which on \\|margin - limit_margin\\| <= eps.

        Parameters
        ----------
        eps : float
            A distance in units of the inputs.

        Returns
        -------
        LogTime or None
            In steps (gradient flow: flow time).  It is the last passage of the run from t = 0 on,
            as in `Limit` and `Run.when`, and may lie before the entry.  None without a law, and
            where float64 cannot tell the margin from its limit (a constant of 1e-12).

        Raises
        ------
        InputError
            If eps is no number above 1e-290.

        Notes
        -----
        Rigour: estimated.  Late ones are the law's, ln t = \\|constant\\| / eps - offset; where the
        law still leaves out more than rounding, or its constant is 0, the run itself is followed
        (to 1e-8 of ln t, or one step; where it slides, step by step for some 10^5 steps, and beyond
        that up to the chatter).
        """
        return self._within(distance(eps), boundary=False)

    def boundary_steps_within(self, eps: float) -> LogTime | None:
        """The time from which on \\|x* - limit_boundary\\| <= eps; all else as in `steps_within`.

        Where the limit is the midpoint and x* is defined, it is the same time.
        """
        return self._within(distance(eps), boundary=True)

    def _within(self, eps: float, boundary: bool) -> LogTime | None:
        if self.law is None or self.entry is None:
            return None
        problem = Problem.of(self.network, self.data, self.method)
        options = {"max_steps": self._max_steps}
        return PairDeviation(problem, self.law, self.entry, options, boundary).within(eps)


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
