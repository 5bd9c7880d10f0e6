"""The law of specialised pairs of trained layers: x* - limit ~ constant / sqrt(Q) + remainder / Q.

Neuron A serves x1 alone and neuron B serves x2 alone.  With r_j the null part of theta_j along the
unit vector n_j orthogonal to z_j, and g the common value of z_j . z_inf / k_jj, the boundary is

    x* - x_inf = (w_B r_B n_B.z_inf - w_A r_A n_A.z_inf - (q_1 - q_2) g)
                 / (q_1 x1/k11 - q_2 x2/k22 + w_A r_A n_A.e - w_B r_B n_B.e),    e = (1, 0),

exactly, as long as both are active there; and w_j^2 ~ q_j / sqrt(k_jj), q_j ~ Q, Q = ln t + offset
the common margin.
Source: docs/theory.md, "Every layer trained".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latephase.core.arrays import Floats, Ints
from latephase.late.pair.law import Laws
from latephase.problem import TwoPointGeometry

from .follow_orbit import follow_orbits
from .samples import observe
from .serve import Served
from .state import LayeredState, parameters_of, rises
from .task import LayeredTask, alone

EXPONENT, NEXT = 0.5, 1.0  # powers of 1 / ln t of the two terms
LOG_REFERENCE = 1e6 / 64
"""ln of the time, or twice that of the entry if it is later, at which offset and remainder are read
off: the margins are there what ln t + offset says, and the law meets the run."""

_ROUNDING = 2.0**-50  # of null parts, in units of what they are made of


@dataclass(frozen=True)
class LayeredLaws(Laws):
    """Laws of exponent 1/2, with the constants (T,) of the next term, of exponent 1."""

    remainder: Floats


def layered_laws(task: LayeredTask, state: LayeredState, rows: Ints) -> LayeredLaws:
    """Laws (T,) of the trials `rows`, which are specialised from `state` on; NaN of others.

    Rigour: limit and constant exact; remainder 0 where rounding hides it.
    """
    result = LayeredLaws(*np.full((4, state.error.size), np.nan))
    if not rows.size:
        return result
    s, g = state[rows], task.geometry
    constant, doubt = _constants(task, s)
    constant = np.where(np.abs(constant) <= doubt, 0.0, constant)
    log_t = np.maximum(LOG_REFERENCE, 2 * s.log_time)
    boundary, margin = _far(task, s, log_t)
    rest = boundary - g.x_inf - constant / margin**EXPONENT
    size = np.abs(boundary) + max(abs(g.x1), abs(g.x2))
    seen = np.abs(rest) > _ROUNDING * size + doubt / margin**EXPONENT
    result.limit_boundary[rows], result.constant[rows] = g.x_inf, constant
    result.offset[rows] = margin - log_t
    result.remainder[rows] = np.where(seen, rest * margin**NEXT, 0.0)
    return result


def shares(g: TwoPointGeometry, serves_first: int) -> tuple[float, float]:
    """|(theta_j, v_j)|^2 / |(theta, v)|^2 in the limit; serves_first: the neuron that serves x1."""
    first, second = np.sqrt(g.squares)
    one = float(second / (first + second))
    return (one, 1 - one) if serves_first == 0 else (1 - one, one)


def _constants(task: LayeredTask, s: LayeredState) -> tuple[Floats, Floats]:
    """Constants (R,) and how large one may be by rounding alone."""
    g = task.geometry
    single, _ = alone(s.preactivations(g) > 0)
    constant, doubt = np.zeros((2, s.error.size))
    for i, (x, other, sign) in enumerate(((g.x1, g.x2, -1.0), (g.x2, g.x1, 1.0))):
        j = single[1, i].astype(int)  # which neuron serves it
        pick = np.arange(j.size)
        w, b = s.start[j, 0, pick], s.start[j, 1, pick]
        got = (1.0 if i else -1.0) * s.gained[j, 1 - i, pick]  # y of the other point
        null = w - x * b + got * (other - x)  # |z| times the null part
        weight = sign * (g.x_inf - x) / g.squares[i] ** 1.25
        constant += weight * null
        size = np.abs(w) + np.abs(x * b) + np.abs(got * (other - x))
        doubt += np.abs(weight) * size * np.maximum(_ROUNDING, s.error)
    base = g.x1 / g.k11 - g.x2 / g.k22
    return constant / base, doubt / abs(base)


def _far(task: LayeredTask, s: LayeredState, log_t: Floats) -> tuple[Floats, Floats]:
    """x* (R,) and the smaller margin (R,) at times exp(log_t) (R,), later than the states."""
    g, moved, margins = task.geometry, s.moved.copy(), []
    single, _ = alone(s.preactivations(g) > 0)
    for i in (0, 1):
        first = np.zeros(s.error.size, np.int64)
        part = Served(task, s, single[:, i], i)
        q, spread, _ = follow_orbits(part.orbits, log_t[:, None], first, task.discrete)
        gained, outer = part.grown(q, spread)
        moved[i:4:2] += gained[..., 0]
        moved[4:] += outer[..., 0]
        margins.append(q[:, 0])
    gained = moved[:4].reshape(2, 2, -1)
    theta, a = parameters_of(g, s.start, gained), s.first + rises(g, gained)
    return observe(g, theta, a, moved[4:])["boundary"], np.minimum(*margins)
