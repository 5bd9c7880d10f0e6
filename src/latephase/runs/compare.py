"""`compare`: the same networks trained by many methods, measured on one set of clocks."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING, Any

import numpy as np

from latephase.core import InputError, LogTime, Regime, Words
from latephase.core.arrays import Floats
from latephase.core.calls import public
from latephase.late.pair.law import laws
from latephase.late.pair.observe import observe_pair
from latephase.margin import largest_normalised_margin, normalised_margin
from latephase.problem import (
    Dataset,
    GradientDescent,
    Initializer,
    TwoPointGeometry,
    initializers,
    losses,
)
from latephase.problem.checks import MOST, callback, seed_number, whole_number

from .settings import check_points
from .times import sample_times
from .trajectory import dataset, settings_of

if TYPE_CHECKING:
    import xarray as xr

    from latephase.training import SteppedMethod

Progress = Callable[[int, int], None]

MAX_UNTIL = 10**8  # updates that are made one by one
MOST_SAMPLES = 2 * 10**7  # of all trials by all methods: 400 bytes each, all in memory
_OUTPUT_WEIGHTS = np.array([1.0, -1.0])
_OVER = {"gradient_evaluations": ("algorithm", "time"), "fitted": ("algorithm", "trial")}


@public
def compare(
    initializer: Initializer | str,
    data: Dataset,
    methods: Sequence[SteppedMethod | GradientDescent],
    *,
    trials: int,
    seed: int,
    until: object,
    at: Sequence[object] | None = None,
    samples: int = 60,
    loss: str = "exponential",
    progress: Progress | None = None,
) -> xr.Dataset:
    """Train the same two-neuron networks on two 1-D points by each method, step by step.

    Parameters
    ----------
    initializer, data, trials, seed
        As in `ensemble`, whose trials these are.
    methods : sequence
        `GradientDescent` or methods of `latephase.training`, none of them twice.
    until, at, samples
        As in `simulate`, in updates; at most 10^8.
    loss : str
        As in `simulate`.
    progress : callable, optional
        Called as progress(updates done, all), over methods.

    Returns
    -------
    xarray.Dataset
        Over (algorithm, trial, time): boundary, robustness_margin, margin_deficit,
        log_margin_deficit, limit_gap, log_loss, norm, normalised_margin, normalised_margin_gap,
        log_flow_time, law_constant and law_offset (NaN where the two neurons do not serve a point
        each), weights, biases; over (algorithm, time): gradient_evaluations; over (algorithm,
        trial) fitted: both points are on their side at the end; over (algorithm) spans.  The
        coordinate algorithm holds texts that `training.methods.table.named` reads.

    Raises
    ------
    InputError

    Notes
    -----
    Rigour: measured (float64, compensated).  Source: docs/theory.md, "Remedies".
    """
    from latephase.training.methods.table import stepped, texts_of

    check_points(data)
    loss = losses.named(loss).name
    callback(progress)
    if not isinstance(methods, list | tuple):
        raise InputError("a list of methods", methods, "put them in brackets")
    plan = [stepped(method) for method in methods]
    texts, step_size = texts_of(methods)
    if not texts:
        raise InputError("at least one method", Words("none"), "name for example gd")
    if twice := [text for text in texts if texts.count(text) > 1]:
        raise InputError("every method once", Words(f"{twice[0]} twice"), "leave one of them out")
    times = sample_times(GradientDescent(1.0), until, at, samples)
    if times.until > LogTime.parse(MAX_UNTIL):
        got = Words(str(times.until))
        raise InputError("a horizon of at most 1e8 updates, made one by one", got, "lower until")
    drawn, count = initializers.get(initializer), whole_number(trials, "trials", 1, MOST)
    if count * len(plan) * len(times.given) > MOST_SAMPLES:
        got = Words(f"{count:,} trials by {len(plan)} methods at {len(times.given):,} times")
        raise InputError(f"at most {MOST_SAMPLES:,} samples", got, "compare fewer of them")
    start = drawn(trials=count, seed=seed_number(seed))
    found = _followed(start, data, plan, [int(t.as_float) for t in times.sorted], loss, progress)
    together = {name: np.stack([one[name] for one in found]) for name in found[0]}
    for name in together.keys() - {"fitted"}:
        axis = _OVER.get(name, ("algorithm", "trial", "time")).index("time")
        together[name] = np.take(together[name], times.positions, axis=axis)
    spans = {"long_name": "updates are combinations of the (x_i, 1) of active points"}
    step = {"step_size": "differs" if step_size is None else step_size}
    whose = {"initializer": drawn.name, "trials": count, "seed": int(seed)}
    settings = settings_of(data, loss, times.until, **whose) | step
    return dataset(together, times.given, ("algorithm", "trial"), _OVER, settings).assign_coords(
        algorithm=("algorithm", texts, {"long_name": "method and parameters"}),
        spans=("algorithm", [method.spans for method in plan], spans),
    )


def _followed(
    start: tuple[Floats, Floats],
    data: Dataset,
    methods: list[SteppedMethod],
    times: list[int],
    loss: str,
    progress: Progress | None,
) -> list[dict[str, Floats]]:
    """What each method did, measured; as many at a time as there are cores: a loop is on one."""
    from latephase.training.loops.follow import follow

    done = dict.fromkeys(range(len(methods)), 0)

    def told(number: int, updates: int) -> None:
        done[number] = updates
        if progress is not None:
            progress(sum(done.values()), times[-1] * len(methods))

    def run(number: int) -> dict[str, Floats]:
        found = follow(
            *start,
            times,
            inputs=data.inputs,
            labels=data.labels,
            output_weights=_OUTPUT_WEIGHTS,
            method=methods[number],
            loss=loss,
            progress=lambda updates, _: told(number, updates),
        )
        return _measured(data, found, loss)

    with ThreadPoolExecutor(min(len(methods), os.cpu_count() or 1)) as pool:
        futures = [pool.submit(run, number) for number in range(len(methods))]
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        return [future.result() for future in futures]


def _measured(data: Dataset, found: Any, loss: str) -> dict[str, Floats]:
    """The variables of one method, (trial, time, ...)."""
    geometry = TwoPointGeometry.of(data)
    w, b = found.weights[..., 0], found.biases  # (S, T, 2)
    with np.errstate(all="ignore"):
        a = np.moveaxis(geometry.preactivations(w, b), (-2, -1), (0, 1))  # (2, 2, S, T)
        parameters = np.moveaxis(np.stack([w, b], axis=-1), (-2, -1), (0, 1))
        seen = observe_pair(geometry, parameters, a, loss=loss)
        seen["limit_gap"] = np.abs(seen["boundary"] - geometry.x_inf)
        if geometry.x_inf == geometry.midpoint:  # the deficit has more digits
            known = np.isfinite(seen["boundary"])
            seen["limit_gap"] = np.where(known, seen["margin_deficit"], np.nan)
        seen["norm"] = np.sqrt((w**2).sum(axis=-1) + (b**2).sum(axis=-1))
        gamma = normalised_margin(found.weights, b, _OUTPUT_WEIGHTS, data.inputs, data.labels)
        seen["law_constant"], seen["law_offset"] = _laws(geometry, a)
    seen["normalised_margin"] = gamma
    seen["normalised_margin_gap"] = largest_normalised_margin(geometry) - gamma
    seen["log_flow_time"] = found.log_flow_time
    turned = {name: np.swapaxes(values, 0, 1) for name, values in seen.items()}
    turned |= {"weights": np.swapaxes(found.weights, 0, 1), "biases": np.swapaxes(b, 0, 1)}
    return turned | {"gradient_evaluations": found.evaluations, "fitted": gamma[-1] > 0}


def _laws(geometry: TwoPointGeometry, a: Floats) -> tuple[Floats, Floats]:
    """(C, offset) (S, T) of the specialised regime, in flow time; NaN where it is not entered."""
    shape = a.shape[2:]
    own, wrong = (a[0, 0] > 0) & (a[1, 1] > 0), (a[0, 1] <= 0) & (a[1, 0] <= 0)
    named = np.where((own & wrong).ravel(), Regime.specialised, None)  # type: ignore[call-overload]
    found = laws(geometry, named, a.reshape(2, 2, -1), 0.0)
    return found.constant.reshape(shape), found.offset.reshape(shape)
