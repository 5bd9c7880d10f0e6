"""Two neurons on two points, both layers trained: exact pieces (`late/layered_pair`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from latephase.core import Law, LogTime, Regime, Rigour
from latephase.core.arrays import Floats, Ints
from latephase.late.engine import Goal, Record, entry_time
from latephase.late.layered_pair.law import EXPONENT, NEXT, LayeredLaws, layered_laws, shares
from latephase.late.layered_pair.pieces import run_pieces
from latephase.late.layered_pair.samples import LayeredSamples, Seen, seen
from latephase.late.layered_pair.state import LayeredPairState
from latephase.late.layered_pair.task import LayeredJourney, LayeredPairTask, alone
from latephase.late.limits.law import margin_law
from latephase.late.pair.task import SampleTimes
from latephase.late.pattern import statuses
from latephase.problem import Method, Problem, TwoPointGeometry


class LayeredPieces:
    """Pieces whose end is known in closed form, and the flow between them."""

    name = "exact pieces of both layers"
    options = frozenset({"slide_tolerance"})  # of slides, of which there are none

    def takes(self, problem: Problem) -> bool:
        """Two ReLU neurons with biases, their output weights trained, on two points of the line
        with x1 * x2 <= -1; exponential loss, GD or GF."""
        return problem.has_layered_form

    def run(self, problem: Problem, times: Sequence[LogTime], goal: Goal) -> Record:
        """Carry one network."""
        network, geometry = problem.network, problem.geometry
        layers = network.weights[None, :, 0], network.biases_or_zeros[None]
        outer = network.output_weights[None]
        found = follow_layered_trials(geometry, *layers, outer, problem.method, times, goal)
        record, journey = found.seen, found.journey
        regime, entry = journey.regime[0], None
        if regime is not None:
            log_entry = float(journey.log_entry[0])
            time = np.exp(min(log_entry, 700.0))
            discrete = problem.method.discrete
            entry = entry_time(np.rint(time) if discrete else time, log_entry, discrete)
        theta, v = np.moveaxis(record.parameters[:, :, 0], -1, 0), record.output_weights[:, 0].T
        a = journey.state.preactivations(geometry)[..., 0]
        return Record(
            parameters=theta,
            output_weights=v,
            error=record.error[0],
            margin_error=record.margin_error[0],
            rigour=np.where(record.exact[0], Rigour.exact.name, Rigour.estimated.name),
            outcome=journey.outcome[0],
            regime=regime,
            entry=entry,
            law=layered_law(geometry, found),
            pattern=statuses(a)[:, list(geometry.order)],
            observed={name: values[0] for name, values in record.observed.items()},
        )


@dataclass(frozen=True)
class LayeredPhase:
    """What was found of T trials at S samples, neurons as they were given: what is seen of them,
    where each stands from its entry on, and laws (T,), of exponent 1/2."""

    seen: Seen
    journey: LayeredJourney
    laws: LayeredLaws


def follow_layered_trials(
    geometry: TwoPointGeometry,
    weights: Floats,
    biases: Floats,
    output_weights: Floats,
    method: Method,
    samples: Sequence[LogTime],
    goal: Goal,
) -> LayeredPhase:
    """Run networks (T, 2) through their late phase, by gradient descent or flow.

    samples: sorted times.  goal.until None: until every trial has settled.
    """
    times = SampleTimes.of(list(samples), goal.until)
    record = LayeredSamples.empty(len(weights), len(times.log))
    task = LayeredPairTask(geometry, method, times, record)
    state = LayeredPairState.of(geometry, weights, biases, output_weights)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
        journey = run_pieces(task, state, goal.max_steps, goal.progress)
        laws = layered_laws(task, journey, _specialised(journey))
        found = seen(geometry, state, record)
    return LayeredPhase(found, journey, laws)


def _specialised(journey: LayeredJourney) -> Ints:
    return np.flatnonzero([regime is Regime.specialised for regime in journey.regime])


def layered_law(geometry: TwoPointGeometry, found: LayeredPhase, trial: int = 0) -> Law | None:
    """The law of one trial; None where its loss does not tend to 0."""
    journey, laws = found.journey, found.laws
    if journey.regime[trial] is not Regime.specialised:
        return None
    numbers = laws.limit_boundary, laws.constant, laws.offset, laws.remainder
    limit, constant, offset, rest = (float(v[trial]) for v in numbers)
    state = journey.state[np.array([trial])]
    single, _ = alone(state.preactivations(geometry) > 0)
    margin, lost = map(float, margin_law([geometry.x1, geometry.x2], limit, constant))
    parts = shares(geometry, int(single[1, 0, 0]))
    return Law(limit, constant, offset, EXPONENT, margin, lost, np.array(parts), rest, NEXT)
