"""What comes next in a chain: a mode to be followed, or ordinary steps of gradient descent."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .chain_state import Chain
from .filippov import Statuses, kink_statuses
from .mode import Mode, mode, statuses
from .modified import pace
from .passing import serving_held, statuses_by_motion, through_zero
from .response import SLIDING
from .setting import Array, Setting

_PATIENCE = 16_384  # steps after which a smooth phase is followed though its error exceeds the goal
_CALM = math.log(0.5)  # relaxation per step below which the modified flow may be trusted at all
_WORTHWHILE = 64  # a mode that a chattering pair ends sooner than this is stepped through
_KICKED = 200  # rounds of chatter that are followed kick by kick


def next_piece(chain: Chain) -> tuple[Mode, bool]:
    """The mode to follow from here, and whether gradient descent must be stepped instead."""
    setting, theta = chain.setting, chain.theta
    a = setting.preactivations(theta)
    if not setting.discrete:
        return mode(setting, theta, _next_of_flow(chain, a), chain.held), False
    return _next_of_descent(chain, a)


def _next_of_flow(chain: Chain, a: Array) -> Statuses:
    """Statuses (m, n) by Filippov's rule at the neurons at whose kinks the last mode ended."""
    setting = chain.setting
    log_pull = setting.log_pull(setting.margins(chain.theta))
    if chain.status is None:
        return kink_statuses(setting, statuses(a), a == 0, log_pull)
    last = mode(setting, chain.theta, chain.status, chain.held)
    resting = serving_held(last)[:, None]
    found = kink_statuses(
        setting, chain.status, chain.slid & chain.turned[:, None] & ~resting, log_pull
    )
    met = chain.broken & resting & (chain.status != SLIDING)
    if met.any():
        found = np.where(resting, statuses_by_motion(last, met), found)
    found = np.where((found == SLIDING) & (chain.let_go >= 0), chain.let_go, found)
    for j in np.flatnonzero(chain.vanished):
        found[j] = through_zero(last, int(j))[j]
        chain.theta[j] = 0.0
    chain.churn += chain.broken & (found == chain.status)  # grazes its kink and goes on
    return found


def _next_of_descent(chain: Chain, a: Array) -> tuple[Mode, bool]:
    """A slide whose chatter is small, else the pattern as a step sees it."""
    setting = chain.setting
    steps = Steps.of(setting, chain.theta, a)
    sliding = _sliding(chain, a, steps) & (chain.let_go < 0)
    seen = np.where(chain.let_go >= 0, chain.let_go, statuses(a))
    if sliding.any():
        calm = _calm(chain, steps, sliding)
        if calm:
            status = np.where(sliding, SLIDING, seen)
            return mode(setting, chain.theta, status, chain.held), False
        chain.kicked += 1
    here = mode(setting, chain.theta, seen, chain.held)
    brief = sliding & (steps.left(a) < _WORTHWHILE)
    return here, bool(brief.any()) or _rough(chain, here)


@dataclass(frozen=True)
class Steps:
    """What one step of gradient descent does at a network.

    rise (m, n): to the pre-activations;  kick (m, n): how far point i moves (w_j, b_j) when neuron
    j is active there;  swing (m, n): how far a step may carry a pre-activation over its kink.
    """

    rise: Array
    kick: Array
    swing: Array

    @classmethod
    def of(cls, setting: Setting, theta: Array, a: Array) -> Steps:
        """The step at theta (m, d + 1) with pre-activations a (m, n)."""
        pull = np.exp(np.minimum(setting.log_pull(setting.margins(theta)), 700.0))
        rise = (setting.signs * (a > 0) * pull) @ setting.gram
        lengths = np.sqrt(np.diag(setting.gram))
        kick = np.abs(setting.signs) * pull * lengths
        swing = np.abs(rise) + kick * lengths
        return cls(rise, kick, swing)

    def left(self, a: Array) -> Array:
        """Steps until a pre-activation reaches its kink at its present speed, (m, n)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            left = -a / self.rise
        return np.where(left >= 0, left, np.inf)


def _sliding(chain: Chain, a: Array, steps: Steps) -> NDArray[np.bool_]:
    """Pairs within a swing of their kink that Filippov's rule holds there.

    A neuron at whose kinks nothing has changed slides on as it did.
    """
    near = chain.slid | (np.abs(a) <= steps.swing)
    asked = chain.turned | (near & ~chain.slid).any(axis=1)
    log_pull = chain.setting.log_pull(chain.setting.margins(chain.theta))
    found = kink_statuses(chain.setting, statuses(a), near & asked[:, None], log_pull)
    return np.where(asked[:, None], found == SLIDING, chain.slid)


def _calm(chain: Chain, steps: Steps, sliding: NDArray[np.bool_]) -> bool:
    """Whether the chatter is small enough for a slide to be followed to first order.

    Chatter whose kicks do not shrink (of a point that is never fitted) is followed kick by kick
    for a while only; and so is any when the budget is used up.
    """
    norms = np.linalg.norm(chain.theta, axis=1)[:, None]
    size = (steps.kick / np.where(norms > 0, norms, np.inf))[sliding].max()
    spent = chain.kicked > _KICKED * chain.goal.caution or chain.steps >= chain.goal.max_steps
    return bool(size <= chain.goal.slide_tolerance / chain.goal.caution or spent)


def _rough(chain: Chain, here: Mode) -> bool:
    """Whether a step is still too large for the modified flow to follow the mode."""
    speed, goal = pace(here), chain.goal
    if speed.log_defect <= math.log(goal.tolerance) - 3 * math.log(goal.caution):
        return False
    patient = chain.stretch >= _PATIENCE * goal.caution or chain.steps >= goal.max_steps
    return not (patient and speed.log_rate < _CALM)
