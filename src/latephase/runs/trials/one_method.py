"""What one method did to a batch of networks, over time: (trial, time, ...)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from latephase.core import Regime, Rigour
from latephase.core.arrays import Floats
from latephase.late.engines.stepped_record import Path, evaluation_error
from latephase.late.pair.law import laws
from latephase.late.pair.observe import observe_pair
from latephase.margin import largest_normalised_margin, normalised_margin
from latephase.problem import Problem, TwoPointGeometry
from latephase.runs.observed import measured
from latephase.runs.times import Times

from .result import Variables

if TYPE_CHECKING:
    from latephase.training.loops.follow import Followed

_ROUNDING = 1e-12  # of the inputs: what may be wrong with a zero close to them


@np.errstate(all="ignore")
def variables_of(problem: Problem, times: Times, found: Followed) -> Variables:
    """What was followed, and what is measured on it, samples in the order they were asked for.

    problem: of any of the networks;  found: of whole times, `times.sorted`.
    """
    network, data = problem.network, problem.data
    shape = found.weights.shape[:2]
    path = Path.of(*(None if p is None else p.reshape(-1, *p.shape[2:]) for p in _layers(found)))  # type: ignore[arg-type]
    seen = measured(problem, path.theta, path.output_weights)
    seen = {name: values.reshape(shape) for name, values in seen.items()}
    theta = path.theta.reshape(*shape, *path.theta.shape[1:])
    outer = found.output_weights
    layers = found.weights, found.biases, network.output_weights if outer is None else outer
    kind = {"negative_slope": network.negative_slope, "train_output": network.train_output}
    gamma = normalised_margin(*layers, data.inputs, data.labels, **kind)  # type: ignore[arg-type]
    squares = (theta**2).sum(axis=(-2, -1)) + (0 if outer is None else (outer**2).sum(axis=-1))
    seen |= {"norm": np.sqrt(squares), "normalised_margin": gamma}
    if problem.is_pair:
        seen |= _of_a_pair(problem, theta, gamma)
    # How far steps are from exact arithmetic is known at the start only, as in `simulate`.
    begun = np.array([t.as_float for t in times.sorted])[:, None] == 0
    exact = evaluation_error(network, theta, data.inputs, outer)
    seen["error"] = np.where(begun, 0.0, np.full(gamma.shape, np.nan))
    seen["margin_error"] = np.where(begun, exact, np.nan)
    reached = path.reached.reshape(shape)
    seen["rigour"] = np.where(reached, Rigour.measured.name, "")
    seen["log_flow_time"] = found.log_flow_time
    seen["gradient_evaluations"] = np.repeat(found.evaluations[:, None], theta.shape[1], axis=1)
    names = ("weights", "biases", "output_weights")
    parts = {name: p for name, p in zip(names, _layers(found), strict=True) if p is not None}
    turned = {name: np.swapaxes(values, 0, 1) for name, values in (parts | seen).items()}
    return {name: values[:, times.positions] for name, values in turned.items()}


def _layers(found: Followed) -> tuple[Floats, Floats | None, Floats | None]:
    return found.weights, found.biases, found.output_weights


def _of_a_pair(problem: Problem, theta: Floats, gamma: Floats) -> dict[str, Floats]:
    """What only two neurons on two points have, and what pre-activations tell better of them.

    theta (S, T, 2, 2), gamma (S, T): normalised margins.
    """
    geometry, order = problem.geometry, list(problem.neuron_order)
    parameters = np.moveaxis(theta[:, :, order], (-2, -1), (0, 1))
    a = geometry.preactivations(theta[:, :, order, 0], theta[:, :, order, 1])
    a = np.moveaxis(a, (-2, -1), (0, 1))  # (2 neurons, 2 points, S, T)
    seen = observe_pair(geometry, parameters, a, loss=problem.loss.name)
    gap = np.abs(seen["boundary"] - geometry.x_inf)
    if geometry.x_inf == geometry.midpoint:  # the deficit has more digits, where it is the same
        near = _ROUNDING * np.abs(problem.data.inputs).sum()
        same = np.abs(seen["margin_deficit"] - gap) <= near
        gap = np.where(same, seen["margin_deficit"], gap)
    constant, offset = _laws(geometry, a)
    return {
        **seen,
        "limit_gap": gap,
        "normalised_margin_gap": largest_normalised_margin(geometry) - gamma,
        "current_law_constant": constant,
        "current_law_offset": offset,
    }


def _laws(geometry: TwoPointGeometry, a: Floats) -> tuple[Floats, Floats]:
    """(C, offset) (S, T) of the specialised regime, in flow time; NaN where it is not entered."""
    shape = a.shape[2:]
    own, wrong = (a[0, 0] > 0) & (a[1, 1] > 0), (a[0, 1] <= 0) & (a[1, 0] <= 0)
    named = np.where((own & wrong).ravel(), Regime.specialised, None)  # type: ignore[call-overload]
    found = laws(geometry, named, a.reshape(2, 2, -1), 0.0)
    return found.constant.reshape(shape), found.offset.reshape(shape)
