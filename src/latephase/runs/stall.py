"""`stall`: when gradient descent stops moving in floating point, and what is left over."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from latephase.core import InputError, LatephaseError, LogTime, Outcome, Words
from latephase.core.arrays import Bools
from latephase.core.calls import public
from latephase.core.records import Summarised
from latephase.problem import Dataset, Method, Problem, ShallowReLU
from latephase.problem.activation import activated

from .run import Run
from .simulate import simulate
from .trajectory import output_weights_of, parameters_of

_SAMPLES = 200
_LONGEST = 1e6  # ln of the latest time at which a stall is looked for
_NEAR = 1e-6  # relative distance from its kink at which a neuron counts as active


# With updates of k units while the true one lies within half a unit of k, the pre-activation takes
# sum_k ln((k + 1/2) / (k - 1/2)) / k = 1.7506329692 units of time where exactly it takes 2. Terms
# fall like 1/k^2: the rest after K is 1/(K + 1/2) to a relative 1/K^2.
_K = np.arange(1, 10**5)
WHOLE_UNITS = float((np.log1p(1 / (_K - 0.5)) / _K).sum() + 1 / (_K[-1] + 0.5)) / 2


@public
@dataclass(frozen=True, repr=False)
class Stall(Summarised):
    """The predicted end of training in floating point.

    Attributes
    ----------
    dtype : str
        The arithmetic.
    step : LogTime
        Updates after which no parameter changes any more.
    deficit, boundary : float
        The robustness-margin deficit that is left, in input units, and x* then, NaN beyond two
        neurons on a line.
    earliest, latest : LogTime or None
        Lambert-W bounds of the time at which exact updates become that small, for parameters at the
        lower and the upper end of a power of two; `step` is WHOLE_UNITS of it.  None beyond two
        neurons of fixed output weights on two points (where these are trained, parameters grow
        like sqrt(ln t), and null parts set their leading digits, too), and where training stops at
        less than half of the earliest, before the late phase.
    run : Run
        The exact run it was read off.

    Examples
    --------
    >>> data = lp.Dataset([1.0, -1.0], [1, -1])
    >>> net = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2])
    >>> lp.stall(net, data, lp.GradientDescent(1.0), "bfloat16").step
    LogTime.parse('53')
    """

    dtype: str
    step: LogTime
    deficit: float
    boundary: float
    earliest: LogTime | None
    latest: LogTime | None
    run: Run

    def lines(self) -> list[str]:
        """When it stops, and with what left over."""
        head = f"{self.dtype} stalls at t = {self.step}, deficit {self.deficit:.6g}"
        if self.earliest is None:
            return [head]
        bounds = f"updates are that small between {self.earliest} and {self.latest}"
        return [head, f"{bounds}, and in whole units at {WHOLE_UNITS:.3g} of that time"]


@public
def stall(
    network: ShallowReLU,
    data: Dataset,
    method: Method,
    dtype: object = "float32",
    **more: Any,
) -> Stall:
    """Predict at which update gradient descent stops in the arithmetic of `dtype`.

    Parameters
    ----------
    network, data, method
        As in `simulate`; the method is GradientDescent.
    dtype
        The arithmetic, as in `simulate`.
    **more
        Passed on to the exact run of `simulate`, all but times.

    Returns
    -------
    Stall

    Raises
    ------
    InputError
        For other methods, unknown dtypes and numbers beyond the dtype's.
    LatephaseError
        Where the run does not get to its stall.

    Notes
    -----
    Training stops when step_size |dL/dtheta| falls below half a unit in the last place of every
    parameter; both sides are read off the exact run.  Rounded to whole units, updates get there
    sooner, by the factor WHOLE_UNITS.  Rigour: estimated: where parameters do not stop at once, the
    last ones go on alone for a while.  Source: docs/theory.md, "Real arithmetic".

    Examples
    --------
    >>> data = lp.Dataset([1.0, -1.0], [1, -1])
    >>> net = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2])
    >>> end = lp.stall(net, data, lp.GradientDescent(1.0), "float32")
    >>> print(end.step, f"{end.deficit:.4f}")
    1836154 0.0128
    """
    from latephase.training.arithmetic.formats import format_of

    form = format_of(dtype)
    problem = Problem.of(network, data, method, more.pop("loss", "exponential"))
    if not (problem.method.has_late_phase and problem.method.discrete):
        raise InputError("GradientDescent(step_size)", method, "only its stall is predicted")
    own = {"until", "at", "samples"} & set(more)
    if own:
        raise InputError("no times: stall looks for its own", Words(own.pop()), "leave it out")
    _check_range(problem, form)
    run, first = _found(problem, form, more)
    at = run.trajectory.isel(time=first)
    boundary, deficit = float(at.boundary), float(at.margin_deficit)
    still = LogTime.parse(str(at.time.values))
    earliest, latest = _bounds(problem, form.bits)
    if earliest is not None and still.log < earliest.log - math.log(2):
        earliest = latest = None
    return Stall(form.name, _shorter(still), deficit, boundary, earliest, latest, run)


def _check_range(problem: Problem, form: Any) -> None:
    """Check that no number given is infinite in the format."""
    network, step_size = problem.network, problem.method.step_size
    parts = (network.parameters, network.output_weights, problem.data.inputs)
    largest = max(step_size, *(float(np.abs(part).max()) for part in parts))
    if largest >= form.largest:
        expected = f"numbers below {form.largest:.6g}, the largest of {form.name}"
        raise InputError(expected, largest, "rescale the inputs, or choose a wider dtype")


def _found(problem: Problem, form: Any, more: dict[str, Any]) -> tuple[Run, int]:
    """A run sampled around its stall, and the first of its samples that does not move."""
    low, high = 0.0, (form.bits + 12) * math.log(2) + abs(problem.method.log_step)
    while True:
        run, times, still = _sampled(problem, form, (low, high), more)
        if still.any():
            break
        if high > _LONGEST or not np.isfinite(run.trajectory.log_loss.values[-1]):
            wild = run.outcome is Outcome.overflowed
            raise LatephaseError(
                f"expected a run that is followed until {form.name} stalls, got outcome "
                f"{run.outcome.name}; {'take a smaller step size' if wild else 'raise max_steps'}"
            )
        high *= 4.0
    first = int(np.argmax(still))
    if first < 2:  # t = 0 or 1
        return run, first
    ends = (times[first - 1].log, times[first].log)
    run, _, still = _sampled(problem, form, ends, more)
    return run, int(np.argmax(still)) if still.any() else len(still) - 1


def _sampled(
    problem: Problem, form: Any, ends: tuple[float, float], more: dict[str, Any]
) -> tuple[Run, list[LogTime], Bools]:
    """A run, its times between e^ends, and where no parameter would change."""
    logs = np.linspace(*ends, _SAMPLES)
    times = sorted({LogTime.parse(0), *(_whole(float(log), round) for log in logs)})
    what = (problem.network, problem.data, problem.method)
    try:
        run = simulate(*what, loss=problem.loss.name, until=times[-1], at=times, **more)
    except ArithmeticError as error:
        text = (
            f"expected numbers whose products float64 holds, got {type(error).__name__} in the run"
        )
        raise LatephaseError(f"{text}; rescale inputs, weights or step size") from error
    return run, times, _still(problem, run, form)


def _shorter(time: LogTime) -> LogTime:
    """WHOLE_UNITS times a time."""
    if time.as_float < 2.0**53:
        return LogTime.parse(round(WHOLE_UNITS * time.as_float))
    return LogTime.from_log(time.log + math.log(WHOLE_UNITS))


def _still(problem: Problem, run: Run, form: Any) -> Bools:
    """Whether no parameter would change, (S,)."""
    network, data = problem.network, problem.data
    theta, slope = parameters_of(run.trajectory), network.negative_slope
    outer = np.broadcast_to(output_weights_of(run.trajectory, network), theta.shape[:2])
    w, b = network.parted(theta)
    with np.errstate(all="ignore"):
        a = np.einsum("sjk,ik->sji", w, data.inputs)
        a = a if b is None else a + b[..., None]
        felt = activated(a, slope)
        q = data.labels * np.einsum("sj,sji->si", outer, felt)
        weights = np.exp(problem.method.log_step + problem.loss.log_weights(q))
        near = np.abs(a) <= _NEAR * np.abs(a).max(axis=2, keepdims=True)
        points = network.points(data.inputs)
        signed = (data.labels * weights)[:, None]  # (S, 1, n)
        pull = outer[..., None] * signed  # (S, m, n)
        # On a kink a point pulls now and then: all of it counts. Elsewhere pulls may cancel.
        steady = np.where(near, 0.0, np.where(a > 0, pull, slope * pull)) @ points
        update = np.abs(steady) + np.where(near, np.abs(pull), 0.0) @ np.abs(points)
        fixed: Bools = (update <= form.spacing(theta) / 2).all(axis=(1, 2))
        if network.train_output:
            outward = np.abs((signed * felt).sum(axis=2))
            fixed &= (outward <= form.spacing(outer) / 2).all(axis=1)
    return fixed & np.isfinite(theta).all(axis=(1, 2)) & np.isfinite(outer).all(axis=1)


def _bounds(problem: Problem, bits: int) -> tuple[LogTime | None, LogTime | None]:
    """Updates t = f 2^p / W(step_size k f 2^p) for f = 1 and 2 and the points' k.

    In logarithms, which do not overflow: W(e^L) = omega with omega + ln omega = L, so that
    ln t = omega - ln(step_size k).
    """
    if not problem.has_closed_form:
        return None, None
    from scipy.special import wrightomega  # slow to import, and needed here only

    norms = (problem.geometry.k11, problem.geometry.k22)
    rates = [problem.method.log_step + math.log(k) for k in norms if k < math.inf]
    logs = [
        float(wrightomega(rate + (f + bits) * math.log(2))) - rate for f in (0, 1) for rate in rates
    ]
    if not logs:
        return None, None
    return _whole(min(logs), math.floor), _whole(max(logs), math.ceil)


def _whole(log: float, rounded: Any) -> LogTime:
    """The whole number of updates of this logarithm."""
    return LogTime.parse(rounded(math.exp(log))) if log < 700.0 else LogTime.from_log(log)
