"""`simulate`: one network, from initialisation to any horizon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from latephase.core import Law, Outcome, Regime, Rigour
from latephase.core.arrays import Ints
from latephase.core.calls import public
from latephase.late.chain.progress import Progress
from latephase.late.chain.state import Controls
from latephase.late.pair.regimes import final_status
from latephase.problem import (
    Dataset,
    GradientDescent,
    GradientFlow,
    ShallowReLU,
    TwoPointGeometry,
    is_two_point,
    losses,
    matching,
)
from latephase.problem.checks import MOST, callback, flag, positive_number, whole_number
from latephase.problem.methods import Method

from .engines.exact_pieces import MAX_STEPS, SLIDE_TOLERANCE, TOLERANCE, LatePhase, has_law
from .engines.exact_pieces import run as run_engine
from .engines.general import simulate_general
from .engines.measured import Arithmetic, simulate_method, simulate_rounded
from .run import Run, Times, sample_times
from .trajectory import dataset, variables

if TYPE_CHECKING:
    from latephase.training import Method as Stepped


@public
def simulate(
    network: ShallowReLU,
    data: Dataset,
    method: Method | Stepped,
    *,
    until: object,
    at: Sequence[object] | None = None,
    samples: int = 200,
    loss: str = "exponential",
    max_steps: int = MAX_STEPS,
    tolerance: float = TOLERANCE,
    slide_tolerance: float = SLIDE_TOLERANCE,
    dtype: str | None = None,
    accumulate: bool = False,
    rounding: str = "nearest",
    processes: int = 1,
    progress: Progress | None = None,
) -> Run:
    """Train `network` on `data` until time `until` and record it at the times `at`.

    until, at: int, decimal string ("1e1000", "10**6") or LogTime; without `at`, `samples`
    log-spaced times.  Two neurons with output weights +1 and -1 on two points in dimension 1 are
    carried by exact pieces; any other network, and the logistic loss, by the modified flow
    (docs/theory.md, "Any shallow network").
    tolerance: relative error to aim at in smooth phases of general networks, which sets when steps
    give way to the modified flow; the error reached is reported.
    slide_tolerance: chatter (how far a step moves a neuron's parameters) below which sliding phases
    are followed to first order; the error it causes is reported.
    dtype: "float64", "float32", "float16" or "bfloat16": gradient descent in this arithmetic, with
    accumulate and rounding as in `training.real_arithmetic.descend`; a run that stalls says so in a
    warning.  Without it, the mathematics, not the arithmetic, is followed.
    progress: called as progress(done, total): thousandths of ln(1 + t) of the way, which the work
    need not be proportional to; of exact pieces, 0 or 1 of one run; of stepped methods and other
    arithmetics, updates.
    processes: with 2, the two runs of a wide network that are compared go side by side; needs a
    main module that can be imported.

    Methods of `latephase.training` other than gradient descent are stepped, up to max_steps; their
    trajectory also has gradient_evaluations and log_flow_time over (time).

    Returns a Run whose trajectory has weights (time, neuron, feature), biases (time, neuron) and,
    over (time): boundary, robustness_margin, margin_deficit, log_margin_deficit, log_loss, error,
    rigour.  Samples that could not be reached are NaN; the outcome says why.
    Raises InputError.  Source: [smorodinsky2026]; docs/theory.md.
    """
    times = sample_times(method, until, at, samples)
    network, loss = check(network, data, loss)
    max_steps = whole_number(max_steps, "max_steps", 1, MOST)
    processes = whole_number(processes, "processes", 1, MOST)
    callback(progress)
    tolerance = positive_number(tolerance, "tolerance")
    slide_tolerance = positive_number(slide_tolerance, "slide_tolerance")
    if dtype is not None:
        arithmetic = Arithmetic(dtype, flag(accumulate, "accumulate"), rounding)
        problem = (network, data, method, times, loss)
        return simulate_rounded(*problem, arithmetic, max_steps, progress)
    if not isinstance(method, GradientDescent | GradientFlow):
        from latephase.training.methods.table import stepped

        return simulate_method(network, data, stepped(method), times, loss, max_steps, progress)
    if loss == "exponential" and has_late_phase(network, data):
        options = {"max_steps": max_steps, "slide_tolerance": slide_tolerance, "progress": progress}
        return _late(network, data, method, times, options)
    goal = Controls(tolerance, slide_tolerance, max_steps)
    return simulate_general(network, data, method, times, loss, goal, processes, progress)


def check(network: object, data: object, loss: str) -> tuple[ShallowReLU, str]:
    """Check that network, data and loss fit together.  Raises InputError."""
    network, _ = matching(network, data)
    return network, losses.checked(loss)


def has_late_phase(network: ShallowReLU, data: Dataset) -> bool:
    """Two neurons of output weights +1 and -1 on two points in dimension 1."""
    return is_two_point(data) and sorted(network.output_weights) == [-1.0, 1.0]


def neuron_order(network: ShallowReLU) -> tuple[int, int]:
    """Which canonical neuron (0: output weight +1) each of the user's neurons is."""
    return (0, 1) if network.output_weights[0] > 0 else (1, 0)


def canonical(network: ShallowReLU) -> tuple[np.ndarray, np.ndarray]:
    """Weights and biases (1, 2) with the neuron of output weight +1 first."""
    order = list(neuron_order(network))
    return network.weights[order, 0][None], network.biases[order][None]


def _late(
    network: ShallowReLU, data: Dataset, method: Method, times: Times, options: dict[str, Any]
) -> Run:
    weights, biases = canonical(network)
    geometry = TwoPointGeometry.of(data)
    found = run_engine(geometry, weights, biases, method, times.sorted, times.until, **options)
    arrays = variables(found.record, neuron_order(network))
    picked = {name: values[0][times.positions] for name, values in arrays.items()}
    rigour = Rigour.exact if (picked["rigour"] == Rigour.exact.name).all() else Rigour.estimated
    trajectory = dataset(picked, times.given)
    ends, pattern = verdict(found), _pattern(found, geometry, neuron_order(network))
    return Run(network, data, method, trajectory, *ends, rigour, pattern=pattern)


def _pattern(found: LatePhase, geometry: TwoPointGeometry, neurons: tuple[int, int]) -> Ints:
    """Statuses (2, 2) at the end of the one trial, neurons and points in the user's order."""
    a = found.journey.state.preactivations[..., 0]
    status = final_status(geometry, found.journey.regime[0], a)
    return status[list(neurons)][:, list(geometry.order)]


def verdict(found: LatePhase, trial: int = 0) -> tuple[Outcome, Regime | None, Law | None]:
    """Outcome, regime and law of one trial."""
    regime = found.journey.regime[trial]
    laws = found.laws
    law = None
    if has_law(regime):
        values = (laws.limit_boundary[trial], laws.constant[trial], laws.offset[trial])
        law = Law(*(float(v) for v in values))
    return found.journey.outcome[trial], regime, law
