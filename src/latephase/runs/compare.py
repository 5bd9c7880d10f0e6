"""`compare`: the same networks trained by many methods, measured on one set of clocks."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING, Any

import numpy as np

from latephase.core import InputError, LogTime, Outcome, Regime, Rigour, Words
from latephase.core.arrays import Floats
from latephase.core.calls import public
from latephase.late.engine import Goal
from latephase.late.engines.exact_pieces import follow_trials
from latephase.late.engines.stepped_record import evaluation_error
from latephase.late.pair.law import Laws, laws
from latephase.late.pair.observe import observe_pair
from latephase.margin import largest_normalised_margin, normalised_margin
from latephase.problem import (
    Dataset,
    GradientDescent,
    Initializer,
    Method,
    ShallowReLU,
    TwoPointGeometry,
    initializers,
    is_two_point,
    losses,
)
from latephase.problem.checks import MOST, callback, seed_number, whole_number

from .batches import UNSETTLED, Variables, of_trials
from .settings import told
from .times import Times, sample_times
from .trajectory import OF_TRIAL, dataset, settings_of

if TYPE_CHECKING:
    import xarray as xr

    from latephase.training import SteppedMethod

Progress = Callable[[int, int], None]

_SPANS = {"long_name": "updates are combinations of the (x_i, 1) of active points"}
_ROUNDING = 1e-12  # of the inputs: what may be wrong with a zero close to them
MAX_UNTIL = 10**8  # updates that are made one by one
MOST_SAMPLES = 2 * 10**7  # of all trials by all methods: 400 bytes each, all in memory
_OUTPUT_WEIGHTS = np.array([1.0, -1.0])
_OVER = {
    "gradient_evaluations": ("algorithm", "time"),
    **dict.fromkeys(("fitted", *OF_TRIAL), ("algorithm", "trial")),
}


@public
@told
def compare(
    initializer: Initializer | str,
    data: Dataset,
    methods: Sequence[SteppedMethod | GradientDescent | Any],
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
    {drawn}
    data : Dataset of two points in dimension 1
    methods : sequence
        `GradientDescent`, methods of `latephase.training`, optax transformations; none twice.
    {times}
    {loss}
    progress : callable, optional
        Called as progress(updates done, all), over methods.

    Returns
    -------
    xarray.Dataset
        Over (algorithm, trial, time): the variables of `simulate`'s trajectory, limit_gap, norm,
        normalised_margin, normalised_margin_gap, current_law_constant and current_law_offset (of
        the law in flow time, NaN where the two neurons do not serve a point each); over (algorithm,
        time): gradient_evaluations; over (algorithm, trial): fitted (both points are on their side
        at the end), law_rigour, those of `ensemble`.  `training.methods.table.named` reads names.

    Raises
    ------
    InputError

    Notes
    -----
    Rigour: measured (float64, compensated).  What a trial has one of is `ensemble`'s for gradient
    descent on the exponential loss; for methods that follow the flow it is read off the end, and
    nothing for others: docs/theory.md, "Remedies".
    """
    _check_points(data)
    loss = losses.named(loss).name
    callback(progress)
    plan, texts, step = _planned(methods)
    times = sample_times(GradientDescent(1.0), until, at, samples)
    drawn, number = initializers.get(initializer), whole_number(trials, "trials", 1, MOST)
    _check_cost(times, number, len(plan))
    start = drawn(trials=number, seed=seed_number(seed))
    together = _together(start, data, (plan, list(methods)), times, loss, progress)
    whose = step | {"initializer": drawn.name, "trials": number, "seed": int(seed)}
    settings = settings_of(data, loss, times.until, **whose)
    return dataset(together, times.given, ("algorithm", "trial"), _OVER, settings).assign_coords(
        algorithm=("algorithm", texts, {"long_name": "method and parameters"}),
        spans=("algorithm", [method.spans for method in plan], _SPANS),
    )


def _check_points(data: object) -> None:
    """Check that the data are two points in dimension 1.  Raises InputError."""
    if not isinstance(data, Dataset):
        raise InputError("a Dataset", data, "wrap it: lp.Dataset(inputs, labels)")
    if not is_two_point(data):
        expected = "two points in dimension 1, for compare trains two neurons"
        got = Words(f"{data.n} points in dimension {data.d}")
        raise InputError(expected, got, "use simulate for each network and method")


def _check_cost(times: Times, trials: int, methods: int) -> None:
    """Refuse what takes days, or fills the memory, before it does.  Raises InputError."""
    if times.until > LogTime.parse(MAX_UNTIL):
        got = Words(str(times.until))
        raise InputError("a horizon of at most 1e8 updates, made one by one", got, "lower until")
    if trials * methods * len(times.given) > MOST_SAMPLES:
        got = Words(f"{trials:,} trials by {methods} methods at {len(times.given):,} times")
        raise InputError(f"at most {MOST_SAMPLES:,} samples", got, "compare fewer of them")


def _planned(methods: object) -> tuple[list[SteppedMethod], list[str], dict[str, Any]]:
    """The methods as they are stepped, their texts, and the step size they share."""
    from latephase.training.methods.table import stepped, texts_of

    if not isinstance(methods, list | tuple):
        raise InputError("a list of methods", methods, "put them in brackets")
    plan = [stepped(method) for method in methods]
    named = (
        one if isinstance(one, Method) else own for one, own in zip(methods, plan, strict=True)
    )
    texts, step_size = texts_of(list(named))
    if not texts:
        raise InputError("at least one method", Words("none"), "name for example gd")
    if twice := [text for text in texts if texts.count(text) > 1]:
        raise InputError("every method once", Words(f"{twice[0]} twice"), "leave one of them out")
    return plan, texts, {"step_size": "differs" if step_size is None else step_size}


def _together(
    start: tuple[Floats, Floats],
    data: Dataset,
    methods: tuple[list[SteppedMethod], list[Any]],
    times: Times,
    loss: str,
    progress: Progress | None,
) -> Variables:
    """All variables, algorithm axis first, samples in the order they were asked for.

    methods: as they are stepped, and as they were given.
    """
    plan, given = methods
    found = _followed(start, data, plan, [int(t.as_float) for t in times.sorted], loss, progress)
    pairs = zip(given, found, strict=True)
    ends = [_late(start, data, method, times.until, loss, one) for method, one in pairs]
    together = {name: np.stack([one[name] for one in found]) for name in found[0]}
    for name in together.keys() - {"fitted"}:
        axis = _OVER.get(name, ("algorithm", "trial", "time")).index("time")
        together[name] = np.take(together[name], times.positions, axis=axis)
    return together | {name: np.stack([one[name] for one in ends]) for name in ends[0]}


def _followed(
    start: tuple[Floats, Floats],
    data: Dataset,
    methods: list[SteppedMethod],
    times: list[int],
    loss: str,
    progress: Progress | None,
) -> list[dict[str, Any]]:
    """What each method did, measured; as many at a time as there are cores: a loop is on one."""
    from latephase.training.loops.follow import follow

    done = dict.fromkeys(range(len(methods)), 0)

    def told(number: int, updates: int) -> None:
        done[number] = updates
        if progress is not None:
            progress(sum(done.values()), times[-1] * len(methods))

    def run(number: int) -> dict[str, Any]:
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
        return _measured(data, times, found, loss)

    with ThreadPoolExecutor(min(len(methods), os.cpu_count() or 1)) as pool:
        futures = [pool.submit(run, number) for number in range(len(methods))]
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        return [future.result() for future in futures]


def _measured(data: Dataset, times: list[int], found: Any, loss: str) -> dict[str, Any]:
    """The variables of one method, (trial, time, ...)."""
    geometry = TwoPointGeometry.of(data)
    w, b = found.weights[..., 0], found.biases  # (S, T, 2)
    with np.errstate(all="ignore"):
        a = np.moveaxis(geometry.preactivations(w, b), (-2, -1), (0, 1))  # (2, 2, S, T)
        parameters = np.moveaxis(np.stack([w, b], axis=-1), (-2, -1), (0, 1))
        seen = observe_pair(geometry, parameters, a, loss=loss)
        gap = np.abs(seen["boundary"] - geometry.x_inf)
        if geometry.x_inf == geometry.midpoint:  # the deficit has more digits, where it is the same
            same = np.abs(seen["margin_deficit"] - gap) <= _ROUNDING * np.abs(data.inputs).sum()
            gap = np.where(same, seen["margin_deficit"], gap)
        seen["limit_gap"] = gap
        seen["norm"] = np.sqrt((w**2).sum(axis=-1) + (b**2).sum(axis=-1))
        gamma = normalised_margin(found.weights, b, _OUTPUT_WEIGHTS, data.inputs, data.labels)
        seen["current_law_constant"], seen["current_law_offset"] = _laws(geometry, a)
    seen["normalised_margin"] = gamma
    seen["normalised_margin_gap"] = largest_normalised_margin(geometry) - gamma
    seen["log_flow_time"] = found.log_flow_time
    # How far steps are from exact arithmetic is known at the start only, as in `simulate`.
    begun, unknown = np.array(times)[:, None] == 0, np.full(gamma.shape, np.nan)
    kind, theta = ShallowReLU([0.0, 0.0], [0.0, 0.0]), np.stack([w, b], axis=-1)
    seen["error"] = np.where(begun, 0.0, unknown)
    seen["margin_error"] = np.where(begun, evaluation_error(kind, theta, data.inputs), unknown)
    reached = np.isfinite(parameters).all(axis=(0, 1))
    seen["rigour"] = np.where(reached, Rigour.measured.name, "")
    turned = {name: np.swapaxes(values, 0, 1) for name, values in seen.items()}
    turned |= {"weights": np.swapaxes(found.weights, 0, 1), "biases": np.swapaxes(b, 0, 1)}
    return turned | {"gradient_evaluations": found.evaluations, "fitted": gamma[-1] > 0}


def _late(
    start: tuple[Floats, Floats],
    data: Dataset,
    method: SteppedMethod | GradientDescent,
    until: LogTime,
    loss: str,
    found: dict[str, Any],
) -> Variables:
    """What `ensemble` knows of each trial's late phase: of gradient descent as it does; of other
    methods that follow the flow, by the parameters at the end, where no pattern changes any more.
    """
    from latephase.training.methods.table import stepped

    geometry, trials = TwoPointGeometry.of(data), len(start[0])
    exponential = loss == "exponential"
    if isinstance(method, GradientDescent) and method.has_late_phase and exponential:
        followed = follow_trials(geometry, start[0][..., 0], start[1], method, [], Goal(until))
        journey, law = followed.journey, followed.laws
        seen = of_trials(
            geometry, journey.regime, journey.outcome, law, journey.log_entry / math.log(10)
        )
        how = np.where(journey.state.exact, Rigour.exact.name, Rigour.estimated.name)
        return {**seen, "law_rigour": np.where(seen["regime"] == UNSETTLED, "", how)}
    gone = ~np.isfinite(found["norm"][:, -1])
    outcomes = np.where(gone, Outcome.overflowed, Outcome.transient)  # type: ignore[call-overload]
    constant, offset = (found[f"current_law_{name}"][:, -1] for name in ("constant", "offset"))
    # For k12 <= 0 neurons that serve a point each are never pushed back on to the other's.
    settled = found["fitted"] & np.isfinite(constant) & (geometry.gram_sign <= 0)
    settled &= bool(stepped(method).follows_flow)
    rate, shift = stepped(method).clock(data.n) or (math.nan, math.nan)
    numbers = (geometry.x_inf, constant / rate, (offset + shift) / rate)
    law = Laws(*(np.where(settled, number, np.nan) for number in numbers))
    regimes = np.where(settled, Regime.specialised, None)  # type: ignore[call-overload]
    seen = of_trials(geometry, regimes, outcomes, law, np.full(trials, np.nan))
    return {**seen, "law_rigour": np.where(settled, Rigour.measured.name, "")}


def _laws(geometry: TwoPointGeometry, a: Floats) -> tuple[Floats, Floats]:
    """(C, offset) (S, T) of the specialised regime, in flow time; NaN where it is not entered."""
    shape = a.shape[2:]
    own, wrong = (a[0, 0] > 0) & (a[1, 1] > 0), (a[0, 1] <= 0) & (a[1, 0] <= 0)
    named = np.where((own & wrong).ravel(), Regime.specialised, None)  # type: ignore[call-overload]
    found = laws(geometry, named, a.reshape(2, 2, -1), 0.0)
    return found.constant.reshape(shape), found.offset.reshape(shape)
