"""From networks and a method to their journeys: the one entrance to the fast-forward."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from latephase.core import InputError, LogTime, Outcome, Regime
from latephase.core.arrays import Floats
from latephase.late.chain.state import Controls
from latephase.late.pair.course import Clock, Course, Record
from latephase.late.pair.fastforward import Progress, fast_forward
from latephase.late.pair.law import Laws, laws
from latephase.late.pair.state import Journey, initial_state, unmoved
from latephase.problem import GradientDescent, GradientFlow, TwoPointGeometry

from .coupled import follow_row, two_point_setting

MAX_STEPS = 1_000_000
TOLERANCE = 1e-10
SLIDE_TOLERANCE = 1e-4
WORTH_STEPPING = 65_536  # steps, of all trials at once; beyond it the general chain is faster


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


def run(
    geometry: TwoPointGeometry,
    weights: Floats,
    biases: Floats,
    method: GradientDescent | GradientFlow,
    samples: list[LogTime],
    until: LogTime | None,
    *,
    max_steps: int = MAX_STEPS,
    slide_tolerance: float = SLIDE_TOLERANCE,
    progress: Progress | None = None,
) -> LatePhase:
    """Run canonical networks, weights (T, 2) and biases (T, 2), through their late phase.

    samples: sorted times.  until None: until every trial has settled.
    """
    check_method(method)
    record = Record.empty(len(weights), len(samples))
    clock = Clock.of(samples, until)
    course = Course(geometry, method, clock, record, slide_tolerance)
    a = geometry.preactivations(weights, biases).transpose(1, 2, 0)
    parameters = np.stack([weights, biases]).transpose(2, 0, 1)
    goal = Controls(TOLERANCE, slide_tolerance, max_steps)
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
    goal: Controls,
    progress: Progress | None,
) -> None:
    """Follow the trials that the exact pieces left, from their start theta (T, 2, 2)."""
    left = [o is None or o is Outcome.budget_exhausted for o in journey.outcome]
    rows = [int(row) for row in np.flatnonzero(left)]
    if not rows:
        return
    setting = two_point_setting(course.geometry, course.method)
    for number, row in enumerate(rows):
        if progress:
            progress(len(left) - len(rows) + number, len(left))
        end, outcome, regime, entry = follow_row(
            setting, course.geometry, theta[row], course.record, row, samples, until, goal
        )
        journey.outcome[row], journey.regime[row] = outcome, regime
        a = course.geometry.preactivations(end[:, 0], end[:, 1])
        journey.state.parameters[..., row], journey.state.preactivations[..., row] = end, a
        if regime is not None:
            journey.entry[row], journey.log_entry[row] = entry
    if progress:
        progress(len(left), len(left))


def check_method(method: GradientDescent | GradientFlow) -> None:
    """Check that the method is one whose late phase is known.  Raises InputError."""
    if not isinstance(method, GradientDescent | GradientFlow):  # else it would pass for a flow
        raise InputError("GradientDescent(step_size) or GradientFlow()", method, "use one of these")


def has_law(regime: Regime | None) -> bool:
    """Whether the loss tends to 0 in this regime, so that the run has a law."""
    return regime in (Regime.specialised, Regime.double_slide, Regime.single_slide)
