"""What comes next in a chain: a mode to be followed, or ordinary steps of gradient descent."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from latephase.core.arrays import Bools, Floats
from latephase.late.modes.filippov import Statuses, kink_statuses
from latephase.late.modes.mode import Mode, mode, statuses
from latephase.late.modes.modified import pace
from latephase.late.modes.passing import serving_held, statuses_by_motion, through_zero
from latephase.late.modes.setting import Setting, lengths
from latephase.late.pattern import SLIDING

from .state import Chain

_PATIENCE = 16_384  # steps after which a smooth phase is followed though its error exceeds the goal
_CALM = math.log(0.5)  # relaxation per step below which the modified flow may be trusted at all
_WORTHWHILE = 64  # a mode that a pair in chatter ends sooner than this is stepped through
_PLAIN = math.log(2_000)  # steps up to the horizon that are simply taken
_MARGIN_KICK = 10.0  # times the slide tolerance: of 1 + |q|, how far a kick may move a margin
_LONG = 4_000  # steps of the solver after which a chattering run has taken seconds
_KICKED = 200  # rounds of chatter that are followed kick by kick


def next_piece(chain: Chain) -> tuple[Mode, bool]:
    """The mode to follow from here, and whether gradient descent must be stepped instead."""
    setting, theta = chain.setting, chain.theta
    a = setting.preactivations(theta)
    if not setting.discrete:
        return mode(setting, theta, _next_of_flow(chain, a), chain.held), False
    return _next_of_descent(chain, a)


def _next_of_flow(chain: Chain, a: Floats) -> Statuses:
    """Statuses (m, n) by Filippov's rule at the neurons at whose kinks the last mode ended."""
    setting = chain.setting
    log_pull = setting.log_pull(setting.margins(chain.theta))
    if chain.status is None:
        return kink_statuses(setting, statuses(chain.signs), chain.signs == 0, log_pull)
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


def _next_of_descent(chain: Chain, a: Floats) -> tuple[Mode, bool]:
    """A slide whose chatter is small, else the pattern as a step sees it."""
    setting = chain.setting
    steps = Steps.of(setting, chain.theta, a)
    sliding = _sliding(chain, a, steps) & (chain.let_go < 0)
    seen = np.where(chain.let_go >= 0, chain.let_go, statuses(a))
    plain = -math.inf < chain.log_left <= _PLAIN and chain.steps < chain.goal.max_steps
    if sliding.any() and not plain:
        slide = mode(setting, chain.theta, np.where(sliding, SLIDING, seen), chain.held)
        if _calm(chain, steps, sliding, slide):
            return slide, False
        chain.kicked += 1
    here = mode(setting, chain.theta, seen, chain.held)
    brief = steps.hurried(a).any() and chain.steps < chain.goal.max_steps
    return here, plain or bool(brief) or _rough(chain, here)


@dataclass(frozen=True)
class Steps:
    """What one step of gradient descent does at a network.

    rise (m, n): to the pre-activations;  kick (m, n): how far point i moves (w_j, b_j) when neuron
    j is active there;  swing (m, n): how far a step may carry a pre-activation over its kink.
    """

    rise: Floats
    kick: Floats
    swing: Floats

    @classmethod
    def of(cls, setting: Setting, theta: Floats, a: Floats) -> Steps:
        """The step at theta (m, d + 1) with pre-activations a (m, n)."""
        pull = np.exp(np.minimum(setting.log_pull(setting.margins(theta)), 700.0))
        rise = ((setting.signs * (a > 0) * pull) @ setting.points) @ setting.points.T
        kick = np.abs(setting.signs) * pull * setting.lengths
        swing = np.abs(rise) + kick * setting.lengths
        return cls(rise, kick, swing)

    def hurried(self, a: Floats) -> Bools:
        """Pairs within a step of their kink that reach it soon, (m, n): on points 1e-5 apart that a
        neuron serves both, a flow notices the kink a step late, and is a kick behind from there."""
        return np.asarray((np.abs(a) <= self.swing) & (self.left(a) < _WORTHWHILE))

    def left(self, a: Floats) -> Floats:
        """Steps until a pre-activation reaches its kink at its present speed, (m, n)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            left = -a / self.rise
        return np.where(left >= 0, left, np.inf)


def _sliding(chain: Chain, a: Floats, steps: Steps) -> Bools:
    """Pairs within a swing of their kink that Filippov's rule holds there.

    A neuron at whose kinks nothing has changed slides on as it did.
    """
    near = chain.slid | (np.abs(a) <= steps.swing)
    asked = chain.turned | (near & ~chain.slid).any(axis=1)
    log_pull = chain.setting.log_pull(chain.setting.margins(chain.theta))
    found = kink_statuses(chain.setting, statuses(a), near & asked[:, None], log_pull)
    return np.where(asked[:, None], found == SLIDING, chain.slid)


def _calm(chain: Chain, steps: Steps, sliding: Bools, slide: Mode) -> bool:
    """Whether the steps are small enough for a slide to be followed to first order: the chatter,
    against its neuron and against the margins, and what the flow leaves out of any other point.

    Chatter whose kicks do not shrink (of a point that is never fitted) is followed kick by kick
    for a while only; and so is any when the budget is used up.
    """
    goal, setting, speed = chain.goal, chain.setting, pace(slide)
    most = goal.slide_tolerance / goal.caution
    norms = lengths(chain.theta)[:, None]
    against_neuron = (steps.kick / np.where(norms > 0, norms, np.inf))[sliding].max()
    room = _MARGIN_KICK * (1 + np.abs(slide.margins))
    moves = steps.kick * np.abs(setting.outer)[:, None] * setting.lengths
    against_margin = (moves / room)[sliding].max()
    spent = chain.kicked > _KICKED * goal.caution or chain.steps >= goal.max_steps
    spent = spent or chain.work > _LONG
    quiet = speed.log_move + speed.log_rate <= math.log(_MARGIN_KICK * most)
    if not quiet and not (spent and speed.log_rate < _CALM):
        return False
    return bool(max(against_neuron, against_margin) <= most or spent)


def _rough(chain: Chain, here: Mode) -> bool:
    """Whether a step is still too large for the modified flow to follow the mode: as a share of
    margins of 1, and of what the smallest moving neuron adds to them."""
    speed, goal = pace(here), chain.goal
    shares = np.abs(chain.setting.outer) * chain.setting.terms(chain.theta).max(axis=1)
    moving = here.basis.reshape(*here.theta.shape, -1).any(axis=(1, 2)) & (shares > 0)
    smallest = min(float(shares[moving].min(initial=1.0)), 1.0)
    wanted = math.log(goal.tolerance) + math.log(smallest)
    if speed.log_defect <= wanted - 3 * math.log(goal.caution):
        return False
    patient = chain.stretch >= _PATIENCE * goal.caution or chain.steps >= goal.max_steps
    return not (patient and speed.log_rate < _CALM)
