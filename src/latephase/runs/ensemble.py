"""`ensemble`: from an initializer to the labelled runs of all its trials."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from latephase.core.calls import public
from latephase.core.workers import workers
from latephase.late.engine import MAX_STEPS, SLIDE_TOLERANCE
from latephase.problem import Dataset, Initializer
from latephase.problem.checks import callback
from latephase.problem.methods import Method, followed_method
from latephase.runs.times import sample_times

from .documented import documented
from .simulate import check_length
from .trials.batches import (
    checked_processes,
    label,
    processes_for,
    template,
)
from .trials.one_batch import one_batch
from .trials.result import Made, Plan, Shards, Variables, result
from .trials.settings import Settings, problem_of

if TYPE_CHECKING:
    import xarray as xr
    from distributed import Client

Progress = Callable[[int, int], None]


@public
@documented
def ensemble(
    initializer: Initializer | str,
    data: Dataset,
    method: Method,
    *,
    width: int = 2,
    output_weights: ArrayLike | Initializer | None = None,
    bias: bool = True,
    train_output: bool = False,
    negative_slope: float = 0.0,
    loss: str = "exponential",
    trials: int,
    seed: int,
    until: object = "1e1000",
    at: Sequence[object] | None = None,
    samples: int = 200,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    force: bool = False,
    batch: int | None = None,
    max_steps: int = MAX_STEPS,
    tolerance: float | None = None,
    slide_tolerance: float | None = None,
    processes: int | None = None,
    progress: Progress | None = None,
    client: Client | None = None,
) -> xr.Dataset:
    """Draw `trials` networks and train each on the same data until time `until`.

    Parameters
    ----------
    {drawn}
    data, method
        A Dataset; GradientDescent or GradientFlow.
    {networks}
    {loss}
    {times}
    {steps}
    {tolerance}
    {store}
    {processes}
    progress
        Called as progress(trials done, trials).
    {client}

    Returns
    -------
    xarray.Dataset
        {of_trials}
        {read}

    Raises
    ------
    InputError
        For arguments that are not supported, and where `out` may not be written or resumed.
    LatephaseError
        If the store cannot be written on.

    Notes
    -----
    Two neurons with output weights 1 and -1 on two points in dimension 1 and the exponential loss
    are run all at once; any others one by one, each to the bit as by `simulate` on the network that
    the initializer draws: ``weights, biases = initializer(trials=..., seed=..., width=..., d=...)``
    has trial k in row k.  Where one of them fails, the others go on: its outcome is "failed".
    Rigour and source: as in `simulate`.

    Examples
    --------
    >>> data = lp.Dataset([1.0, -1.0], [1, -1])
    >>> gd = lp.GradientDescent(0.1)
    >>> runs = lp.ensemble("he_normal", data, gd, trials=400, seed=0, at=["0", "1e1000"])
    >>> dict(runs.sizes)
    {'trial': 400, 'time': 2, 'neuron': 2, 'feature': 1}
    >>> int((runs.regime == "specialised").sum())
    104
    """
    callback(progress)
    plan = settings_of_ensemble(
        initializer,
        data,
        method,
        (width, output_weights, bias, train_output, negative_slope),
        loss,
        (until, at, samples),
        batch,
        (trials, seed, max_steps, slide_tolerance, tolerance),
    )
    most = checked_processes(processes)
    made: Made = partial(_batches, plan, most, progress)

    def told(finished: int) -> None:
        if progress is not None:
            progress(finished, plan.trials)

    whole = Plan(
        "ensemble",
        template(plan),
        plan.trials,
        plan.batch,
        made,
        partial(label, plan),
        shards=None if client is None else Shards(client, partial(one_batch, plan), told),
    )
    return result(whole, out, resume, force)


def settings_of_ensemble(
    initializer: Initializer | str,
    data: Dataset,
    method: Method,
    kind: tuple[Any, ...],
    loss: str,
    moments: tuple[Any, ...],
    batch: int | None,
    numbers: tuple[Any, ...],
) -> Settings:
    """The settings of an ensemble, checked.  Raises InputError.

    kind: width, output_weights, bias, train_output and negative_slope;  moments: until, at and
    samples;  numbers: trials, seed, max_steps, slide_tolerance and tolerance.
    """
    times = sample_times(followed_method(method), *moments)
    problem = problem_of(data, method, loss, *kind)
    check_length(problem, len(times.given))
    trials, seed, max_steps, slide_tolerance, tolerance = numbers
    slide = SLIDE_TOLERANCE if slide_tolerance is None else slide_tolerance
    asked = (trials, seed, max_steps, slide, tolerance, kind[1])
    return Settings.of(initializer, problem, times, batch, *asked)


def _batches(
    plan: Settings,
    most: int | None,
    progress: Progress | None,
    starts: Iterable[int],
    finished: int,
    kept: str,
) -> Iterator[tuple[int, Variables]]:
    """Run the batches that begin with the trials `starts`: (first trial, its variables).

    most: the processes that may be used;  finished: how many trials are finished already;  kept:
    what is said of these if a process is killed.
    """
    at_once = min(plan.batch, plan.trials - finished)
    count = 1 if plan.all_at_once else processes_for(at_once, most)

    def tell(before: int, done: int, _: int = 0) -> None:
        if progress:
            progress(before + done, plan.trials)

    with workers(count, kept) if count > 1 else nullcontext() as pool:
        for start in starts:
            yield start, one_batch(plan, start, pool, partial(tell, finished))
            finished += min(plan.batch, plan.trials - start)
            tell(finished, 0)
