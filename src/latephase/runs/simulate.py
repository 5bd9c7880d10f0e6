"""`simulate`: one network, from initialisation to any horizon."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from latephase.core import InputError, LogTime, Words
from latephase.core.calls import public
from latephase.late.engine import MAX_STEPS, Goal, Progress, Record
from latephase.late.engines.choice import engine_for
from latephase.margin import log_sharpness
from latephase.problem import Dataset, GradientDescent, Method, Problem, ShallowReLU
from latephase.problem.checks import MOST, whole_number
from latephase.problem.methods import is_transformation

from .documented import documented
from .observed import observed
from .run import Run
from .times import Times, sample_times
from .trajectory import dataset, settings_of

_MOST_LOOKED_AT = 1000  # points: a matrix of them is decomposed
_MOST_NUMBERS = 2**28  # parameters of all samples: 2 GB


@public
@documented
def simulate(
    network: ShallowReLU,
    data: Dataset,
    method: Method | Any,
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
    processes: int | None = None,
    progress: Progress | None = None,
) -> Run:
    """Train `network` on `data` until time `until` and record it at the times `at`.

    Parameters
    ----------
    network, data
        A ShallowReLU and a Dataset of as many features each.
    method
        GradientDescent or GradientFlow, followed to any horizon; or what is stepped, to max_steps:
        of `latephase.training`, any `optax.GradientTransformation`, GradientDescent of a schedule
        or of a network whose output weights are trained.
    {times}
    {loss}
    {steps}
    {tolerance}
    {options}
    processes : int
        The most that are used, two at most: the second run of a network of 2,500 pairs of a neuron
        and a point, which measures the error, goes beside the first.  As many as there are
        processors unless said; one where another would run the caller's script again (it calls
        this outside of ``if __name__ == "__main__":``).
    progress : callable
        Called as progress(done, total): thousandths of ln(1 + t) of the way (the work need not be
        proportional); of exact pieces 0 or 1 of one run; of steps and arithmetics updates.

    Returns
    -------
    Run
        {trajectory}

    Raises
    ------
    InputError
        On bad arguments, and on options that this problem's engine has not.

    Warns
    -----
    UserWarning
        Of a step of gradient descent above `max_stable_step` of the start.

    Notes
    -----
    Two neurons with output weights +1 and -1 on two points in dimension 1 and the exponential loss
    are carried by exact pieces (exact or estimated); any other network, and the logistic loss, by
    steps and modes, twice (estimated or measured); other methods and arithmetics step by step
    (measured).  Source: [smorodinsky2026]; docs/theory.md, "Any shallow network".

    Examples
    --------
    >>> data = lp.Dataset([1.0, -1.0], [1, -1])
    >>> net = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2])
    >>> run = lp.simulate(net, data, lp.GradientDescent(0.1), until="1e1000", at=["0", "1e1000"])
    >>> run.trajectory.robustness_margin.values.round(6)
    array([0.909091, 0.999913])
    >>> print(run.law)
    x* ~ 0 + 0.2 / (ln t - 1.20944)
    """
    problem = Problem.of(network, data, _ours(method), loss)
    budget = whole_number(max_steps, "max_steps", 1, MOST)
    ahead = None if problem.has_late_phase else budget
    times = sample_times(problem.method, until, at, samples, ahead)
    check_length(problem, len(times.given))
    warn_of_a_long_step(problem)
    wishes = (tolerance, slide_tolerance, dtype, accumulate, rounding)
    return _followed(problem, times, Goal(times.until, budget, processes, progress, *wishes))


def again(problem: Problem, times: list[LogTime], options: Mapping[str, Any]) -> Run:
    """A run that was checked, at other times, ascending."""
    return _followed(problem, Times(times, times, times[-1]), Goal(times[-1], **options))


def warn_of_a_long_step(problem: Problem) -> None:
    """Warn of gradient descent whose step is not stable at its start, where that is cheap to see.

    To be called by what a user calls.
    """
    method, network, data = problem.method, problem.network, problem.data
    descent = isinstance(method, GradientDescent) and method.has_late_phase
    if not descent or data.n > _MOST_LOOKED_AT:
        return
    outer, last = network.output_weights, network.output_bias
    log_sharp = float(log_sharpness(network, network.parameters, data, problem.loss, outer, last))
    if method.log_step > math.log(2) - log_sharp:
        longest = math.exp(math.log(2) - log_sharp)
        text = f"step_size {method.step_size:g} is above {longest:.4g}, 2 / sharpness of the start"
        text += ", which is stable to first order: the loss may rise (latephase.max_stable_step)"
        warnings.warn(text, stacklevel=4)  # the caller's caller, which is wrapped


def _followed(problem: Problem, times: Times, goal: Goal) -> Run:
    """The run of a problem, by its engine."""
    record = engine_for(problem, goal).run(problem, times.sorted, goal)
    return run_of(problem, times, goal, record)


def run_of(problem: Problem, times: Times, goal: Goal, record: Record) -> Run:
    """What an engine's record of a problem says, labelled, samples in the order asked for."""
    variables = observed(problem, record)
    picked = {name: values[times.positions] for name, values in variables.items()}
    budget = {} if goal.max_steps == MAX_STEPS else {"max_steps": goal.max_steps}
    asked = {"method": repr(problem.method), "max_steps": goal.max_steps, **goal.asked}
    settings = settings_of(problem.data, problem.loss.name, times.until, **asked)
    find = record.finds_law
    run = Run(
        problem.network,
        problem.data,
        problem.method,
        dataset(picked, times.given, attributes=settings),
        record.outcome,
        record.regime,
        None if find else record.law,
        record.weakest,
        problem.loss.name,
        record.pattern,
        goal.asked | budget,
        times.until,
        record.entry,
        record.limit,
    )
    if find:
        run.find_law_by(partial(run.law_from, find))
    return run


def _ours(method: Any) -> Any:
    """An optax transformation as a method that is stepped; any other as it is."""
    if not is_transformation(method):
        return method
    from latephase.training.methods.table import stepped  # imports JAX

    return stepped(method)


def check_length(problem: Problem, samples: int) -> None:
    """Refuse a trajectory that fills the memory, before it does.  Raises InputError."""
    parameters = problem.network.m * (problem.network.d + 1)
    if samples * parameters > _MOST_NUMBERS:
        got = Words(f"{samples:,} samples of {parameters:,} parameters")
        raise InputError("a trajectory of at most 2 GB", got, "ask for fewer samples")
