"""`compare`: the same networks trained by many methods, measured on one set of clocks."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from latephase.core import InputError, LogTime, Words
from latephase.core.calls import public
from latephase.problem import Dataset, GradientDescent, Initializer, initializers
from latephase.problem.checks import callback, seed_number, whole_number

from .documented import documented
from .simulate import check_length
from .times import Times, sample_times
from .trials.batches import checked_processes, processes_for
from .trials.comparison import Comparison, once
from .trials.planned import Planned
from .trials.result import Plan, result
from .trials.settings import (
    BATCH,
    MOST_TRIALS,
    checked_batch,
    drawn_output,
    problem_of,
)

if TYPE_CHECKING:
    import xarray as xr
    from distributed import Client

    from latephase.training import SteppedMethod

Progress = Callable[[int, int], None]

MAX_UNTIL = 10**8  # updates that are made one by one
MOST_SAMPLES = 2 * 10**7  # of all trials by all methods without a store, 400 bytes each
_ONE_BY_ONE = 500  # trials of a batch where a late phase is followed one by one


@public
@documented
def compare(
    initializer: Initializer | str,
    data: Dataset,
    methods: Sequence[SteppedMethod | Any] | Mapping[str, SteppedMethod | Any],
    *,
    width: int = 2,
    output_weights: ArrayLike | Initializer | None = None,
    bias: bool = True,
    train_output: bool = False,
    negative_slope: float = 0.0,
    loss: str = "exponential",
    trials: int,
    seed: int,
    until: object,
    at: Sequence[object] | None = None,
    samples: int = 60,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    force: bool = False,
    batch: int | None = None,
    processes: int | None = None,
    progress: Progress | None = None,
    client: Client | None = None,
) -> xr.Dataset:
    """Train the same networks, those of `ensemble`, by each method, step by step.

    Parameters
    ----------
    {drawn}
    data : Dataset
    methods : sequence or dict
        `GradientDescent`, methods of `latephase.training`, optax transformations; none twice.  A
        dict has the labels that they go by in the coordinate algorithm, of which there are else
        texts of their parameters.
    {networks}
    {loss}
    {times}
    {store}
    {processes}
    progress : callable, optional
        Called as progress(updates done, all), over methods and batches.
    {client}

    Returns
    -------
    xarray.Dataset
        Over (algorithm, trial, time): the variables of `simulate`'s trajectory, norm,
        normalised_margin, and of two neurons on two points limit_gap, normalised_margin_gap,
        current_law_constant and current_law_offset (of the law in flow time, NaN where the two
        neurons do not serve a point each); over (algorithm, time): gradient_evaluations; over
        (algorithm, trial): fitted (every point is on its side at the end), law_rigour, those of
        `ensemble`.  `training.methods.table.named` reads names.
        {read}

    Raises
    ------
    InputError
        For arguments that are not supported, and where `out` may not be written or resumed.
    LatephaseError
        If the store cannot be written on.

    Notes
    -----
    Rigour: measured (float64, compensated).  Gradient descent is stepped like the others, to the
    bits of `simulate` by `PowerStep(step_size, exponent=0)`; some methods differ from `simulate` by
    rounding, and those that draw do so by the number of the trial.  What a trial has one of is
    `ensemble`'s for gradient descent, whose late phase is followed to `until` beside; for methods
    that follow the flow on two neurons and two points it is read off the end, and of others only
    the outcome is known: docs/theory.md, "Remedies".

    Examples
    --------
    >>> data = lp.Dataset([1.0, -1.0], [1, -1])
    >>> methods = [lp.GradientDescent(0.1), lp.LossScaled(0.1)]
    >>> found = lp.compare("he_normal", data, methods, trials=20, seed=0, until=100, at=[100])
    >>> found.limit_gap.where(found.fitted).median("trial").values.ravel().round(4)
    array([0.1268, 0.0621])
    """
    callback(progress)
    planned = Planned.of(methods)
    plan = planned.methods
    kind = (width, output_weights, bias, train_output, negative_slope)
    problem = problem_of(data, plan[0], loss, *kind)
    problems = tuple(replace(problem, method=method) for method in plan)
    times = sample_times(GradientDescent(1.0), until, at, samples)
    check_length(problem, len(times.given))
    number = whole_number(trials, "trials", 1, MOST_TRIALS)
    _check_cost(times, 1 if out is not None else number, len(plan))
    one_by_one = any(p.has_late_phase and not p.has_closed_form for p in problems)
    usual = _ONE_BY_ONE if one_by_one else BATCH
    each = len(times.given) * len(plan)
    size = checked_batch(batch, number, each, problem.network, usual)
    drawn = initializers.get(initializer), number, seed_number(seed), size
    most = checked_processes(processes)
    count = processes_for(min(size, number), most) if one_by_one else 1
    outer: Any = output_weights if drawn_output(output_weights) else None
    comparison = Comparison(*drawn, outer, problems, planned, times, count, progress)
    whole = Plan(
        "comparison",
        comparison.template,
        number,
        size,
        comparison.batches,
        comparison.label,
        shards=None if client is None else comparison.shards(client),
    )
    return once(result(whole, out, resume, force))


def _check_cost(times: Times, trials: int, methods: int) -> None:
    """Refuse what takes days, or fills the memory, before it does.  Raises InputError."""
    if times.until > LogTime.parse(MAX_UNTIL):
        got = Words(str(times.until))
        raise InputError("a horizon of at most 1e8 updates, made one by one", got, "lower until")
    if trials * methods * len(times.given) > MOST_SAMPLES:
        got = Words(f"{trials:,} trials by {methods} methods at {len(times.given):,} times")
        expected = f"at most {MOST_SAMPLES:,} samples without a store"
        raise InputError(expected, got, "compare fewer of them, or pass out")
