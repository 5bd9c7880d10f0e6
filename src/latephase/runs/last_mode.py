"""The mode that a run is in at its end: its pattern, and the parameters there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from latephase.core import InputError, LogTime, Outcome, Words
from latephase.core.arrays import Bools, Floats, Ints
from latephase.late.limits.gradients import LinearMode
from latephase.late.limits.mode import ModeLimit
from latephase.late.modes.dynamics import lengths
from latephase.late.pattern import ACTIVE, SLIDING
from latephase.problem import Dataset, ShallowReLU

from .run import Run
from .trajectory import parameters_of

if TYPE_CHECKING:
    import xarray as xr

_LATE = "1e100"  # where a run is looked at that settled and has no sample after t = 1


def pattern_of(run: Run) -> Ints:
    """The pattern at the end of a run of gradient descent or flow.  Raises InputError."""
    if run.outcome is Outcome.overflowed:
        raise InputError("a run that ends", Words(run.outcome.value), "take a smaller step size")
    dtype = run.options.get("dtype")
    if dtype is not None or not run.method.has_late_phase:
        got = Words(f"one of {type(run.method).__name__} in {dtype or 'single steps'}")
        raise InputError("a run of gradient descent or flow, without dtype", got, "simulate that")
    if run.pattern is None:
        raise InputError(
            "a run with a pattern", Words(f"one that ended as {run.outcome.name}"), "raise until"
        )
    return run.pattern


def last_sample(run: Run, pattern: Ints) -> tuple[Floats, float]:
    """theta (m, k) and ln t of the latest sample that was reached, or of the horizon of a run
    that settled after it.  Raises InputError if there is none."""
    theta, log10_t = _latest(run.trajectory)
    if run.outcome is Outcome.settled and not (log10_t > 0 and _in_mode(theta, pattern, run)):
        late = LogTime.parse(_LATE) if run.until is None or run.until.log <= 0 else run.until
        if late.log10 > log10_t:
            theta, log10_t = _latest(run.followed([late]))
    if not log10_t > 0:
        raise InputError(
            "a run with a sample after t = 1", Words("none"), "raise until, or add `at`"
        )
    return theta, log10_t * math.log(10.0)


def last_state(run: Run) -> tuple[Floats, float]:
    """(w_j, b_j, v_j) (m, d + 2) and ln t of the latest sample that was reached, or of the horizon
    of a run that settled; of one that trains both layers.  Raises InputError."""
    samples = run.trajectory
    if run.outcome is Outcome.settled:
        late = LogTime.parse(_LATE) if run.until is None or run.until.log <= 0 else run.until
        samples = run.followed([late])
    theta, log10_t = _latest(samples)
    if not log10_t > 0:
        raise InputError(
            "a run with a sample after t = 1", Words("none"), "raise until, or add `at`"
        )
    k = int(np.flatnonzero(samples.log10_t.values == log10_t)[0])
    outer = samples.output_weights.values[k]
    return np.concatenate([theta, outer[:, None]], axis=1), log10_t * math.log(10.0)


def _in_mode(theta: Floats, pattern: Ints, run: Run) -> bool:
    active = theta @ run.network.points(run.data.inputs).T > 0
    linear = run.network.negative_slope == 1  # one mode for ever
    return linear or bool(((active == (pattern == ACTIVE)) | (pattern == SLIDING)).all())


def _latest(samples: xr.Dataset) -> tuple[Floats, float]:
    """theta and the decimal logarithm of t at the latest sample that was reached."""
    theta = parameters_of(samples)
    log10_t = np.where(np.isfinite(theta).all(axis=(1, 2)), samples.log10_t.values, -np.inf)
    k = int(np.argmax(log10_t))
    return theta[k], float(log10_t[k])


def log_of_late(t: object, flow: bool) -> float:
    """ln of a time at which there is an asymptotic network.  Raises InputError unless t > 1."""
    time = LogTime.parse(t, flow=flow, name="t")
    if not time.log > 0:
        raise InputError("a time t > 1", Words(str(time)), "the late phase has ln t > 0")
    return time.log


def unfitted(points: Bools) -> InputError:
    """What is said of a run that does not fit its data, by whether it misses a point (n,)."""
    named = [str(i) for i in np.flatnonzero(points)]
    shown = ", ".join(named[:10]) + (", ..." if len(named) > 10 else "")
    return InputError(
        "a run whose loss tends to 0",
        Words(f"one in which {len(named)} of {len(points)} points are not fitted: {shown}"),
        "points count from 0; pass a run that fits its data",
    )


def kkt_residual(found: ModeLimit, mode: LinearMode, network: ShallowReLU, data: Dataset) -> float:
    """The residual of `margin.kkt_residual`, at the multipliers found instead of the best ones.

    An upper bound for it, and cheap where many neurons slide at one point.
    """
    shares = mode.gains.copy()
    for pair, share in found.slide_multipliers.items():
        shares[pair] = share
    pulls = shares * mode.signs * found.multipliers
    norm = length(found.direction)
    slack = found.multipliers * (data.labels * network(data.inputs) - 1) / norm
    return math.hypot(length(found.direction - pulls @ mode.points), length(slack)) / norm


def length(values: Floats) -> float:
    """Euclidean length of all numbers."""
    return float(lengths(values.ravel()))
