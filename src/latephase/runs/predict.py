"""`predict`: how a run will end and how fast, without sampling it on the way there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, partial

from latephase.core import Law, LogTime, Outcome, Regime
from latephase.core.arrays import Floats
from latephase.core.calls import public
from latephase.core.pictures import Pictured
from latephase.core.records import Summarised, distance
from latephase.late.engine import MAX_STEPS, Goal, Progress
from latephase.late.engines.choice import engine_for
from latephase.problem import Dataset, Method, Problem, ShallowReLU
from latephase.problem.methods import followed_method

from .documented import documented
from .limit import constant_shares, limit
from .passage.pair_deviation import PairDeviation
from .run import Run
from .simulate import run_of, warn_of_a_long_step
from .times import Times

_HORIZONS = ("1e1000", "1e434000")  # a mode that lasts beyond counts as one that lasts for ever


@public
@dataclass(frozen=True, repr=False)
class Prediction(Summarised, Pictured):
    """How a run ends, read off its entry into its regime, or its last mode.

    Attributes
    ----------
    network, data, method, loss
        What was asked about.
    regime : Regime or None
        How a run of two neurons on two points ends; None of others, and of one that does not settle
        within the step budget.
    law : Law or None
        How boundary and margin come to their limits; None where the loss does not tend to 0.
    outcome : Outcome
        Why the prediction stopped, and what it found.
    entry : LogTime or None
        The time at which the run enters its regime, or from which on its last mode is followed;
        None if it does not settle.

    Examples
    --------
    >>> data = lp.Dataset([1.0, -1.0], [1, -1])
    >>> net = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2])
    >>> found = lp.predict(net, data, lp.GradientDescent(0.1))
    >>> print(found.law)
    x* ~ 0 + 0.2 / (ln t - 1.20944)
    >>> str(found.steps_within(0.1)), str(found.steps_within(0.001))
    ('0', '2.42185753445115e87')
    """

    network: ShallowReLU
    data: Dataset
    method: Method
    regime: Regime | None
    law: Law | None
    outcome: Outcome
    entry: LogTime | None
    loss: str = "exponential"
    _max_steps: int = MAX_STEPS
    _found: Run | None = field(default=None, compare=False)
    _card = "cards.prediction"

    def lines(self) -> list[str]:
        """How it ends, and the law."""
        name = self.regime.name if self.regime else self.outcome.name
        head = name if self.entry is None else f"{name} from t = {self.entry} on"
        return [head, self.outcome.value if self.law is None else str(self.law)]

    def steps_within(self, eps: float) -> LogTime | None:
        """The time from which on |margin - limit_margin| <= eps.

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
        Rigour: estimated.  Late ones are the law's, ln t = |constant| / eps - offset; where the
        law still leaves out more than rounding, or its constant is 0, the run itself is followed
        (to 1e-8 of ln t, or one step; where it slides, step by step for some 10^5 steps, and beyond
        that up to the chatter).
        """
        return self._within(distance(eps), boundary=False)

    def boundary_steps_within(self, eps: float) -> LogTime | None:
        """The time from which on |x* - limit_boundary| <= eps; all else as in `steps_within`.

        Where the limit is the midpoint and x* is defined, it is the same time.  None too where the
        limit is no point of the line.
        """
        return self._within(distance(eps), boundary=True)

    def when(
        self,
        *,
        deficit: float | None = None,
        boundary: float | None = None,
        log_loss: float | None = None,
    ) -> LogTime | None:
        """The time from which on a quantity stays within a bound, as in `Run.when`."""
        return self._run.when(deficit=deficit, boundary=boundary, log_loss=log_loss)

    def _within(self, eps: float, boundary: bool) -> LogTime | None:
        if self.law is None or self.entry is None:
            return None
        if self._problem.has_closed_form:
            options = {"max_steps": self._max_steps}
            return PairDeviation(self._problem, self.law, self.entry, options, boundary).within(eps)
        found = limit(self._run)
        return found.boundary_steps_within(eps) if boundary else found.steps_within(eps)

    @property
    def _problem(self) -> Problem:
        return Problem.of(self.network, self.data, self.method, self.loss)

    @cached_property
    def _run(self) -> Run:
        """The run to the far end of its last mode, with a sample there."""
        if self._found is not None:
            return self._found
        return _followed(self._problem, Goal(None, self._max_steps), _HORIZONS[0])[0]


@public
@documented
def predict(
    network: ShallowReLU,
    data: Dataset,
    method: Method,
    *,
    loss: str = "exponential",
    max_steps: int = MAX_STEPS,
    processes: int | None = None,
    progress: Progress | None = None,
) -> Prediction:
    """Regime, law and pace of a run, without its samples on the way.

    Parameters
    ----------
    network, data
        A ShallowReLU and a Dataset of as many features each.
    method
        GradientDescent of a constant step size, or GradientFlow.
    {loss}
    max_steps, processes, progress
        As in `simulate`.

    Returns
    -------
    Prediction

    Raises
    ------
    InputError
        On bad arguments, and for methods that are stepped: they have no late phase that is known.

    Notes
    -----
    Two neurons of output weights +1 and -1 on two points in dimension 1 with the exponential loss
    are stepped no further than the entry into their regime; any others, with both layers trained
    too, are followed until their mode lasts for ever: their law is that of `simulate` to 10^1000.
    Rigour: as in `simulate`; the law is exact where a regime was entered by exact pieces.  Source:
    docs/theory.md.

    Examples
    --------
    >>> data = lp.Dataset([1.0, -1.0], [1, -1])
    >>> net = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2])
    >>> found = lp.predict(net, data, lp.GradientDescent(0.1))
    >>> found.regime.name, str(found.steps_within(0.01))
    ('specialised', '1626079666')
    """
    problem = Problem.of(network, data, followed_method(method), loss)
    warn_of_a_long_step(problem)
    goal = Goal(None, max_steps, processes, progress)
    what = (problem.network, problem.data, problem.method)
    asked = (problem.loss.name, goal.max_steps)
    if problem.has_closed_form:
        found = engine_for(problem, goal).run(problem, [], goal)
        if found.law is not None:
            found.law.shared_by(partial(_shares_of_the_run, problem, replace(goal, progress=None)))
        return Prediction(*what, found.regime, found.law, found.outcome, found.entry, *asked)
    run, entry = _settled(problem, goal)
    return Prediction(*what, run.regime, run.law, run.outcome, entry, *asked, run)


def _shares_of_the_run(problem: Problem, goal: Goal) -> Floats:
    """`Law.constant_shares` of a run of which only the law was found."""
    return constant_shares(_followed(problem, goal, _HORIZONS[0])[0])


def _settled(problem: Problem, goal: Goal) -> tuple[Run, LogTime | None]:
    """The run to where it has settled, and when it entered its last mode."""
    near, far = _HORIZONS
    run, entry = _followed(problem, goal, near)
    if run.outcome is Outcome.transient:  # progress has been told that all is done
        run, entry = _followed(problem, replace(goal, progress=None), far)
    return run, entry


def _followed(problem: Problem, goal: Goal, horizon: str) -> tuple[Run, LogTime | None]:
    """The run to a horizon, sampled there, and when it entered its last mode."""
    until = LogTime.parse(horizon, flow=not problem.method.discrete)
    asked = replace(goal, until=until)
    record = engine_for(problem, asked).run(problem, [until], asked)
    return run_of(problem, Times([until], [until], until), asked, record), record.entry
