"""What comes next in a run: a mode to be followed, or ordinary steps of gradient descent.

A decision is a pure function of the task and the state, and may be asked of a finished run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from latephase.core.arrays import Bools, Floats
from latephase.late.modes.dynamics import Dynamics, lengths
from latephase.late.modes.filippov import (
    kink_statuses,
    neuron_statuses,
    statuses_beyond_zero,
    statuses_by_motion,
)
from latephase.late.modes.mode import Mode
from latephase.late.modes.modified import speed_of
from latephase.late.pattern import SLIDING, Statuses

from .kicks import MARGIN_KICK, Kicks
from .rest import contracts, rest_of
from .state import ChainState, ChainTask, ModeEnd, altered, one_more

_PATIENCE = 16_384  # steps after which a smooth phase is followed though its error exceeds the goal
_CALM = math.log(0.5)  # relaxation per step below which the modified flow may be trusted at all
_PLAIN = math.log(2_000)  # steps up to the horizon that are simply taken
_LONG = 4_000  # steps of the solver after which a chattering run has taken seconds
_CHATTER_ROUNDS = 200  # that are followed kick by kick


@dataclass(frozen=True)
class Decision:
    """The mode to follow from here, or whether gradient descent must be stepped instead.

    state: the run as it goes on, with its new counts;  moved: how far neurons (m,) have been put
    from where they stood, None if not at all.
    """

    mode: Mode
    must_step: bool
    state: ChainState
    moved: Floats | None = None


def decide(task: ChainTask, state: ChainState) -> Decision:
    """What comes next."""
    return _of_descent(task, state) if task.dynamics.method.discrete else _of_flow(task, state)


def _of_flow(task: ChainTask, state: ChainState) -> Decision:
    """The mode by Filippov's rule at the neurons at whose kinks the last one ended."""
    dynamics, last, theta = task.dynamics, state.last, state.theta
    seen = None if last is None else last.margins
    log_pull = dynamics.log_pull(dynamics.margins(theta) if seen is None else seen)
    if last is None:
        near = (task.signs == 0) & dynamics.alive(task.signs)
        found = kink_statuses(dynamics, dynamics.statuses(task.signs), near, log_pull)
        return Decision(Mode.of(dynamics, theta, found, state.resting), False, state)
    found = _turned(dynamics, state, last, log_pull)
    if last.at_zero:
        before = Mode.of(dynamics, theta, last.status, state.resting)
        theta = theta.copy()
        for j in last.at_zero:
            found[j], theta[j] = statuses_beyond_zero(before, j), 0.0
        state = altered(state, theta=theta)
    grazed = [pair for pair in last.pairs if found[pair] == last.status[pair]]  # as it was
    if grazed:
        state = state.counted(brief_ends=one_more(state.counts.brief_ends, grazed))
    return Decision(Mode.of(dynamics, theta, found, state.resting), False, state)


def _turned(dynamics: Dynamics, state: ChainState, last: ModeEnd, log_pull: Floats) -> Statuses:
    """Statuses (m, n) with which neurons go on at whose kinks the last mode ended."""
    found, resting = last.status.copy(), dynamics.serves(last.status, state.resting)
    for j in {j for j, _ in last.pairs}:
        if not resting[j]:
            near = (last.status[j] == SLIDING) | last.triggered[j]
            found[j] = neuron_statuses(dynamics, j, last.status[j], near, log_pull)
    if np.count_nonzero(resting):
        met = last.triggered & resting[:, None] & (last.status != SLIDING)
        if met.any():
            before = Mode.of(dynamics, state.theta, last.status, state.resting)
            found = np.where(resting[:, None], statuses_by_motion(before, met), found)
    for pair in last.pairs:
        if found[pair] == SLIDING and last.released_to[pair] >= 0:
            found[pair] = last.released_to[pair]
    return found


def _of_descent(task: ChainTask, state: ChainState) -> Decision:
    """A slide whose chatter is small, else the pattern as a step sees it: at rest, or moving."""
    dynamics, counts, last = task.dynamics, state.counts, state.last
    a = dynamics.preactivations(state.theta)
    kicks, seen = Kicks.of(dynamics, state.theta, a), dynamics.statuses(a)
    sliding = _sliding(task, state, a, kicks)
    if last is not None:  # what a slide has just been released to it keeps
        released = last.released_to >= 0
        sliding, seen = sliding & ~released, np.where(released, last.released_to, seen)
    may_step = counts.steps < task.controls.max_steps
    plain = -math.inf < state.now.log_until(task.until) <= _PLAIN and may_step
    if sliding.any() and not plain and not state.only_steps:
        slide = Mode.of(dynamics, state.theta, np.where(sliding, SLIDING, seen), state.resting)
        if _may_slide(task, state, kicks, slide):
            return Decision(slide, False, state)
        state = state.counted(chatter_rounds=counts.chatter_rounds + 1)
    mode = Mode.of(dynamics, state.theta, seen, state.resting)
    brief = may_step and bool(kicks.crosses_soon(a).any())
    if plain or brief:
        return Decision(mode, True, state)
    rest = rest_of(mode, speed_of(mode), _log_goal(task, mode))
    if rest is not None:
        state = altered(state, theta=rest.theta, resting=rest.resting)
        mode = Mode.of(dynamics, rest.theta, seen, rest.resting)
        return Decision(mode, False, state, rest.way)
    return Decision(mode, state.only_steps or _too_rough(task, state, mode), state)


def _sliding(task: ChainTask, state: ChainState, a: Floats, kicks: Kicks) -> Bools:
    """Pairs (m, n) within an overshoot of their kink that Filippov's rule holds there.

    A neuron at whose kinks nothing has changed slides on as it did.
    """
    last, dynamics = state.last, task.dynamics
    near, seen = (np.abs(a) <= kicks.overshoot) & dynamics.alive(a), dynamics.statuses(a)
    log_pull = dynamics.log_pull(dynamics.margins(state.theta))
    if last is None:
        return kink_statuses(dynamics, seen, near, log_pull) == SLIDING
    near = last.on_kinks | near
    asked = (last.switching | (near & ~last.on_kinks).any(axis=1))[:, None]
    found = kink_statuses(dynamics, seen, near & asked, log_pull)
    return np.where(asked, found == SLIDING, last.on_kinks)


def _may_slide(task: ChainTask, state: ChainState, kicks: Kicks, slide: Mode) -> bool:
    """Whether the steps are small enough for a slide to be followed to first order: the chatter,
    against its neuron and against the margins, and what the flow leaves out of any other point.

    Chatter whose kicks do not shrink (of a point that is never fitted) is followed kick by kick
    for a while only; and so is any when the budget is used up.
    """
    controls, dynamics, counts, speed = task.controls, task.dynamics, state.counts, speed_of(slide)
    most = controls.slide_tolerance / controls.caution
    spent = (
        counts.chatter_rounds > _CHATTER_ROUNDS * controls.caution
        or counts.steps >= controls.max_steps
        or counts.solver_steps > _LONG
    )
    quiet = speed.log_move + speed.log_rate <= math.log(MARGIN_KICK * most)
    if not quiet and not (spent and speed.log_rate < _CALM):
        return False
    shares = kicks.shares(dynamics, lengths(state.theta), slide.margins)
    return spent or bool(shares[slide.status == SLIDING].max() <= most)


def _too_rough(task: ChainTask, state: ChainState, mode: Mode) -> bool:
    """Whether a step is still too large for the modified flow to follow the mode."""
    controls, counts, speed = task.controls, state.counts, speed_of(mode)
    fast = max(speed.log_rate - _CALM, 0.0)  # where the series of the flow converges slowly
    if speed.log_defect + 3 * fast <= _log_goal(task, mode) - 2 * math.log(controls.caution):
        return not contracts(mode, speed)  # a flow would stay where steps do not
    patient = counts.in_a_row >= _PATIENCE * controls.caution or counts.steps >= controls.max_steps
    return not (patient and speed.log_rate < _CALM)


def _log_goal(task: ChainTask, mode: Mode) -> float:
    """ln of the tolerance of a run, as a share of margins of 1 and of what the smallest moving
    neuron adds to them."""
    dynamics, controls = task.dynamics, task.controls
    shares = np.abs(dynamics.output_weights) * dynamics.terms(mode.theta).max(axis=1)
    moving = mode.moving & (shares > 0)
    smallest = min(float(shares[moving].min(initial=1.0)), 1.0)
    return math.log(controls.tolerance) + math.log(smallest) - math.log(controls.caution)
