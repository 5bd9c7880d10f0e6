"""Two neurons on two points: exact pieces (`late/pair`), and modes for what those leave.

Gradient flow with x1 * x2 != -1, and gradient descent whose coupled phases outlast the steps that
are worth taking, go through `late/chain` one by one and are recorded like the others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from latephase.core import LogTime, Outcome, Regime, Rigour
from latephase.core.arrays import Floats
from latephase.late.chain.decision import decide
from latephase.late.chain.ending import FAR, ending, pattern
from latephase.late.chain.run_chain import Chain
from latephase.late.chain.run_twice import AssessedChain, run_twice
from latephase.late.chain.state import Controls
from latephase.late.engine import SLIDE_TOLERANCE, TOLERANCE, Goal, Record, entry_time
from latephase.late.limits.law import pair_law
from latephase.late.modes.dynamics import Dynamics
from latephase.late.modes.frame import Frame
from latephase.late.pair.law import Laws, laws
from latephase.late.pair.observe import PairSamples, observe_pair
from latephase.late.pair.pieces import run_pieces
from latephase.late.pair.regimes import final_status, half_slide, regime_of_end
from latephase.late.pair.response import response
from latephase.late.pair.state import Journey, initial_state, margins, unmoved
from latephase.late.pair.task import PairTask, SampleTimes
from latephase.late.pattern import SLIDING, pattern_code
from latephase.problem import LOSSES, Method, Problem, TwoPointGeometry

_WORTH_STEPPING = 262_144  # steps, of all trials at once; beyond it modes are faster
_ALIKE = 1e-3  # deviation of the margins of a half slide whose end is foreseen


class ExactPieces:
    """Pieces whose end is known in closed form; what they leave goes through modes."""

    name = "exact pieces"
    options = frozenset({"slide_tolerance"})

    def takes(self, problem: Problem) -> bool:
        """Two neurons of output weights +1, -1 on two points, exponential loss, GD or GF."""
        return problem.has_closed_form

    def run(self, problem: Problem, times: Sequence[LogTime], goal: Goal) -> Record:
        """Carry one network."""
        network, geometry, order = problem.network, problem.geometry, problem.neuron_order
        rows = list(order)
        weights, biases = network.weights[rows, 0][None], network.biases_or_zeros[rows][None]
        found = follow_trials(geometry, weights, biases, problem.method, times, goal)
        seen, journey, entry = found.record, found.journey, None
        regime = journey.regime[0]
        if regime is not None:
            entered = float(journey.entry[0]), float(journey.log_entry[0])
            entry = entry_time(*entered, problem.method.discrete)
        status = final_status(geometry, regime, journey.state.preactivations[..., 0])
        return Record(
            parameters=np.moveaxis(seen.parameters[rows, :, 0], -1, 0),
            error=seen.error[0],
            margin_error=seen.margin_error[0],
            rigour=np.where(seen.exact[0], Rigour.exact.name, Rigour.estimated.name),
            outcome=journey.outcome[0],
            regime=regime,
            entry=entry,
            law=pair_law(geometry, regime, found.laws, neurons=order),
            pattern=status[rows][:, list(geometry.order)],
            observed={name: values[0] for name, values in seen.observed.items()},
        )


@dataclass(frozen=True)
class LatePhase:
    """What was found of T trials at S samples, in canonical order: neuron 0 has output weight +1.

    record: the samples, (..., T, S);  journey: where each trial stands at its end, (..., T), its
    outcome and regime, and the time of its entry into that;  laws: arrays (T,).
    """

    record: PairSamples
    journey: Journey
    laws: Laws


def follow_trials(
    geometry: TwoPointGeometry,
    weights: Floats,
    biases: Floats,
    method: Method,
    samples: Sequence[LogTime],
    goal: Goal,
) -> LatePhase:
    """Run canonical networks, weights (T, 2) and biases (T, 2), through their late phase, by
    gradient descent or flow.

    samples: sorted times.  goal.until None: until every trial has settled.
    """
    times, until, progress = list(samples), goal.until, goal.progress
    slide_tolerance = goal.slide_tolerance or SLIDE_TOLERANCE
    record = PairSamples.empty(len(weights), len(times))
    task = PairTask(geometry, method, SampleTimes.of(times, until), record, slide_tolerance)
    a = geometry.preactivations(weights, biases).transpose(1, 2, 0)
    theta = np.stack([weights, biases], axis=-1)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
        state = initial_state(theta.transpose(1, 2, 0), a)
        if task.method.discrete or geometry.gram_sign == 0:
            worth = max(_WORTH_STEPPING, math.ceil(4 / slide_tolerance))  # chatter falls like 1/t
            journey = run_pieces(task, state, min(goal.max_steps, worth), progress)
        else:
            journey = unmoved(state)

        # By modes, one by one: the trials that the pieces have left before their end.
        left = [r for r, o in enumerate(journey.outcome) if o in (None, Outcome.budget_exhausted)]
        if left:
            points = np.array([[geometry.x1, 1.0], [geometry.x2, 1.0]])
            signs = np.array([1.0, -1.0])
            dynamics = Dynamics(Frame.of(points), signs, signs, method, LOSSES["exponential"])
            # Without a horizon one is followed as far as it takes to see where it settles.
            horizon = until or LogTime.from_log(FAR, flow=not task.method.discrete)
            controls = Controls(TOLERANCE, slide_tolerance, goal.max_steps)
        for number, row in enumerate(left):
            if progress:
                progress(len(weights) - len(left) + number, len(weights))
            found = run_twice(dynamics, theta[row], times, horizon, controls)
            _record(task, journey, row, found)
        if left and progress:
            progress(len(weights), len(weights))
        law = laws(geometry, journey.regime, journey.state.preactivations, task.method.log_step)
    return LatePhase(record, journey, law)


def _record(task: PairTask, journey: Journey, row: int, found: AssessedChain) -> None:
    """Record a run by modes as trial `row`: its samples, where it stands, and how it ends."""
    samples, chain, geometry = task.samples, found.chain, task.geometry
    parameters = found.theta.transpose(1, 2, 0)  # (neuron, [weight, bias], S)
    a = chain.task.dynamics.preactivations(chain.samples.theta).transpose(1, 2, 0)
    samples.parameters[:, :, row] = parameters
    for name, values in observe_pair(geometry, parameters, a).items():
        samples.observed[name][row] = values
    samples.error[row], samples.margin_error[row] = found.error, found.margin_error
    samples.exact[row] = False

    end = found.end
    journey.state.parameters[..., row], journey.state.exact[row] = end, False
    journey.state.preactivations[..., row] = geometry.preactivations(end[:, 0], end[:, 1])
    outcome, half = ending(chain), _half_slide(geometry, chain)
    regime = regime_of_end(geometry, outcome, pattern(chain))
    entry = chain.entry.as_float, chain.entry.log
    if half:
        regime, log = half
        entry = math.exp(log) if log < 709 else math.inf, log  # ln of about the largest float
    if regime is not None:
        journey.settle(row, regime, *entry)
    else:  # one that lasts in a pattern without a name is under way
        lasts = outcome in (Outcome.settled, Outcome.unfitted)
        journey.outcome[row] = Outcome.transient if lasts else outcome


def _half_slide(geometry: TwoPointGeometry, chain: Chain) -> tuple[Regime, float] | None:
    """The regime that the half slide at the end of a chain goes over to, and ln of the time.

    exp(u) grows by the rate of the slide per unit of time, and takes the wrong side down to 0.
    """
    if chain.state.outcome is not None or not np.isfinite(chain.state.now.log):
        return None
    decision = decide(chain.task, chain.state)
    code = int(pattern_code(decision.mode.status)[0])
    half, reply = half_slide(geometry, code), response(geometry, code)
    if half is None or decision.must_step:
        return None
    j, fall, regime = half
    dynamics = chain.task.dynamics
    a = dynamics.preactivations(chain.state.theta)
    level = margins(np.where(reply.status == SLIDING, 0.0, a)[..., None])
    if not reply.deviation(level)[0] <= _ALIKE:
        return None
    rise = max(float(a[j, 1 - j]), 0.0) / fall
    grown = rise + math.log(-math.expm1(-max(rise, 1e-300)))
    left = float((level[:, 0] - np.log(dynamics.method.flow_step * reply.rates)).mean()) + grown
    return regime, float(np.logaddexp(chain.state.now.log, left))
