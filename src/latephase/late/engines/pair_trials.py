"""Many trials of two neurons on two points: exact pieces, and modes for what those leave.

Gradient flow with x1 * x2 != -1, and gradient descent whose coupled phases outlast the steps that
are worth taking, go through `late/chain` one by one and are recorded like the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from latephase.core import LogTime, Outcome, Regime
from latephase.core.arrays import Floats
from latephase.late.chain.compared import Compared, compared
from latephase.late.chain.decision import decide
from latephase.late.chain.ending import ending, pattern
from latephase.late.chain.run import Chain
from latephase.late.chain.state import Controls
from latephase.late.engine import MAX_STEPS, SLIDE_TOLERANCE, TOLERANCE, Progress
from latephase.late.modes.dynamics import Dynamics
from latephase.late.modes.frame import Frame
from latephase.late.pair.context import Context, Samples, SampleTimes
from latephase.late.pair.fastforward import fast_forward
from latephase.late.pair.law import Laws, laws
from latephase.late.pair.observe import observe_pair
from latephase.late.pair.regimes import half_slide, terminal_regime
from latephase.late.pair.response import response
from latephase.late.pair.state import Journey, initial_state, margins, unmoved
from latephase.late.pattern import SLIDING, pattern_code
from latephase.problem import LOSSES, Method, TwoPointGeometry

WORTH_STEPPING = 65_536  # steps, of all trials at once; beyond it the general chain is faster
FAR = 1e6  # ln t until which a run without a horizon is followed, to see where it settles
_FLOATS = 709.0  # ln of about the largest float
_ALIKE = 1e-3  # deviation of the margins of a half slide whose end is foreseen


@dataclass(frozen=True)
class LatePhase:
    """What was found of T trials at S samples, in canonical order: neuron 0 has output weight +1.

    record: the samples, (..., T, S);  journey: where each trial stands at its end, (..., T), its
    outcome and regime, and the time of its entry into that;  laws: arrays (T,).
    """

    record: Samples
    journey: Journey
    laws: Laws


def follow_trials(
    geometry: TwoPointGeometry,
    weights: Floats,
    biases: Floats,
    method: Method,
    samples: list[LogTime],
    until: LogTime | None,
    *,
    max_steps: int = MAX_STEPS,
    slide_tolerance: float = SLIDE_TOLERANCE,
    progress: Progress | None = None,
) -> LatePhase:
    """Run canonical networks, weights (T, 2) and biases (T, 2), through their late phase, by
    gradient descent or flow.

    samples: sorted times.  until None: until every trial has settled.
    """
    record = Samples.empty(len(weights), len(samples))
    sample_times = SampleTimes.of(samples, until)
    context = Context(geometry, method, sample_times, record, slide_tolerance)
    a = geometry.preactivations(weights, biases).transpose(1, 2, 0)
    parameters = np.stack([weights, biases]).transpose(2, 0, 1)
    controls = Controls(TOLERANCE, slide_tolerance, max_steps)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
        state = initial_state(parameters, a)
        if context.discrete or geometry.gram_sign == 0:
            worth = max(WORTH_STEPPING, math.ceil(4 / slide_tolerance))  # chatter falls like 1/t
            journey = fast_forward(context, state, min(max_steps, worth), progress)
        else:
            journey = unmoved(state)
        if any(_is_left(outcome) for outcome in journey.outcome):
            theta, dynamics = np.stack([weights, biases], axis=-1), _dynamics(geometry, method)
            horizon = until or LogTime.from_log(FAR, flow=not context.discrete)
            _finish(
                context,
                journey,
                lambda row: compared(dynamics, theta[row], samples, horizon, controls),
                progress,
            )
        law = laws(geometry, journey.regime, journey.state.preactivations, context.log_step)
    return LatePhase(record, journey, law)


def _dynamics(geometry: TwoPointGeometry, method: Method) -> Dynamics:
    """Canonical two neurons on canonical two points."""
    points = np.array([[geometry.x1, 1.0], [geometry.x2, 1.0]])
    signs = np.array([1.0, -1.0])
    return Dynamics(Frame.of(points), signs, signs, method, LOSSES["exponential"])


def _finish(
    context: Context,
    journey: Journey,
    by_modes: Callable[[int], Compared],
    progress: Progress | None,
) -> None:
    """Follow the trials that the exact pieces left, and record them like the others."""
    trials = len(journey.outcome)
    rows = [row for row in range(trials) if _is_left(journey.outcome[row])]
    for number, row in enumerate(rows):
        if progress:
            progress(trials - len(rows) + number, trials)
        found = by_modes(row)
        _record(context, row, found)
        outcome, regime, entry = _verdict(context.geometry, found.chain)
        journey.outcome[row], journey.regime[row] = outcome, regime
        a = context.geometry.preactivations(found.end[:, 0], found.end[:, 1])
        journey.state.parameters[..., row] = found.end
        journey.state.preactivations[..., row] = a
        if regime is not None:
            journey.entry[row], journey.log_entry[row] = entry
    if progress:
        progress(trials, trials)


def _is_left(outcome: Outcome | None) -> bool:
    """Whether the exact pieces have left a trial before its end."""
    return outcome is None or outcome is Outcome.budget_exhausted


def _record(context: Context, row: int, found: Compared) -> None:
    """Record a run by modes as trial `row`."""
    samples, chain = context.samples, found.chain
    parameters = found.theta.transpose(1, 2, 0)  # (neuron, [weight, bias], S)
    a = chain.task.dynamics.preactivations(chain.samples.theta).transpose(1, 2, 0)
    samples.parameters[:, :, row] = parameters
    for name, values in observe_pair(context.geometry, parameters, a).items():
        samples.observed[name][row] = values
    samples.error[row], samples.margin_error[row] = found.error, found.margin_error
    samples.exact[row] = False


def _verdict(
    geometry: TwoPointGeometry, chain: Chain
) -> tuple[Outcome, Regime | None, tuple[float, float]]:
    """Outcome, regime, and the time of entry into it with its logarithm."""
    outcome, half = ending(chain), _half_slide(geometry, chain)
    if half:
        regime, log = half
        return Outcome.settled, regime, (math.exp(log) if log < _FLOATS else math.inf, log)
    time = math.inf if chain.entry.value is None else float(chain.entry.value)
    if outcome in (Outcome.settled, Outcome.unfitted):
        code = int(pattern_code(pattern(chain)[..., None])[0])
        ends = terminal_regime(geometry, code)
        outcome = Outcome.settled if ends else Outcome.transient
        return outcome, ends, (time, chain.entry.log)
    return outcome, None, (time, chain.entry.log)


def _half_slide(geometry: TwoPointGeometry, chain: Chain) -> tuple[Regime, float] | None:
    """The regime that the half slide at the end of a chain goes over to, and ln of the time.

    exp(u) grows by the rate of the slide per unit of time, and takes the wrong side down to 0.
    """
    if chain.state.outcome is not None or not np.isfinite(chain.state.now.log):
        return None
    decision = decide(chain.task, chain.state)
    code = int(pattern_code(decision.mode.status[..., None])[0])
    half, reply = half_slide(geometry, code), response(geometry, code)
    if half is None or decision.must_step:
        return None
    j, fall, regime = half
    dynamics = chain.task.dynamics
    a = dynamics.preactivations(chain.state.theta)
    level = margins(np.where(reply.status == SLIDING, 0.0, a)[..., None])
    if not reply.deviation(level)[0] <= _ALIKE:
        return None
    method = dynamics.method
    step = method.step_size if method.discrete else 1.0
    rise = max(float(a[j, 1 - j]), 0.0) / fall
    grown = rise + math.log(-math.expm1(-max(rise, 1e-300)))
    left = float((level[:, 0] - np.log(step * reply.rates)).mean()) + grown
    return regime, float(np.logaddexp(chain.state.now.log, left))
