"""The law of a run that any engine has followed to its last mode."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from latephase.core import InputError, Law, Outcome, Regime
from latephase.core.arrays import Floats
from latephase.late.modes.dynamics import lengths
from latephase.late.pair.law import Laws, laws
from latephase.late.pair.regimes import terminal_regime
from latephase.late.pattern import pattern_code
from latephase.problem import (
    Dataset,
    Problem,
    ShallowReLU,
    TwoPointGeometry,
    is_two_point,
)

from .curve import Curve, boundary_law
from .mode import ModeLimit
from .reading import read_off

_ROUNDING = 2.0**-48  # of an input: two points this equally far from a zero are so


def law_of(
    problem: Problem,
    outcome: Outcome,
    pattern: NDArray[np.integer],
    theta: Floats,
    log_t: float,
) -> Law | None:
    """The law of a run that stays in the mode `pattern`; None unless its loss tends to 0.

    theta (m, k): its parameters at time t.  Both losses have the same laws.  Rigour: exact for two
    ReLU neurons with biases and output weights 1, -1 on two points (closed forms); else that of
    `limit`.
    Source: docs/theory.md, "The law of the late phase" and "Margins along the way".
    """
    if outcome is not Outcome.settled:
        return None
    network, data = problem.network, problem.data
    outer = network.output_weights
    if network.is_plain and is_two_point(data) and sorted(outer) == [-1.0, 1.0]:
        return _closed_form(outer, data, pattern, theta, problem.method.log_step)
    try:
        found = read_off(problem, pattern, theta, log_t)
    except InputError:
        return None
    if found is None or not found.limit.settled:
        return None
    return mode_law(found.limit, network, data, found.log_t)


def mode_law(found: ModeLimit, network: ShallowReLU, data: Dataset, log_t: float) -> Law | None:
    """The law of a mode whose limit was read off at time t.

    That of the boundary where the limit has one zero on the line and no kink at it; else the
    margin's, whose numbers are computed when they are asked for.  None where rounding hides it.
    """
    shares = (lengths(found.direction) / lengths(found.direction.ravel())) ** 2
    curve = Curve(found.direction, found.offset, network, data)
    line = boundary_law(curve, log_t)
    if line is None:
        return Law.later(curve.law_numbers, limit_boundary=None, exponent=1.0, shares=shares)
    limit, constant, offset = line
    if math.isnan(constant):
        return None
    margin, margin_constant = map(float, margin_law(data.inputs[:, 0], limit, constant))
    return Law(limit, constant, offset, 1.0, margin, margin_constant, shares)


def margin_law(inputs: ArrayLike, limit: ArrayLike, constant: ArrayLike) -> tuple[Floats, Floats]:
    """limit_margin and margin_constant (...) of networks with one zero on the line.

    inputs (n,);  limit, constant (...): of the zero.  The nearest input decides, or of two that are
    equally near the one that the zero comes from.
    """
    x, c = np.asarray(inputs, float), np.asarray(constant, float)
    apart = np.asarray(limit, float)[..., None] - x
    nearest = np.abs(apart).min(axis=-1)
    near = np.abs(apart) <= nearest[..., None] + _ROUNDING * np.abs(x).max()
    lost = np.where(near, -np.sign(apart) * c[..., None], -np.inf).max(axis=-1)
    return nearest, np.where(np.isnan(c), np.nan, lost + 0.0)


def pair_law(
    geometry: TwoPointGeometry,
    regime: Regime | None,
    found: Laws,
    trial: int = 0,
    neurons: tuple[int, int] = (0, 1),
) -> Law | None:
    """The law of one trial of two neurons on two points; None where its loss does not tend to 0.

    neurons: which canonical neuron (0: output weight +1) each of the user's is.
    """
    limit, constant, offset = (
        float(v[trial]) for v in (found.limit_boundary, found.constant, found.offset)
    )
    if regime is None or math.isnan(constant):
        return None
    points = [geometry.x1, geometry.x2]
    margin, margin_constant = map(float, margin_law(points, limit, constant))
    shares = np.array(_shares(geometry, regime))[list(neurons)]
    return Law(limit, constant, offset, 1.0, margin, margin_constant, shares)


def _shares(g: TwoPointGeometry, regime: Regime) -> tuple[float, float]:
    """|theta_j|^2 / |theta|^2 in the limit: by the KKT conditions, sum_i multiplier_i q_ji."""
    if regime is not Regime.single_slide:
        return g.k22 / (g.k11 + g.k22), g.k11 / (g.k11 + g.k22)
    near, far = (g.k11, g.k22) if g.excess[0] <= 0 else (g.k22, g.k11)
    both = near + g.k12
    sliding = both / (2 * near) * (both / (both + g.k12 + far + g.determinant / near))
    return (1 - sliding, sliding) if g.excess[0] <= 0 else (sliding, 1 - sliding)


def _closed_form(
    output_weights: Floats,
    data: Dataset,
    pattern: NDArray[np.integer],
    theta: Floats,
    log_step: float,
) -> Law | None:
    """That of the pair's own engine: neurons and points in its order, the closed form by regime."""
    geometry = TwoPointGeometry.of(data)
    neurons = (0, 1) if output_weights[0] > 0 else (1, 0)
    status = pattern[list(neurons)][:, list(geometry.order), None].astype(np.int64)
    a = geometry.preactivations(theta[list(neurons), 0], theta[list(neurons), 1])[..., None]
    regime = terminal_regime(geometry, int(pattern_code(status)[0]))
    found = laws(geometry, np.array([regime], dtype=object), a, log_step)
    return pair_law(geometry, regime, found, 0, neurons)
