"""A run of a chain and the same run made more cautiously: what they say of one another.

Every run is made twice, the second time more cautiously: gradient descent is handed to the modified
flow at twice the step, gradient flow is solved to a hundredth of the tolerance. Their difference is
the error that is reported, with the kicks of the chatter that slides leave out.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from latephase.core import LogTime, Outcome
from latephase.core.arrays import Bools, Floats
from latephase.core.workers import workers
from latephase.late.modes.setting import Setting, lengths

from .run import run_chain
from .state import Chain, Goal

_APART = 4.0  # times the difference of two runs: over long smooth phases 2 was too little, by 1.6
_FLOW_ERROR = 2e-10  # of a solver that is asked for 1e-11 over the modes of a run
_MOST_DOUBT = 0.1  # of a margin, as far as it excuses a loss that has risen
_EXPLOSIVE = 1e-9  # relative error of rounding in the steps beyond which its bound is replaced
_NUDGE = 2.0**-44  # of the parameters, to see what becomes of rounding errors


@dataclass(frozen=True)
class Compared:
    """The more cautious of two chains, and what comparing them shows.

    theta (S, m, d + 1): its samples as (w_j, b_j), end (m, d + 1): where it stands;
    error, margin_error (S,): as in a trajectory, NaN where not reached.
    """

    chain: Chain
    theta: Floats
    end: Floats
    error: Floats
    margin_error: Floats


def compared(
    setting: Setting,
    theta: Floats,
    times: list[LogTime],
    until: LogTime,
    goal: Goal,
    side_by_side: bool = False,
) -> Compared:
    """A run from theta (m, d + 1), made twice.

    side_by_side: the other one in a process of its own; needs an importable main module.
    """
    caution = 2.0 if setting.discrete else 10.0
    careful = replace(goal, slide_order=goal.order, caution=goal.caution * caution)
    with _begun(side_by_side, setting, theta, times, until, goal) as begun:
        fine = run_chain(setting, theta, times, until, careful)
        explosive = not fine.step_error <= _EXPLOSIVE * np.abs(fine.theta).max()
        coarse = begun.result() if begun and not explosive else None
    if coarse is None:
        start = _nudged(theta) if explosive else theta
        coarse = run_chain(setting, start, times, until, goal, fine.signs)
    return _assessed(fine, coarse, theta, explosive)


@np.errstate(over="ignore", invalid="ignore")  # of runs on their way out of float64
def _assessed(fine: Chain, coarse: Chain, start: Floats, explosive: bool) -> Compared:
    """What two chains from `start` (m, d + 1) say of one another."""
    frame = fine.setting.frame
    entered, _ = frame.entered(start)
    initial = np.array([t.log == -np.inf for t in fine.times], bool)
    fine.recorded[initial] = entered
    rounding = _rounding(fine, explosive)
    margin_error = _margin_error(fine, coarse, rounding)
    risen = _risen(fine, margin_error)
    if risen.any():
        fine.outcome = Outcome.inaccurate
        fine.recorded[risen], margin_error[risen] = np.nan, np.nan
    theta = frame.left(start, entered, fine.recorded)
    theta[initial] = start
    error = _error(fine, coarse, theta, rounding)
    unknown = np.where(fine.recorded_lost, 1.0, 0.0)  # and that never decays
    error, margin_error = np.maximum(error, unknown), np.maximum(margin_error, unknown)
    error[initial] = 2.0**-52
    return Compared(fine, theta, frame.left(start, entered, fine.theta), error, margin_error)


def _rounding(fine: Chain, explosive: bool) -> Floats:
    """What rounding has added to the parameters, absolute, (S,): a bound, or where that is useless,
    what a nudge cannot have shown since it was made when the parameters were smaller."""
    largest = np.abs(fine.recorded).max(axis=(1, 2))
    return np.asarray(2.0**-49 * largest if explosive else 2 * fine.recorded_rounding)


def _margin_error(fine: Chain, coarse: Chain, rounding: Floats) -> Floats:
    """max_i |Delta q_i| / (1 + |q_i|) (S,), NaN where not reached."""
    setting = fine.setting
    q, other = setting.margins(fine.recorded), setting.margins(coarse.recorded)
    doubt = fine.recorded_margin_doubt + rounding[:, None] * setting.reach(
        np.ones(len(setting.outer))
    )
    doubt += 2.0**-50 * np.abs(setting.outer) @ setting.terms(fine.recorded)
    off = np.nan_to_num(_APART * np.abs(q - other), nan=np.inf) + doubt
    relative = (off / (1 + np.abs(q))).max(axis=1) + np.where(fine.followed, _FLOW_ERROR, 0.0)
    return np.where(np.isfinite(q).all(axis=1), relative, np.nan)


def _risen(fine: Chain, margin_error: Floats) -> Bools:
    """Samples (S,) from which on the loss is higher than it can be, by more than the errors allow:
    under a flow, and between samples that steps below 2 / curvature have been followed to."""
    setting = fine.setting
    log_loss = setting.log_loss(fine.recorded)
    doubt = np.minimum(margin_error, _MOST_DOUBT)  # one that is larger would allow anything
    allowed = doubt * (1 + np.abs(setting.margins(fine.recorded)).max(axis=1)) + 1e-12
    if setting.discrete:  # a step over a kink may raise the loss by as much as it moves margins
        pulls = np.exp(np.minimum(setting.log_pull(setting.margins(fine.recorded)), 700.0))
        allowed = allowed + 4 * (setting.outer @ setting.outer) * (pulls @ setting.lengths**2)
    seen = np.isfinite(log_loss) & (fine.followed if setting.discrete else True)
    upper = np.where(seen, log_loss + allowed, np.inf)
    risen = seen & (log_loss - allowed > np.minimum.accumulate(upper))
    return np.logical_or.accumulate(risen)


@contextmanager
def _begun(side_by_side: bool, *arguments: Any) -> Iterator[Future[Chain] | None]:
    """A chain begun in another process, if at all."""
    if not side_by_side:
        yield None
        return
    with workers(1) as pool:
        yield pool.submit(run_chain, *arguments)


def _nudged(theta: Floats) -> Floats:
    """Parameters as rounding may have changed them: the expansion of explosive first steps is then
    measured, where its bound is far too wide (it ignores that dead neurons stay where they are)."""
    signs = np.random.default_rng(0).choice([-1.0, 1.0], theta.shape)
    return np.asarray(theta * (1 + _NUDGE * signs))


def _error(fine: Chain, coarse: Chain, theta: Floats, rounding: Floats) -> Floats:
    """max_j |Delta(w_j, b_j)| / |(w_j, b_j)| (S,) at theta (S, m, d + 1), NaN where not reached."""
    norms, apart = lengths(theta), _APART * lengths(fine.recorded - coarse.recorded)
    absolute = np.nan_to_num(apart, nan=np.inf) + fine.recorded_doubt + rounding[:, None]
    relative = (absolute / np.where(norms > 0, norms, np.inf)).max(axis=1)
    relative = relative + np.where(fine.followed, _FLOW_ERROR, 2.0**-52)
    return np.where(np.isfinite(theta).all(axis=(1, 2)), relative, np.nan)
