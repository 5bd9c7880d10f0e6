"""The law of specialised pairs of trained layers: x* - limit ~ constant / sqrt(Q) + remainder / Q.

Neuron A serves x1 alone and neuron B serves x2 alone.  With r_j the null part of theta_j along the
unit vector n_j orthogonal to z_j, and g the common value of z_j . z_inf / k_jj, the boundary is

    x* - x_inf = (w_B r_B n_B.z_inf - w_A r_A n_A.z_inf - (q_1 - q_2) g)
                 / (q_1 x1/k11 - q_2 x2/k22 + w_A r_A n_A.e - w_B r_B n_B.e),    e = (1, 0),

exactly, as long as both are active there; and w_j^2 ~ q_j / sqrt(k_jj), q_j ~ Q = ln t + offset,
q_1 - q_2 -> ln(k11 / k22) / 2, which gives the first two powers of 1 / sqrt(Q).
Source: docs/theory.md, "Every layer trained".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latephase.core.arrays import Floats, Ints
from latephase.late.pair.law import Laws
from latephase.problem import TwoPointGeometry

from .state import LayeredPairState
from .task import LayeredJourney, LayeredPairTask, alone, reference

EXPONENT, NEXT = 0.5, 1.0  # powers of 1 / ln t of the two terms

_ROUNDING = 2.0**-50  # of null parts, in units of what they are made of


@dataclass(frozen=True)
class LayeredLaws(Laws):
    """Laws of exponent 1/2, with the constants (T,) of the next term, of exponent 1."""

    remainder: Floats


def layered_laws(task: LayeredPairTask, journey: LayeredJourney, rows: Ints) -> LayeredLaws:
    """Laws (T,) of the trials `rows`, which are specialised for ever; NaN of others.

    Rigour: limit and constants exact.
    """
    state = journey.state
    result = LayeredLaws(*np.full((4, state.error.size), np.nan))
    if not rows.size:
        return result
    s, g = state[rows], task.geometry
    nulls, doubts = _null_parts(task, s)
    base = g.x1 / g.k11 - g.x2 / g.k22
    weights = g.x1 - g.x_inf, g.x_inf - g.x2
    # Sums of two terms: a product of matrices rounds them as the size of the batch has it.
    constant = (weights[0] * nulls[0] + weights[1] * nulls[1]) / base
    doubt = (abs(weights[0]) * doubts[0] + abs(weights[1]) * doubts[1]) / abs(base)
    constant = np.where(np.abs(constant) <= doubt, 0.0, constant)
    apart = np.log(g.k11 / g.k22) / 2 * (g.x1 * g.x_inf + 1) / g.k11
    result.limit_boundary[rows], result.constant[rows] = g.x_inf, constant
    result.offset[rows] = journey.later_margins[:, rows].min(axis=0) - reference(s.log_time)
    result.remainder[rows] = -(apart + constant * (nulls[0] - nulls[1])) / base + 0.0
    return result


def shares(g: TwoPointGeometry, serves_first: int) -> tuple[float, float]:
    """|(theta_j, v_j)|^2 / |(theta, v)|^2 in the limit; serves_first: the neuron that serves x1."""
    first, second = np.sqrt(g.squares)
    one = float(second / (first + second))
    return (one, 1 - one) if serves_first == 0 else (1 - one, one)


def _null_parts(task: LayeredPairTask, s: LayeredPairState) -> tuple[Floats, Floats]:
    """|z_i| r_j / k_ii^(5/4) of the neurons that serve x1 and x2, (2, R), and how large each may be
    by rounding alone."""
    g = task.geometry
    single, _ = alone(s.preactivations(g) > 0)
    nulls, doubts = np.zeros((2, 2, s.error.size))
    for i, (x, other) in enumerate(((g.x1, g.x2), (g.x2, g.x1))):
        j = single[1, i].astype(int)  # which neuron serves it
        pick = np.arange(j.size)
        w, b = s.start[j, 0, pick], s.start[j, 1, pick]
        got = (1.0 if i else -1.0) * s.gained[j, 1 - i, pick]  # y of the other point
        size = np.abs(w) + np.abs(x * b) + np.abs(got * (other - x))
        nulls[i] = (w - x * b + got * (other - x)) / g.squares[i] ** 1.25
        doubts[i] = size * np.maximum(_ROUNDING, s.error) / g.squares[i] ** 1.25
    return nulls, doubts
