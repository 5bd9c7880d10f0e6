"""What comes next in a run: a mode to be followed, or ordinary steps of gradient descent."""

from __future__ import annotations

import math

import numpy as np

from latephase.core.arrays import Bools, Floats
from latephase.late.chain.kicks import MARGIN_KICK, Kicks
from latephase.late.modes.dynamics import Dynamics, lengths
from latephase.late.modes.filippov import kink_statuses
from latephase.late.pattern import SLIDING, Statuses

from .chain import LayeredState, LayeredTask
from .field import speed_of
from .mode import LayeredMode

_PATIENCE = 16_384  # steps after which a smooth phase is followed though its error exceeds the goal
_CHATTER = 100_000  # steps after which chatter whose kicks do not shrink is averaged
_CALM = math.log(0.5)  # relaxation per step below which the modified flow may be trusted at all
_PLAIN = math.log(2_000)  # steps up to the horizon that are simply taken


def decide(task: LayeredTask, at: LayeredState) -> tuple[LayeredMode | None, Floats]:
    """The mode to follow from here, None where gradient descent must be stepped instead; and the
    kicks (m,) that a slide leaves out from here on, or that steps chatter by."""
    if task.dynamics.method.discrete:
        return _of_descent(task, at)
    return _of_flow(task, at), np.zeros(len(at.state))


def _of_flow(task: LayeredTask, at: LayeredState) -> LayeredMode:
    """The mode by Filippov's rule at the neurons at whose kinks the last one ended."""
    hidden = task.dynamics.at(at.state)
    log_pull = task.dynamics.log_pull(task.dynamics.margins(at.state))
    if at.last is None or at.met is None or at.released_to is None:
        near = (task.signs == 0) & hidden.alive(task.signs)
        found = kink_statuses(hidden, hidden.statuses(task.signs), near, log_pull)
        return LayeredMode.of(task.dynamics, at.state, found)
    switching = np.asarray(at.met.any(axis=1))[:, None]
    near = ((at.last == SLIDING) | at.met) & switching
    found = kink_statuses(hidden, at.last, near, log_pull)
    found = np.where((found == SLIDING) & (at.released_to >= 0), at.released_to, found)
    return LayeredMode.of(task.dynamics, at.state, found)


def _of_descent(task: LayeredTask, at: LayeredState) -> tuple[LayeredMode | None, Floats]:
    """A slide whose chatter is small, else the pattern as a step sees it."""
    hidden = task.dynamics.at(at.state)
    a = hidden.preactivations(at.state[:, :-1])
    kicks, seen = Kicks.of(hidden, at.state[:, :-1], a), hidden.statuses(a)
    sliding = _sliding(hidden, at, a, kicks)
    if at.released_to is not None and at.last is not None:
        released = at.released_to >= 0
        sliding, seen = sliding & ~released, np.where(released, at.released_to, seen)
    may_step = at.steps < task.controls.max_steps
    plain = -math.inf < at.now.log_until(task.until) <= _PLAIN and may_step
    if sliding.any() and not plain:
        slide = LayeredMode.of(task.dynamics, at.state, np.where(sliding, SLIDING, seen))
        if _may_slide(task, at, kicks, slide):
            begins = sliding if at.last is None else sliding & (at.last != SLIDING)
            return slide, np.where(begins, kicks.kick, 0.0).max(axis=1)
    mode = LayeredMode.of(task.dynamics, at.state, seen)
    soon = bool(kicks.crosses_soon(a).any())
    if may_step and (plain or soon or sliding.any() or _too_rough(task, at, mode)):
        return None, np.where(sliding, kicks.kick, 0.0).max(axis=1)
    return mode, np.zeros(len(at.state))


def _may_slide(task: LayeredTask, at: LayeredState, kicks: Kicks, slide: LayeredMode) -> bool:
    """Whether steps are small enough for a slide to be followed to first order, or no more of them
    are to be spent: as in `late/chain`."""
    controls, hidden, speed = task.controls, task.dynamics.at(at.state), speed_of(slide)
    most = controls.slide_tolerance / controls.caution
    spent = at.steps >= min(_CHATTER * controls.caution, controls.max_steps)
    quiet = speed.log_move + speed.log_rate <= math.log(MARGIN_KICK * most)
    if not quiet and not (spent and speed.log_rate < _CALM):
        return False
    shares = kicks.shares(hidden, lengths(at.state), task.dynamics.margins(at.state))
    return spent or bool(shares[slide.status == SLIDING].max() <= most)


def _sliding(hidden: Dynamics, at: LayeredState, a: Floats, kicks: Kicks) -> Bools:
    """Pairs (m, n) within an overshoot of their kink that Filippov's rule holds there."""
    near, seen = (np.abs(a) <= kicks.overshoot) & hidden.alive(a), hidden.statuses(a)
    log_pull = hidden.log_pull(hidden.margins(at.state[:, :-1]))
    if at.last is None or at.met is None:
        return np.asarray(kink_statuses(hidden, seen, near, log_pull) == SLIDING)
    on_kinks = (at.last == SLIDING) | at.met
    near = on_kinks | near
    asked = (at.met.any(axis=1) | (near & ~on_kinks).any(axis=1))[:, None]
    found: Statuses = kink_statuses(hidden, seen, near & asked, log_pull)
    return np.where(asked, found == SLIDING, at.last == SLIDING)


def _too_rough(task: LayeredTask, at: LayeredState, mode: LayeredMode) -> bool:
    """Whether a step is still too large for the modified flow to follow the mode."""
    speed, controls = speed_of(mode), task.controls
    if speed.log_defect <= math.log(controls.tolerance) - 3 * math.log(controls.caution):
        return False
    patient = at.in_a_row >= _PATIENCE * controls.caution or at.steps >= controls.max_steps
    return not (patient and speed.log_rate < _CALM)
