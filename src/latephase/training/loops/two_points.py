"""Steps of two neurons on two points in the coordinates that they are decided in.

Pre-activations a_ji instead of weights: on points 2021 and 2020 a rounding error that is small
against a bias of 1414 is large against a margin, and a pre-activation of 1.7e-18 is lost where it
is the sum of weight times input and bias. In the other direction, what neuron j has received from
point i, (the sum of step * loss) * (x_i, 1), is exact enough for the parameters.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from latephase.core.arrays import Bools, Floats, Ints
from latephase.problem.geometry import SIGN
from latephase.training.loops.blocks import Columns, in_blocks
from latephase.training.parameters import UNIT_ROUNDOFF, Array, DoubleDouble, add, units

_ULPS = 4.0  # rounding errors of a kick, in units of 2^-53 (2 + |margin|) of its size


class SteppedPair(NamedTuple):
    """Two neurons on two points after stepping; trials run along the last axis.

    preactivations (2 neurons, 2 points, T);  received (2, 2, T): sum of step * loss of point i over
    the steps at which neuron j was active there;
    preactivation_error (2, 2, T), absolute;  parameter_error (T,): Euclidean, absolute;
    undecided (2, 2, T): whether its sign was ever within its error.
    """

    preactivations: Floats
    received: Floats
    preactivation_error: Floats
    parameter_error: Floats
    undecided: Bools


def advance_pair(
    preactivations: Floats,
    preactivation_error: Floats,
    parameter_error: Floats,
    counts: Ints,
    *,
    gram: Floats,
    step_size: float,
) -> SteppedPair:
    """Step trial i of T exactly counts[i] times (fewer once it is not finite: it stays so).

    preactivations, preactivation_error (2, 2, T), parameter_error (T,), counts (T,), gram (2, 2):
    1 + x_i x_k.  Rigour: measured; the errors are estimates, as those of `advance`.
    """
    zeros, unit = np.zeros_like(preactivations), units(preactivations)
    columns = (
        *(unit * preactivations, zeros, zeros, zeros, unit * preactivation_error, parameter_error),
        np.zeros(preactivations.shape, bool),
        *([unit] if (unit > 1).any() else []),
    )
    moved = in_blocks(columns, counts, (gram,), _step, step_size)
    return SteppedPair(moved[0] / unit, moved[2], moved[4] / unit, *moved[5:7])


def _step(columns: Columns, data: tuple[Array, ...], step_size: Array) -> Columns:
    """One update.

    Errors grow by the Jacobian of a step inside its pattern, as in `gradient_descent.step`; a kick
    adds some ulps of its own, and what it feels of the margin's error, which the steps hold down.
    """
    a, low, got, got_low, off, error, undecided, *units = columns
    unit = units[0] if units else 1.0
    (gram,), sign = data, SIGN[:, :, None]
    active = a > 0.0
    margins = jnp.where(active, sign * (a / unit), 0.0).sum(axis=0)
    margins += jnp.where(active, sign * (low / unit), 0.0).sum(axis=0)
    pull = step_size * jnp.exp(-margins)
    felt = jnp.where(active, pull, 0.0)  # (neuron, point, trial)
    kicks = felt[:, :, None] * gram[:, :, None]  # (neuron, from point, to point, trial)
    a, low = add(DoubleDouble(a, low), unit * (sign[:, :, None] * kicks).sum(axis=1))
    got, got_low = add(DoubleDouble(got, got_low), felt)
    norms = jnp.diagonal(gram)[:, None]
    growth = jnp.maximum(1.0, (felt * norms).sum(axis=(0, 1)) - 1.0)
    share = _ULPS * UNIT_ROUNDOFF * (2.0 + jnp.abs(margins))
    living = active.any(axis=1, keepdims=True)
    off = jnp.where(living, growth, 1.0) * off
    off += unit * (jnp.abs(kicks) * share[:, None]).sum(axis=1)
    error = growth * error + (felt * (share * jnp.sqrt(norms))).sum(axis=(0, 1))
    undecided |= living & (jnp.abs(a) <= off)
    return a, low, got, got_low, off, error, undecided, *units
