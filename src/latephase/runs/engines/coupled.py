"""Two neurons in phases without scalar maps: the general chain follows what exact pieces leave.

Gradient flow with x1 * x2 != -1, and gradient descent whose coupled phases outlast the steps that
are worth taking, go through `chain` one by one and are recorded like the others.
"""

from __future__ import annotations

import math

import numpy as np

from latephase.core import LogTime, Outcome, Regime
from latephase.core.arrays import Floats
from latephase.late.chain.decision import decide
from latephase.late.chain.ending import ending, pattern
from latephase.late.chain.run import Chain
from latephase.late.chain.state import Controls
from latephase.late.modes.dynamics import Dynamics
from latephase.late.modes.frame import Frame
from latephase.late.pair.course import Record
from latephase.late.pair.observe import observe
from latephase.late.pair.regimes import half_slide, terminal_regime
from latephase.late.pair.response import pattern_code, response
from latephase.late.pair.state import margins
from latephase.late.pattern import SLIDING
from latephase.problem import LOSSES, GradientDescent, GradientFlow, TwoPointGeometry

from .general import compared

FAR = 1e6  # ln t until which a run without a horizon is followed, to see where it settles
_FLOATS = 709.0  # ln of about the largest float
_ALIKE = 1e-3  # deviation of the margins of a half slide whose end is foreseen


def two_point_setting(
    geometry: TwoPointGeometry, method: GradientDescent | GradientFlow
) -> Dynamics:
    """Canonical two neurons on canonical two points."""
    points = np.array([[geometry.x1, 1.0], [geometry.x2, 1.0]])
    signs = np.array([1.0, -1.0])
    return Dynamics(Frame.of(points), signs, signs, method, LOSSES["exponential"])


def follow_row(
    setting: Dynamics,
    geometry: TwoPointGeometry,
    theta: Floats,
    record: Record,
    row: int,
    times: list[LogTime],
    until: LogTime | None,
    goal: Controls,
) -> tuple[Floats, Outcome, Regime | None, tuple[float, float]]:
    """Run theta (2, 2) through the general chain and record it as trial `row`.

    Returns where it ends (2, 2), outcome and regime, and the time of entry into it with its
    logarithm.
    """
    horizon = until or LogTime.from_log(FAR, flow=not setting.discrete)
    found = compared(setting, theta, times, horizon, goal)
    parameters = found.theta.transpose(1, 2, 0)  # (neuron, [weight, bias], S)
    a = setting.preactivations(found.chain.samples.theta)
    observed = observe(geometry, parameters, a.transpose(1, 2, 0))
    record.parameters[:, :, row] = parameters
    for name, values in observed.items():
        record.observed[name][row] = values
    record.error[row], record.margin_error[row] = found.error, found.margin_error
    record.exact[row] = False
    return found.end, *_verdict(geometry, found.chain)


def _verdict(
    geometry: TwoPointGeometry, chain: Chain
) -> tuple[Outcome, Regime | None, tuple[float, float]]:
    """Outcome, regime, and the time of entry into it with its logarithm."""
    outcome, half = ending(chain), _half_slide(geometry, chain)
    if half:
        regime, log = half
        return Outcome.settled, regime, (math.exp(log) if log < _FLOATS else math.inf, log)
    time = math.inf if chain.entry.value is None else float(chain.entry.value)
    if outcome in (Outcome.settled, Outcome.unfitted):
        code = int(pattern_code(pattern(chain)[..., None])[0])
        ends = terminal_regime(geometry, code)
        outcome = Outcome.settled if ends else Outcome.transient
        return outcome, ends, (time, chain.entry.log)
    return outcome, None, (time, chain.entry.log)


def _half_slide(geometry: TwoPointGeometry, chain: Chain) -> tuple[Regime, float] | None:
    """The regime that the half slide at the end of a chain goes over to, and ln of the time.

    exp(u) grows by the rate of the slide per unit of time, and takes the wrong side down to 0.
    """
    if chain.state.outcome is not None or not np.isfinite(chain.state.now.log):
        return None
    decision = decide(chain.task, chain.state)
    code = int(pattern_code(decision.mode.status[..., None])[0])
    half, reply = half_slide(geometry, code), response(geometry, code)
    if half is None or decision.must_step:
        return None
    j, fall, regime = half
    dynamics, theta = chain.task.dynamics, chain.state.theta
    a = dynamics.preactivations(theta)
    level = margins(np.where(reply.status == SLIDING, 0.0, a)[..., None])
    if not reply.deviation(level)[0] <= _ALIKE:
        return None
    method = dynamics.method
    step = method.step_size if isinstance(method, GradientDescent) else 1.0
    rise = max(float(a[j, 1 - j]), 0.0) / fall
    grown = rise + math.log(-math.expm1(-max(rise, 1e-300)))
    left = float((level[:, 0] - np.log(step * reply.rates)).mean()) + grown
    return regime, float(np.logaddexp(chain.state.now.log, left))
