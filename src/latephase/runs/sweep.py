"""`sweep`: a grid of ensembles as one labelled dataset."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from latephase.core import InputError, LogTime, Words
from latephase.core.calls import public
from latephase.late.engine import MAX_STEPS
from latephase.problem import GradientDescent
from latephase.problem.checks import callback
from latephase.problem.methods import Method

from .documented import documented
from .ensemble import settings_of_ensemble
from .trials.batches import checked_processes
from .trials.grid import Grid
from .trials.result import result
from .trials.settings import Settings

if TYPE_CHECKING:
    import xarray as xr
    from distributed import Client

Progress = Callable[[int, int], None]
_OF_A_POINT = ("initializer", "data", "method", "step_size", "seed", "loss")
_OF_NETWORKS = ("width", "output_weights", "bias", "train_output", "negative_slope")
_USUAL = {"loss": "exponential", "width": 2, "bias": True, "train_output": False}
_USUAL |= {"output_weights": None, "negative_slope": 0.0}


@public
@documented
def sweep(
    grid: Mapping[str, Any],
    *,
    trials: int,
    until: int | str | LogTime = "1e1000",
    at: Sequence[int | str | LogTime] | None = None,
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
    **fixed: Any,
) -> xr.Dataset:
    """Run an ensemble at every point of a grid: one labelled dataset, its dims in front.

    Parameters
    ----------
    grid : mapping
        The values of what is varied by its name, or a mapping of labels to values: step_size (of
        GradientDescent), method, data, initializer, seed, loss, width, output_weights, bias,
        train_output, negative_slope.  {"step_size": [0.1, 1.0], "width": [2, 4]} has four points.
    trials : int
        Networks at each point; of one seed, width and dimension they are the same ones.
    {times}
    {store}
    {steps}
    {tolerance}
    {processes}
    progress
        Called as progress(trials done, trials of all points).
    {client}
    **fixed
        What is not varied, by the same names: initializer, data, seed and method or step_size have
        to be there; the others are as in `ensemble` unless said.

    Returns
    -------
    xarray.Dataset
        The variables of `ensemble`, dims of the grid in front of `trial`.  Where points have fewer
        neurons or features than others, or not the same variables, what is missing is NaN, or "".
        {read}

    Raises
    ------
    InputError
        For arguments that are not supported, and where `out` may not be written or resumed.
    LatephaseError
        If the store cannot be written on.

    Notes
    -----
    Each point is the ensemble of its settings, to the bit.  Rigour and source: as there.

    Examples
    --------
    >>> data = lp.Dataset([1.0, -1.0], [1, -1])
    >>> runs = lp.sweep({"step_size": [0.01, 0.1]}, initializer="he_normal", data=data, seed=0,
    ...                 trials=100, at=["1e1000"])
    >>> dict(runs.sizes)
    {'step_size': 2, 'trial': 100, 'time': 1, 'neuron': 2, 'feature': 1}
    """
    callback(progress)
    _check_names(grid, fixed)

    def plan_of(point: Mapping[str, Any]) -> Settings:
        asked = {**_USUAL, **fixed, **point}
        return settings_of_ensemble(
            asked["initializer"],
            asked["data"],
            _method(asked),
            tuple(asked[name] for name in _OF_NETWORKS),
            asked["loss"],
            (until, at, samples),
            batch,
            (trials, asked["seed"], max_steps, slide_tolerance, tolerance),
        )

    made = Grid.of(grid, plan_of, batch is not None)
    return result(made.plan(checked_processes(processes), progress, client), out, resume, force)


def _method(asked: Mapping[str, Any]) -> Method:
    if "method" in asked:
        found: Method = asked["method"]
        return found
    return GradientDescent(asked["step_size"])


def _check_names(grid: object, fixed: Mapping[str, Any]) -> None:
    """Raises InputError where a name is unknown, said twice or missing."""
    if not isinstance(grid, Mapping) or not grid:
        do = 'pass for example {"step_size": [0.1, 1.0]}'
        raise InputError("a grid, the values of each dim by its name", grid, do)
    known, varied = {*_OF_A_POINT, *_OF_NETWORKS}, list(grid)
    names = [*varied, *fixed]
    for name in names:
        if name not in known:
            raise InputError(f"names out of {', '.join(sorted(known))}", name, "use these")
    if twice := set(varied) & set(fixed):
        raise InputError("what is varied in the grid alone", min(twice), "leave it out beside it")
    if {"method", "step_size"} <= set(names):
        raise InputError("a method or a step_size", Words("both"), "leave one out")
    ways = {"initializer", "data", "seed"} - set(names)
    if ways or not {"method", "step_size"} & set(names):
        need = min(ways) if ways else "method"
        raise InputError(f"{need}, in the grid or beside it", None, f"pass {need}=...")
