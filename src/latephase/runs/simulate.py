"""`simulate`: one network, from initialisation to any horizon."""

from __future__ import annotations

from collections.abc import Sequence

from latephase.core.calls import public
from latephase.late.engine import MAX_STEPS, Goal, Progress
from latephase.late.engines.choice import engine_for
from latephase.problem import Dataset, Method, Problem, ShallowReLU
from latephase.problem.checks import MOST, whole_number

from .observed import observed
from .run import Run
from .times import sample_times
from .trajectory import dataset, settings_of


@public
def simulate(
    network: ShallowReLU,
    data: Dataset,
    method: Method,
    *,
    until: object = "1e1000",
    at: Sequence[object] | None = None,
    samples: int = 200,
    loss: str = "exponential",
    max_steps: int = MAX_STEPS,
    tolerance: float | None = None,
    slide_tolerance: float | None = None,
    dtype: object = None,
    accumulate: bool | None = None,
    rounding: str | None = None,
    processes: int = 1,
    progress: Progress | None = None,
) -> Run:
    """Train `network` on `data` until time `until` and record it at the times `at`.

    Parameters
    ----------
    network, data
        A ShallowReLU and a Dataset of as many features each.
    method
        GradientDescent or GradientFlow, which are followed to any horizon, or a method of
        `latephase.training`, which is stepped, up to max_steps.
    until, at : int, decimal string ("1e1000", "10**6") or LogTime
        The horizon and a list of sample times, whose order is kept.
    samples : int
        How many times of `log_times` there are without `at`: up to `until`, or to max_steps where
        a method is stepped and the horizon lies beyond.
    loss : str
        "exponential" or "logistic".
    max_steps : int
        Budget of single steps; beyond it a run ends as `budget_exhausted`.
    tolerance : float, default 1e-10
        Of modes only: the relative error to aim at in smooth phases, which sets when steps give way
        to the modified flow; the error reached is reported.
    slide_tolerance : float, default 1e-4
        Of exact pieces and modes: chatter (how far a step moves a neuron's parameters) below which
        sliding phases are followed to first order; the error it causes is reported.
    dtype : "float64", "float32", "float16" or "bfloat16"
        Gradient descent in this arithmetic; a run that stalls says so in a warning.  Without it,
        the mathematics, not the arithmetic, is followed.
    accumulate : bool, default False
        With dtype only: data, gradients and updates in float32, the parameters rounded.
    rounding : str, default "nearest"
        With dtype only: or "stochastic", which keeps the mean of what is rounded.
    processes : int
        The most that are used: with 2, the two runs of a wide network that are compared go side by
        side; needs a main module that can be imported.
    progress : callable
        Called as progress(done, total): thousandths of ln(1 + t) of the way, which the work need
        not be proportional to; of exact pieces, 0 or 1 of one run; of stepped methods and other
        arithmetics, updates.

    Returns
    -------
    Run
        Its trajectory has weights (time, neuron, feature), biases (time, neuron) and, over (time):
        boundary, robustness_margin, margin_deficit, log_margin_deficit, log_loss, error,
        margin_error, rigour; of stepped methods also gradient_evaluations and log_flow_time.
        Samples that could not be reached are NaN; the outcome says why.  Its attributes are
        settings and provenance.

    Raises
    ------
    InputError
        On bad arguments, and on options that this problem's engine has not.

    Notes
    -----
    Two neurons with output weights +1 and -1 on two points in dimension 1 and the exponential loss
    are carried by exact pieces (rigour exact or estimated); any other network, and the logistic
    loss, by ordinary steps and modes, twice (estimated or measured); other methods and arithmetics
    step by step (measured).  Source: [smorodinsky2026]; docs/theory.md, "Any shallow network".
    """
    problem = Problem.of(network, data, method, loss)
    budget = whole_number(max_steps, "max_steps", 1, MOST)
    times = sample_times(problem.method, until, at, samples, budget)
    goal = Goal(
        until=times.until,
        max_steps=budget,
        processes=processes,
        progress=progress,
        tolerance=tolerance,
        slide_tolerance=slide_tolerance,
        dtype=dtype,
        accumulate=accumulate,
        rounding=rounding,
    )
    engine = engine_for(problem, goal)
    record = engine.run(problem, times.sorted, goal)
    variables = observed(problem, record)
    picked = {name: values[times.positions] for name, values in variables.items()}
    options = goal.asked | ({} if budget == MAX_STEPS else {"max_steps": budget})
    asked = {"method": repr(problem.method), "max_steps": budget, **goal.asked}
    settings = settings_of(problem.data, problem.loss.name, times.until, **asked)
    return Run(
        problem.network,
        problem.data,
        problem.method,
        dataset(picked, times.given, attributes=settings),
        record.outcome,
        record.regime,
        record.law,
        record.weakest,
        problem.loss.name,
        record.pattern,
        options,
        times.until,
    )
