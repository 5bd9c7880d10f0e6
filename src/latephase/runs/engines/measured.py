"""Runs that are made step by step and read off: other methods, and other arithmetics."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from latephase.core import InputError, LogTime, Outcome, Rigour
from latephase.core.arrays import Floats
from latephase.problem import Dataset, GradientDescent, ShallowReLU
from latephase.runs.run import Run, Times
from latephase.runs.trajectory import dataset

from .general import observe

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Arithmetic:
    """What a run is computed in: see `training.real_arithmetic.descend`."""

    dtype: str
    accumulate: bool = False
    rounding: str = "nearest"
    seed: int = 0


def simulate_method(
    network: ShallowReLU,
    data: Dataset,
    method: Any,
    times: Times,
    loss: str,
    max_steps: int,
    progress: Progress | None = None,
) -> Run:
    """A run of a method of `training.methods`; samples beyond max_steps are NaN."""
    from latephase.training.follow import follow

    reached = [t for t in times.sorted if t <= LogTime.parse(max_steps)]
    found = follow(
        network.weights[None],
        network.biases[None],
        [_whole(t) for t in reached],
        inputs=data.inputs,
        labels=data.labels,
        output_weights=network.output_weights,
        method=method,
        loss=loss,
        progress=progress,
    )
    theta = np.concatenate([found.weights[:, 0], found.biases[:, 0, :, None]], axis=-1)
    clocks = {
        "gradient_evaluations": found.evaluations,
        "log_flow_time": found.log_flow_time[:, 0],
    }
    missing = len(times.sorted) - len(reached)
    theta, *rows = (_padded(part, missing) for part in (theta, *clocks.values()))
    outcome = Outcome.budget_exhausted if missing else Outcome.transient
    if not np.isfinite(theta[: len(reached)]).all():
        outcome = Outcome.overflowed
    start = np.array([t == LogTime.parse(0) for t in times.sorted])
    extra = dict(zip(clocks, rows, strict=True))
    extra["error"] = np.where(start, 0.0, np.nan)
    extra["margin_error"] = np.where(start, _reading(network, data, theta), np.nan)
    return _run((network, data, method), theta, times, loss, outcome, extra)


def simulate_rounded(
    network: ShallowReLU,
    data: Dataset,
    method: Any,
    times: Times,
    loss: str,
    arithmetic: Arithmetic,
    max_leaps: int,
    progress: Progress | None = None,
) -> Run:
    """Gradient descent in floating-point arithmetic; warns where the run stalls before its end.

    After the stall nothing changes, so that every later sample is known. The network recorded is
    the result of the arithmetic, so that its margins are off by their evaluation alone; how far
    it is from exact descent is not known, and `error` NaN.
    """
    from latephase.training.arithmetic.real_arithmetic import descend

    if not isinstance(method, GradientDescent):
        raise InputError("GradientDescent(step_size) with a dtype", method, "leave out dtype")
    found = descend(
        network.weights[None],
        network.biases[None],
        [t.as_float for t in times.sorted],
        inputs=data.inputs,
        labels=data.labels,
        output_weights=network.output_weights,
        step_size=method.step_size,
        loss=loss,
        max_leaps=max_leaps,
        progress=progress,
        **vars(arithmetic),
    )
    theta = np.concatenate([found.weights[:, 0], found.biases[:, 0, :, None]], axis=-1)
    outcome = _ending(found, theta, arithmetic)
    unknown = np.full(len(theta), np.nan)
    extra = {"error": unknown, "margin_error": _reading(network, data, theta)}
    return _run((network, data, method), theta, times, loss, outcome, extra)


def _ending(found: Any, theta: Floats, arithmetic: Arithmetic) -> Outcome:
    """How it ended; the stall is also told as a warning, for what follows it is no descent."""
    if not np.isnan(found.stalled[0]):
        text = (
            f"{arithmetic.dtype} stalled at update {found.stalled[0]:.0f}: nothing changes after "
            "it; latephase.stall predicts this, and without dtype the run goes on"
        )
        warnings.warn(text, stacklevel=5)  # the caller of simulate, which is wrapped
        return Outcome.stalled
    if found.exhausted[0]:
        return Outcome.budget_exhausted
    return Outcome.transient if np.isfinite(theta).all() else Outcome.overflowed


def _whole(time: LogTime) -> int:
    assert isinstance(time.value, int)
    return time.value


def _reading(network: ShallowReLU, data: Dataset, theta: Floats) -> Floats:
    """A bound (S,) of max_i |Delta q_i| / (1 + |q_i|) by evaluating the q_i of theta in float64:
    as many roundings as there are terms, each of the sizes of all terms."""
    w, b, v = theta[..., :-1], theta[..., -1], network.output_weights
    with np.errstate(all="ignore"):
        q = np.maximum(w @ data.inputs.T + b[..., None], 0.0).swapaxes(1, 2) @ v
        size = (np.abs(w) @ np.abs(data.inputs).T + np.abs(b)[..., None]).swapaxes(1, 2) @ np.abs(v)
        error: Floats = 2.0**-53 * (network.m + network.d + 3) * size / (1 + np.abs(q))
    return np.where(np.isfinite(theta).all(axis=(1, 2)), error.max(axis=1), np.nan)


def _padded(part: Floats, missing: int) -> Floats:
    """NaN for samples that were not reached."""
    return np.concatenate([part, np.full((missing, *part.shape[1:]), np.nan)])


def _run(
    problem: tuple[ShallowReLU, Dataset, Any],
    theta: Floats,
    times: Times,
    loss: str,
    outcome: Outcome,
    extra: dict[str, Floats],
) -> Run:
    network, data, method = problem
    reached = np.isfinite(theta).all(axis=(1, 2), keepdims=True)
    arrays = observe(network, data, loss, np.where(reached, theta, np.nan)) | extra
    arrays["rigour"] = np.full(len(theta), Rigour.measured.name)
    picked = {name: values[times.positions] for name, values in arrays.items()}
    trajectory = dataset(picked, times.given)
    return Run(network, data, method, trajectory, outcome, None, None, Rigour.measured, loss)
