"""A run and the same run made more cautiously: their difference is the error that is reported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from latephase.core import LogTime, Outcome
from latephase.core.arrays import Bools, Floats
from latephase.late.modes.dynamics import lengths

from .chain import LayeredChain, LayeredControls, begun
from .dynamics import LayeredDynamics

_APART = 4.0, 16.0  # times the difference of two runs, by flow and by steps, where it is chance
_FLOW_ERROR = 2e-10  # of a solver that is asked for 1e-11 over the modes of a run
_UNSURE = 4.0  # tolerances by which a solver may be off in the terms of a margin, of two layers
_ULP = 2.0**-52
_NUDGE = 2.0**-48  # of the parameters of the other run, to see what becomes of rounding errors
_SATURATED = 0.1  # a difference of two runs beyond which it says no more how large it could be
_MOST_EXCUSED = 0.1  # of a margin's error, as far as it excuses a loss that has risen


@dataclass(frozen=True)
class AssessedRun:
    """The more cautious of two runs, and what comparing them shows.

    states (S, m, d + 2): its samples as (w_j, b_j, v_j), NaN where not reached;  error,
    margin_error (S,): as in a trajectory.
    """

    chain: LayeredChain
    states: Floats
    error: Floats
    margin_error: Floats


def run_twice(
    dynamics: LayeredDynamics,
    start: Floats,
    times: list[LogTime],
    until: LogTime,
    controls: LayeredControls,
    tell: Callable[[float], None] | None = None,
) -> AssessedRun:
    """A run from a state (m, d + 2) in the user's coordinates, made twice; tell: called with the
    share of the way that lies behind, half of it for each run."""
    ways = np.random.default_rng(0).choice([-1.0, 1.0], (len(start), dynamics.points.shape[1] + 1))
    caution = 2.0 if dynamics.method.discrete else 10.0
    chains: list[LayeredChain] = []
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):  # the outcome says it
        for before, factor in enumerate((caution, 1.0)):
            fine, nudge = before == 0, ways * (_NUDGE if before else 0.0)
            careful = replace(controls, caution=factor, slides_in_full=fine)
            chain = begun(dynamics, start, times, until, careful, nudge)
            chain.beside = chains[0].crossings if chains else None
            if tell is not None:
                chain.tell = lambda share, before=before: tell((before + share) / 2)
            chains.append(chain.run())
        return _assessed(chains[0], chains[1], start)


def _assessed(fine: LayeredChain, coarse: LayeredChain, start: Floats) -> AssessedRun:
    """What two chains from `start` say of one another."""
    dynamics, path = fine.task.dynamics, fine.samples
    q = dynamics.margins(path)
    factor = np.where(fine.by_flow, *_APART)[:, None]
    apart = np.nan_to_num(factor * np.abs(q - dynamics.margins(coarse.samples)), nan=np.inf)
    # A solver knows neurons to its tolerance, and a margin no better than the terms it is a sum of:
    # for x = 1000 and margins of 1 a thousandth as well.
    tolerance = fine.task.controls.solver_tolerance(discrete=dynamics.method.discrete)
    known = 4 * _ULP + np.where(fine.by_flow, _UNSURE * tolerance, 0.0)[:, None]
    apart += known * dynamics.margin_terms(path)
    flow_error = np.where(fine.by_flow, _FLOW_ERROR, 4 * _ULP)
    margin_error = (apart / (1 + np.abs(q))).max(axis=1) + flow_error + 2 * fine.rounding
    margin_error += fine.kicks[:, 1]
    risen = _risen(fine, margin_error)
    if risen.any():  # from where the loss has risen on, nothing is known
        fine.at = replace(fine.at, outcome=Outcome.inaccurate)
        path[risen] = np.nan

    norms = lengths(path)
    units = np.where(norms > 0, norms, np.inf)
    apart = np.nan_to_num(lengths(path - coarse.samples), nan=np.inf)
    off = factor * apart + 4 * _ULP * np.fmax.accumulate(norms)  # of neurons that have shrunk
    error = (off / units).max(axis=1) + flow_error + fine.kicks[:, 0] + fine.rounding
    error = np.where(error > _SATURATED, 10 * error, error)
    by_chance = (apart / units).max(axis=1) > fine.trusted
    error, margin_error = (np.where(by_chance, np.inf, off) for off in (error, margin_error))
    states = in_users(dynamics, start, path)
    initial = np.array([t.log == -np.inf for t in fine.task.times], bool)
    states[initial] = start
    error[initial] = _ULP
    heights = np.abs(states[..., :-1]) @ np.abs(dynamics.frame.raw).T  # (w, b) are rounded
    terms = np.einsum("sm,smn->sn", np.abs(states[..., -1]), heights)
    margin_error += _ULP * (terms / (1 + np.abs(q))).max(axis=1)
    there = np.isfinite(path).all(axis=(1, 2))
    unknown = np.where(there, 0.0, np.nan)
    return AssessedRun(fine, states, error + unknown, margin_error + unknown)


def in_users(dynamics: LayeredDynamics, start: Floats, path: Floats) -> Floats:
    """States (..., m, d + 2) in the user's coordinates, of a run from `start` there."""
    entered, _ = dynamics.frame.coordinates(start[:, :-1])
    theta = dynamics.frame.parameters(start[:, :-1], entered, path[..., :-1])
    return np.concatenate([theta, path[..., -1:]], axis=-1)


def _risen(fine: LayeredChain, margin_error: Floats) -> Bools:
    """Samples (S,) from which on the loss is higher than it can be by more than the errors allow:
    under a flow, and between samples that steps below 2 / curvature have been followed to."""
    dynamics, path = fine.task.dynamics, fine.samples
    log_loss, q = dynamics.log_loss(path), dynamics.margins(path)
    error = np.minimum(margin_error, _MOST_EXCUSED)
    allowed = error * (1 + np.abs(q).max(axis=1)) + 1e-12
    discrete = dynamics.method.discrete
    seen = np.isfinite(log_loss) & (fine.by_flow if discrete else True)
    upper = np.where(seen, log_loss + allowed, np.inf)
    risen = seen & (log_loss - allowed > np.minimum.accumulate(upper))
    return np.logical_or.accumulate(risen)
