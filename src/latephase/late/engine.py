"""From networks and a method to their journeys: the one entrance to the fast-forward."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latephase.core import InputError, LogTime, Regime
from latephase.problem import GradientDescent, GradientFlow, TwoPointGeometry

from .course import Clock, Course, Record
from .fastforward import Journey, Progress, fast_forward
from .law import Laws, laws
from .state import initial_state

Array = NDArray[np.float64]
MAX_STEPS = 1_000_000
TOLERANCE = 1e-10
SLIDE_TOLERANCE = 1e-4


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
    weights: Array,
    biases: Array,
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
    check_method(geometry, method)
    record = Record.empty(len(weights), len(samples))
    clock = Clock.of(samples, until)
    course = Course(geometry, method, clock, record, slide_tolerance)
    a = geometry.preactivations(weights, biases).transpose(1, 2, 0)
    parameters = np.stack([weights, biases]).transpose(2, 0, 1)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
        journey = fast_forward(course, initial_state(parameters, a), max_steps, progress)
        law = laws(geometry, journey.regime, journey.state.preactivations, course.log_step)
    return LatePhase(record, journey, law)


def check_method(geometry: TwoPointGeometry, method: GradientDescent | GradientFlow) -> None:
    """Check that the method's late phase is known on these points.  Raises InputError."""
    if not isinstance(method, GradientDescent | GradientFlow):  # else it would pass for a flow
        raise InputError("GradientDescent(step_size) or GradientFlow()", method, "use one of these")
    if isinstance(method, GradientFlow) and geometry.gram_sign != 0:
        raise InputError(
            "inputs with x1 * x2 = -1 exactly for gradient flow",
            (geometry.x1, geometry.x2),
            "use GradientDescent, or such inputs as 1, -1 or 2, -0.5",
        )


def has_law(regime: Regime | None) -> bool:
    """Whether the loss tends to 0 in this regime, so that the run has a law."""
    return regime in (Regime.specialised, Regime.double_slide, Regime.single_slide)
