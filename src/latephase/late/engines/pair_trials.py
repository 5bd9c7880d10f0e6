"""Many trials of two neurons on two points: exact pieces, and modes for what those leave.

Gradient flow with x1 * x2 != -1, and gradient descent whose coupled phases outlast the steps that
are worth taking, go through `late/chain` one by one and are recorded like the others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from latephase.core import LogTime, Outcome, Regime
from latephase.core.arrays import Floats
from latephase.late.chain.compared import compared
from latephase.late.chain.ending import ending, pattern
from latephase.late.chain.next_piece import next_piece
from latephase.late.chain.state import Chain, Goal
from latephase.late.engine import MAX_STEPS, SLIDE_TOLERANCE, TOLERANCE, Progress
from latephase.late.modes.frame import Frame
from latephase.late.modes.setting import Setting
from latephase.late.pair.course import Clock, Course, Record
from latephase.late.pair.fastforward import fast_forward
from latephase.late.pair.law import Laws, laws
from latephase.late.pair.observe import observe
from latephase.late.pair.regimes import half_slide, terminal_regime
from latephase.late.pair.response import pattern_code, response
from latephase.late.pair.state import Journey, initial_state, margins, unmoved
from latephase.late.pattern import SLIDING
from latephase.problem import LOSSES, Method, TwoPointGeometry

WORTH_STEPPING = 65_536  # steps, of all trials at once; beyond it the general chain is faster
FAR = 1e6  # ln t until which a run without a horizon is followed, to see where it settles
_FLOATS = 709.0  # ln of about the largest float
_ALIKE = 1e-3  # deviation of the margins of a half slide whose end is foreseen


@dataclass(frozen=True)
class LatePhase:
    """What the fast-forward found for T trials (trial axis first) at S samples, in canonical order:
    neuron 0 has output weight +1.

    parameters (2 neurons, 2 [weight, bias], T, S);  observed: name -> (T, S);  error (T, S);
    exact (T, S);  outcome, regime (T,) objects;  entry (T,) step of entry into the regime and its
    logarithm;  laws: arrays (T,).
    """

    record: Record
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
    record = Record.empty(len(weights), len(samples))
    clock = Clock.of(samples, until)
    course = Course(geometry, method, clock, record, slide_tolerance)
    a = geometry.preactivations(weights, biases).transpose(1, 2, 0)
    parameters = np.stack([weights, biases]).transpose(2, 0, 1)
    goal = Goal(TOLERANCE, slide_tolerance, max_steps)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
        state = initial_state(parameters, a)
        if course.discrete or geometry.gram_sign == 0:
            worth = max(WORTH_STEPPING, math.ceil(4 / slide_tolerance))  # chatter falls like 1/t
            journey = fast_forward(course, state, min(max_steps, worth), progress)
        else:
            journey = unmoved(state)
        theta = np.stack([weights, biases], axis=-1)
        _finish(course, journey, theta, samples, until, goal, progress)
        law = laws(geometry, journey.regime, journey.state.preactivations, course.log_step)
    return LatePhase(record, journey, law)


def _finish(
    course: Course,
    journey: Journey,
    theta: Floats,
    samples: list[LogTime],
    until: LogTime | None,
    goal: Goal,
    progress: Progress | None,
) -> None:
    """Follow the trials that the exact pieces left, from their start theta (T, 2, 2)."""
    left = [o is None or o is Outcome.budget_exhausted for o in journey.outcome]
    rows = [int(row) for row in np.flatnonzero(left)]
    if not rows:
        return
    setting = _setting(course.geometry, course.method)
    for number, row in enumerate(rows):
        if progress:
            progress(len(left) - len(rows) + number, len(left))
        chain, outcome, regime, entry = _follow_row(
            setting, course.geometry, theta[row], course.record, row, samples, until, goal
        )
        journey.outcome[row], journey.regime[row] = outcome, regime
        end = chain.theta
        a = course.geometry.preactivations(end[:, 0], end[:, 1])
        journey.state.parameters[..., row], journey.state.preactivations[..., row] = end, a
        if regime is not None:
            journey.entry[row], journey.log_entry[row] = entry
    if progress:
        progress(len(left), len(left))


def _setting(geometry: TwoPointGeometry, method: Method) -> Setting:
    """Canonical two neurons on canonical two points."""
    points = np.array([[geometry.x1, 1.0], [geometry.x2, 1.0]])
    signs = np.array([1.0, -1.0])
    return Setting(Frame.of(points), signs, signs, method, LOSSES["exponential"])


def _follow_row(
    setting: Setting,
    geometry: TwoPointGeometry,
    theta: Floats,
    record: Record,
    row: int,
    times: list[LogTime],
    until: LogTime | None,
    goal: Goal,
) -> tuple[Chain, Outcome, Regime | None, tuple[float, float]]:
    """Run theta (2, 2) through the general chain and record it as trial `row`.

    Returns the chain, outcome and regime, and the time of entry into it with its logarithm.
    """
    horizon = until or LogTime.from_log(FAR, flow=not setting.discrete)
    found = compared(setting, theta, times, horizon, goal)
    parameters = found.theta.transpose(1, 2, 0)  # (neuron, [weight, bias], S)
    a = setting.preactivations(found.chain.recorded)
    observed = observe(geometry, parameters, a.transpose(1, 2, 0))
    record.parameters[:, :, row] = parameters
    for name, values in observed.items():
        record.observed[name][row] = values
    record.error[row], record.margin_error[row] = found.error, found.margin_error
    record.exact[row] = False
    return replace(found.chain, theta=found.end), *_verdict(geometry, found.chain)


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
    if chain.outcome is not None or not np.isfinite(chain.now.log):
        return None
    here, must_step = next_piece(chain)
    code = int(pattern_code(here.status[..., None])[0])
    half, reply = half_slide(geometry, code), response(geometry, code)
    if half is None or must_step:
        return None
    j, fall, regime = half
    a = chain.setting.preactivations(chain.theta)
    level = margins(np.where(reply.status == SLIDING, 0.0, a)[..., None])
    if not reply.deviation(level)[0] <= _ALIKE:
        return None
    method = chain.setting.method
    step = method.step_size if method.discrete else 1.0
    rise = max(float(a[j, 1 - j]), 0.0) / fall
    grown = rise + math.log(-math.expm1(-max(rise, 1e-300)))
    left = float((level[:, 0] - np.log(step * reply.rates)).mean()) + grown
    return regime, float(np.logaddexp(chain.now.log, left))
