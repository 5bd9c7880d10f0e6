"""A run of a chain and the same run made more cautiously: what they say of one another.

Every run is made twice, the second time more cautiously: gradient descent is handed to the modified
flow at twice the step, gradient flow is solved to a hundredth of the tolerance. Their difference is
the error that is reported, with the kicks of the chatter that slides leave out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from latephase.core import LogTime, Outcome
from latephase.core.arrays import Bools, Floats
from latephase.core.workers import workers
from latephase.late.modes.dynamics import Dynamics, lengths

from .run_chain import Chain, rounds, run_chain, run_together
from .state import Controls

_APART = 4.0  # times the difference of two runs: over long smooth phases 2 was too little, by 1.6
_DRIFT = 1 / 32  # of a bound in which every ulp of every step has the same sign
_FLOW_ERROR = 2e-10  # of a solver that is asked for 1e-11 over the modes of a run
_MOST_EXCUSED = 0.1  # of a margin's error, as far as it excuses a loss that has risen
_EXPLOSIVE = 1e-9  # relative error of rounding in the steps beyond which its bound is replaced
_LARGEST = np.finfo(np.float64).max
_NUDGE = 2.0**-44  # of the parameters, to see what becomes of rounding errors


@dataclass(frozen=True)
class AssessedChain:
    """The more cautious of two chains, and what comparing them shows.

    theta (S, m, d + 1): its samples as (w_j, b_j), end (m, d + 1): where it stands;
    error, margin_error (S,): as in a trajectory, NaN where not reached.
    """

    chain: Chain
    theta: Floats
    end: Floats
    error: Floats
    margin_error: Floats


def run_twice(
    dynamics: Dynamics,
    theta: Floats,
    times: list[LogTime],
    until: LogTime,
    controls: Controls,
    side_by_side: bool = False,
    tell: Callable[[float], None] | None = None,
) -> AssessedChain:
    """A run from theta (m, d + 1), made twice.

    side_by_side: the other one in a process of its own; needs an importable main module.
    tell: called with the share of the way that lies behind.
    """

    caution = 2.0 if dynamics.method.discrete else 10.0
    careful = replace(controls, slide_order=controls.order, caution=controls.caution * caution)
    told = dynamics, theta, times, until
    if side_by_side:
        with workers(1) as pool:
            begun = pool.submit(run_chain, *told, controls)
            fine = run_chain(*told, careful, tell=tell)
            coarse = begun.result()
    else:
        fine, coarse = run_together([rounds(*told, careful), rounds(*told, controls)], until, tell)
    largest = np.abs(fine.state.theta).max()
    explosive = not fine.state.rounding <= _EXPLOSIVE * largest
    if explosive:  # parameters as rounding may have changed them: the expansion of such first steps
        # is measured, where its bound ignores that dead neurons stay where they are
        ways = np.random.default_rng(0).choice([-1.0, 1.0], theta.shape)
        start = np.clip(theta * (1 + _NUDGE * ways), -_LARGEST, _LARGEST)
        coarse = run_chain(dynamics, start, times, until, controls, fine.task.signs)
    return _assessed(fine, coarse, theta, explosive)


@np.errstate(over="ignore", invalid="ignore")  # of runs on their way out of float64
def _assessed(fine: Chain, coarse: Chain, start: Floats, explosive: bool) -> AssessedChain:
    """What two chains from `start` (m, d + 1) say of one another."""
    dynamics, samples = fine.task.dynamics, fine.samples
    frame, path, other = dynamics.frame, samples.theta, coarse.samples.theta
    entered, _ = frame.coordinates(start)
    initial = np.array([t.log == -np.inf for t in fine.task.times], bool)
    path[initial] = entered

    # What rounding has added to the parameters, absolute, (S,): a bound, or where that is useless,
    # what a nudge cannot have shown since it was made when the parameters were smaller, and steps
    # were other ones, and since forces that hold one another are rounded alike at every step.
    rounding, q = 2 * samples.rounding, dynamics.margins(path)
    if explosive:
        longest = np.abs(dynamics.output_weights).max() * dynamics.pull(q) @ dynamics.point_lengths
        rounding = 2.0**-49 * (np.abs(path).max(axis=(1, 2)) + longest) + _DRIFT * samples.drift
    flow_error = np.where(samples.by_flow, _FLOW_ERROR, 0.0)

    # max_i |Delta q_i| / (1 + |q_i|), (S,).
    outer = np.abs(dynamics.output_weights)
    apart = np.nan_to_num(_APART * np.abs(q - dynamics.margins(other)), nan=np.inf)
    known = samples.margin_error + rounding[:, None] * dynamics.reach(np.ones(len(outer)))
    off = apart + (known + 2.0**-50 * outer @ dynamics.terms(path))
    margin_error = (off / (1 + np.abs(q))).max(axis=1) + flow_error
    margin_error = np.where(np.isfinite(q).all(axis=1), margin_error, np.nan)

    # From where the loss has risen on, nothing is known.
    risen = _risen(fine, margin_error)
    if risen.any():
        fine = replace(fine, state=replace(fine.state, outcome=Outcome.inaccurate))
        path[risen], margin_error[risen] = np.nan, np.nan

    # max_j |Delta(w_j, b_j)| / |(w_j, b_j)|, (S,).
    theta = frame.parameters(start, entered, path)
    theta[initial] = start
    norms, apart = lengths(theta), np.nan_to_num(_APART * lengths(path - other), nan=np.inf)
    absolute = apart + samples.kick_error + rounding[:, None]
    error = (absolute / np.where(norms > 0, norms, np.inf)).max(axis=1)
    error = error + np.where(samples.by_flow, _FLOW_ERROR, 2.0**-52)
    error = np.where(np.isfinite(theta).all(axis=(1, 2)), error, np.nan)

    unknown = np.where(samples.sign_lost, 1.0, 0.0)  # and that never decays
    error, margin_error = np.maximum(error, unknown), np.maximum(margin_error, unknown)
    error[initial] = 2.0**-52
    end = frame.parameters(start, entered, fine.state.theta)
    return AssessedChain(fine, theta, end, error, margin_error)


def _risen(fine: Chain, margin_error: Floats) -> Bools:
    """Samples (S,) from which on the loss is higher than it can be, by more than the errors allow:
    under a flow, and between samples that steps below 2 / curvature have been followed to."""
    dynamics, theta = fine.task.dynamics, fine.samples.theta
    log_loss, margins = dynamics.log_loss(theta), dynamics.margins(theta)
    error = np.minimum(margin_error, _MOST_EXCUSED)  # one that is larger would allow anything
    allowed = error * (1 + np.abs(margins).max(axis=1)) + 1e-12
    discrete = dynamics.method.discrete
    if discrete:  # a step over a kink may raise the loss by as much as it moves margins
        pulls, outer = dynamics.pull(margins), dynamics.output_weights
        allowed = allowed + 4 * (outer @ outer) * (pulls @ dynamics.point_lengths**2)
    seen = np.isfinite(log_loss) & (fine.samples.by_flow if discrete else True)
    upper = np.where(seen, log_loss + allowed, np.inf)
    risen = seen & (log_loss - allowed > np.minimum.accumulate(upper))
    return np.logical_or.accumulate(risen)
