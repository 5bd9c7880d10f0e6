"""Any shallow ReLU network, from initialisation to any horizon, with a measured error.

Every run is made twice, the second time more cautiously: gradient descent is handed to the modified
flow at twice the step, gradient flow is solved to a hundredth of the tolerance. Their difference is
the error that is reported, with the kicks of the chatter that slides leave out.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latephase.core import LogTime, Rigour
from latephase.core.workers import workers
from latephase.margin import boundary, margin_of, robustness_margin
from latephase.problem import LOSSES, Dataset, ShallowReLU

from .chain import run_chain
from .chain_state import Chain, Goal
from .ending import ending, pattern
from .limit_law import law_of
from .run import Method, Run, Times
from .setting import Setting
from .trajectory import dataset

Array = NDArray[np.float64]
_FLOW_ERROR = 2e-10  # of a solver that is asked for 1e-11 over the modes of a run
_WIDE = 1000  # pairs from which a run takes long enough for a second process
_EXPLOSIVE = 1e-9  # relative error of rounding in the steps beyond which its bound is replaced
_NUDGE = 2.0**-46  # of the parameters, to see what becomes of rounding errors


def simulate_general(
    network: ShallowReLU,
    data: Dataset,
    method: Method,
    times: Times,
    loss: str,
    goal: Goal,
    processes: int = 1,
) -> Run:
    """Run a network to its horizon; samples that could not be reached are NaN."""
    setting = Setting.of(network, data, method, loss)
    theta = np.concatenate([network.weights, network.biases[:, None]], axis=1)
    side_by_side = processes > 1 and network.m * data.n >= _WIDE
    fine, error = compared(setting, theta, times.sorted, times.until, goal, side_by_side)
    arrays = observe(network, data, loss, fine.recorded)
    arrays["error"] = error
    rigour = np.where(fine.followed, Rigour.estimated.name, Rigour.measured.name)
    arrays["rigour"] = rigour
    picked = {name: values[times.positions] for name, values in arrays.items()}
    weakest = Rigour.estimated if fine.followed.any() else Rigour.measured
    outcome, last = ending(fine), pattern(fine)
    law = law_of(network, data, method, outcome, last, fine.theta, fine.now.log)
    return Run(
        network,
        data,
        method,
        dataset(picked, times.given),
        outcome,
        None,
        law,
        weakest,
        loss,
        last,
    )


def compared(
    setting: Setting,
    theta: Array,
    times: list[LogTime],
    until: LogTime,
    goal: Goal,
    side_by_side: bool = False,
) -> tuple[Chain, Array]:
    """The more cautious of two chains, and the relative error (S,) that comparing them shows.

    side_by_side: the other one in a process of its own; needs an importable main module.
    """
    caution = 2.0 if setting.discrete else 10.0
    careful = Goal(
        goal.tolerance, goal.slide_tolerance, goal.max_steps, goal.order, goal.caution * caution
    )
    with _begun(side_by_side, setting, theta, times, until, goal) as begun:
        fine = run_chain(setting, theta, times, until, careful)
        explosive = fine.step_error > _EXPLOSIVE * np.abs(fine.theta).max()
        if begun and not explosive:
            return fine, _error(fine, begun.result(), explosive)
    coarse = run_chain(setting, _nudged(theta) if explosive else theta, times, until, goal)
    return fine, _error(fine, coarse, explosive)


@contextmanager
def _begun(side_by_side: bool, *arguments: Any) -> Iterator[Future[Chain] | None]:
    """A chain begun in another process, if at all."""
    if not side_by_side:
        yield None
        return
    with workers(1) as pool:
        yield pool.submit(run_chain, *arguments)


def _nudged(theta: Array) -> Array:
    """Parameters as rounding may have changed them: the expansion of explosive first steps is then
    measured, where its bound is far too wide (it ignores that dead neurons stay where they are)."""
    signs = np.random.default_rng(0).choice([-1.0, 1.0], theta.shape)
    return np.asarray(theta * (1 + _NUDGE * signs))


def _error(fine: Chain, coarse: Chain, explosive: bool) -> Array:
    """max_j |Delta(w_j, b_j)| / |(w_j, b_j)| (S,), NaN where not reached."""
    norms = np.linalg.norm(fine.recorded, axis=2)
    rounding = 2.0**-52 if explosive else fine.step_error
    apart = 2 * np.linalg.norm(fine.recorded - coarse.recorded, axis=2)
    absolute = np.nan_to_num(apart, nan=np.inf) + fine.recorded_doubt + rounding
    relative = (absolute / np.where(norms > 0, norms, np.inf)).max(axis=1)
    relative = relative + np.where(fine.followed, _FLOW_ERROR, 2.0**-52)
    return np.where(np.isfinite(fine.recorded).all(axis=(1, 2)), relative, np.nan)


def observe(network: ShallowReLU, data: Dataset, loss: str, theta: Array) -> dict[str, Any]:
    """The recorded variables of theta (S, m, d + 1); NaN where it is."""
    w, b, v = theta[..., :-1], theta[..., -1], network.output_weights
    reached = np.isfinite(theta).all(axis=(1, 2))
    q = np.einsum("sni,i->sn", np.maximum(w @ data.inputs.T + b[..., None], 0.0).swapaxes(1, 2), v)
    rho = np.full(len(theta), np.nan)
    if network.d == 1 and reached.any():
        rho[reached] = robustness_margin(w[reached], b[reached], v, data.inputs, data.labels)
    if network.d == 2:  # in milliseconds; more features take their time
        for k in np.flatnonzero(reached):
            rho[k] = float(margin_of(w[k], b[k], v, data.inputs, data.labels))
    crossing = np.full(len(theta), np.nan)
    if network.d == 1 and sorted(v) == [-1.0, 1.0]:
        first = [0, 1] if v[0] > 0 else [1, 0]
        crossing = boundary(w[:, first, 0].T, b[:, first].T)
    deficit = data.optimal_margin - rho
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "weights": w,
            "biases": b,
            "boundary": np.where(reached, crossing, np.nan),
            "robustness_margin": rho,
            "margin_deficit": deficit,
            "log_margin_deficit": np.log(deficit),
            "log_loss": np.where(reached, LOSSES[loss].log_loss(data.labels * q), np.nan),
        }
