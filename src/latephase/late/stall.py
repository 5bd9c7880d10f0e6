"""`stall`: when gradient descent stops moving in floating point, and what is left over."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import lambertw

from latephase.core import InputError, LatephaseError, LogTime
from latephase.core.calls import public
from latephase.problem import LOSSES, Dataset, GradientDescent, ShallowReLU, TwoPointGeometry

from .run import Run
from .simulate import has_late_phase, simulate

Array = NDArray[np.float64]
_SAMPLES = 200
_NEAR = 1e-6  # relative distance from its kink at which a neuron counts as active


# With updates of k units while the true one lies within half a unit of k, the pre-activation takes
# sum_k ln((k + 1/2) / (k - 1/2)) / k units of time where exactly it takes 2.
_K = np.arange(1, 10**5)
WHOLE_UNITS = float((np.log((_K + 0.5) / (_K - 0.5)) / _K).sum()) / 2


@public
@dataclass(frozen=True)
class Stall:
    """The predicted end of training in floating point.

    step: updates after which no parameter changes any more;  deficit: the robustness-margin deficit
    that is left, in input units;  boundary: x* then, NaN beyond two neurons on a line;
    earliest, latest: Lambert-W bounds of the step, for parameters at the lower and the upper end of
    a power of two; None beyond two neurons on two points;  run: the exact run it was read off.
    """

    dtype: str
    step: LogTime
    deficit: float
    boundary: float
    earliest: LogTime | None
    latest: LogTime | None
    run: Run


@public
def stall(
    network: ShallowReLU,
    data: Dataset,
    method: GradientDescent,
    dtype: str = "float32",
    **more: Any,
) -> Stall:
    """Predict at which update gradient descent stops in the arithmetic of `dtype`.

    Training stops when step_size |dL/dtheta| falls below half a unit in the last place of every
    parameter. Both sides are read off the exact run of `simulate`; `more` is passed on to it.
    Rounded to whole units, updates get there sooner, by the factor WHOLE_UNITS.
    Rigour: estimated: where parameters do not stop at once, the last ones go on alone for a
    while.  Raises InputError for other methods and unknown dtypes, LatephaseError where the run
    does not get there.  Source: docs/theory.md, "Real arithmetic".
    """
    from latephase.training.real_arithmetic import format_of

    form = format_of(dtype)
    if not isinstance(method, GradientDescent):
        raise InputError("GradientDescent(step_size)", method, "only its stall is predicted")
    low, high = 0.0, (form.bits + 12) * math.log(2) + abs(math.log(method.step_size))
    for _ in range(2):
        whole = np.unique(np.rint(np.exp(np.linspace(low, high, _SAMPLES))))
        times = [LogTime.parse(int(t)) for t in whole]
        run = simulate(network, data, method, until=times[-1], at=times, **more)
        still = _still(run, form, method.step_size)
        first = _first(still, dtype, run)
        low, high = (times[max(first - 1, 0)].log, times[first].log)
    at = run.trajectory.isel(time=first)
    earliest, latest = _bounds(network, data, method, form.bits, run.loss)
    boundary, deficit = float(at.boundary), float(at.margin_deficit)
    step = LogTime.parse(round(WHOLE_UNITS * float(times[first].as_float)))
    return Stall(form.name, step, deficit, boundary, earliest, latest, run)


def _first(still: NDArray[np.bool_], dtype: str, run: Run) -> int:
    if not still.any():
        raise LatephaseError(
            f"expected a run that is followed until {dtype} stalls, got outcome "
            f"{run.outcome.name}; raise max_steps"
        )
    return int(np.argmax(still))


def _still(run: Run, form: Any, step_size: float) -> NDArray[np.bool_]:
    """Whether no parameter would change, (S,)."""
    data, outer = run.data, run.network.output_weights
    w, b = run.trajectory.weights.values, run.trajectory.biases.values
    a = np.einsum("sjk,ik->sji", w, data.inputs) + b[..., None]
    q = data.labels * np.einsum("j,sji->si", outer, np.maximum(a, 0.0))
    with np.errstate(all="ignore"):
        weights = step_size * np.exp(LOSSES[run.loss].log_weights(q))
        size = np.abs(a).max(axis=2, keepdims=True)
        pull = np.abs(outer)[:, None] * weights[:, None] * (a > -_NEAR * size)  # (S, m, n)
        points = np.abs(np.concatenate([data.inputs, np.ones((data.n, 1))], axis=1))
        update = np.einsum("sji,ik->sjk", pull, points)
        theta = np.concatenate([w, b[..., None]], axis=-1)
        fixed: NDArray[np.bool_] = (update <= form.spacing(theta) / 2).all(axis=(1, 2))
    return fixed & np.isfinite(theta).all(axis=(1, 2))


def _bounds(
    network: ShallowReLU, data: Dataset, method: GradientDescent, bits: int, loss: str
) -> tuple[LogTime | None, LogTime | None]:
    """Updates t = f 2^p / W(step_size k f 2^p) for f = 1 and 2 and the points' k."""
    if not has_late_phase(network, data) or loss != "exponential":
        return None, None
    g = TwoPointGeometry.of(data)
    found = [
        f * 2.0**bits / float(lambertw(method.step_size * k * f * 2.0**bits).real)
        for f in (1.0, 2.0)
        for k in (g.k11, g.k22)
    ]
    return LogTime.parse(math.floor(min(found))), LogTime.parse(math.ceil(max(found)))
