"""Two neurons in phases without scalar maps: the general chain follows what exact pieces leave.

Gradient flow with x1 * x2 != -1, and gradient descent whose coupled phases outlast the steps that
are worth taking, go through `chain` one by one and are recorded like the others.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from latephase.core import LogTime, Outcome, Regime
from latephase.problem import LOSSES, GradientDescent, GradientFlow, TwoPointGeometry

from .chain_state import Chain, Goal
from .course import Record
from .ending import ending, pattern
from .frame import Frame
from .general import compared
from .observe import observe
from .regimes import terminal_regime
from .response import pattern_code
from .setting import Setting

Array = NDArray[np.float64]
FAR = 1e6  # ln t until which a run without a horizon is followed, to see where it settles


def two_point_setting(
    geometry: TwoPointGeometry, method: GradientDescent | GradientFlow
) -> Setting:
    """Canonical two neurons on canonical two points."""
    points = np.array([[geometry.x1, 1.0], [geometry.x2, 1.0]])
    signs = np.array([1.0, -1.0])
    return Setting(Frame.of(points), signs, signs, method, LOSSES["exponential"])


def follow_row(
    setting: Setting,
    geometry: TwoPointGeometry,
    theta: Array,
    record: Record,
    row: int,
    times: list[LogTime],
    until: LogTime | None,
    goal: Goal,
) -> tuple[Chain, Outcome, Regime | None]:
    """Run theta (2, 2) through the general chain and record it as trial `row`."""
    horizon = until or LogTime.from_log(FAR, flow=not setting.discrete)
    found = compared(setting, theta, times, horizon, goal)
    parameters = found.theta.transpose(1, 2, 0)  # (neuron, [weight, bias], S)
    a = setting.preactivations(found.chain.recorded)
    observed = observe(geometry, parameters, a.transpose(1, 2, 0))
    record.parameters[:, :, row] = parameters
    for name, values in observed.items():
        record.observed[name][row] = values
    record.error[row], record.margin_error[row] = found.error, found.margin_error
    record.exact[row] = False
    return replace(found.chain, theta=found.end), *_verdict(geometry, found.chain)


def _verdict(geometry: TwoPointGeometry, chain: Chain) -> tuple[Outcome, Regime | None]:
    """Outcome and regime."""
    outcome = ending(chain)
    if outcome not in (Outcome.settled, Outcome.unfitted):
        return outcome, None
    code = int(pattern_code(pattern(chain)[..., None])[0])
    regime = terminal_regime(geometry, code)
    return (Outcome.settled, regime) if regime else (Outcome.transient, None)


def entry(chain: Chain) -> tuple[float, float]:
    """Time of entry into the last mode and its logarithm."""
    time = math.inf if chain.entry.value is None else float(chain.entry.value)
    return time, chain.entry.log
