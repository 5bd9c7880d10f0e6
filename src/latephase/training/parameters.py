"""The arrays that every step shares: parameters as compensated sums, many trials side by side.

The trial axis is the last one everywhere, so that the short loops over neurons, points and features
stay outside and every operation is one vector operation over trials. Parameters are one array
(neuron, feature, trial) whose last feature is the bias, if there is one: its input is 1. Where the
output weights are trained, they are one more feature behind it, which no point has: so whatever
moves, measures or remembers parameters has them too; the gradient alone tells them apart. An output
bias is that of one more neuron, of features 0 and activation 1. Parameters are carried as
unevaluated sums high + low (compensated summation [dekker1971]): a step may be 2^-53 of the
parameter it is added to, and 10^5 of them must not be lost.

XLA flushes subnormal numbers to 0. From weights of 1e-308 a network trains like from 1e-300: all
that counts is the signs of its first pre-activations, but XLA would take its neurons for dead. So
what is too small is kept in smaller units: times a power of two each, `unit`, or None for 1 all
over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from latephase.core.arrays import Floats

Array = jax.Array
UNIT_ROUNDOFF = 2.0**-53
SMALLEST_NORMAL = 2.0**-1022
_SMALL, _SMALLER = 2.0**-960, 2.0**53  # which makes the smallest subnormal number normal


class DoubleDouble(NamedTuple):
    """The unevaluated sum high + low of two float64 arrays, |low| at most half an ulp of high."""

    high: Array
    low: Array


class Parts(NamedTuple):
    """Which parameters there are besides the weights: biases, output weights, an output bias."""

    biases: bool = True
    output_weights: bool = False
    output_bias: bool = False


class Data(NamedTuple):
    """Points (x_i, 1) (point, feature), labels (point,), output weights (neuron,); float64.

    Without biases points are the inputs x_i.  output_weights: None where they are trained: the
    parameters have them.  slope: the negative slope (), None for ReLU, whose compiled steps know of
    none.  constant (neuron, 1, 1): which neuron has the activation 1, None for none.
    """

    points: Array
    labels: Array
    output_weights: Any
    slope: Array | None = None
    constant: Any = None

    @classmethod
    def of(
        cls,
        inputs: Floats,
        labels: NDArray[Any],
        output_weights: Floats | None,
        biases: bool = True,
        negative_slope: float = 0.0,
        constant: NDArray[np.bool_] | None = None,
    ) -> Any:
        """As NumPy arrays, of inputs (n, d), labels (n,) and output weights (m,) or None."""
        points = _with_last(inputs, np.ones(len(inputs))) if biases else inputs
        parts: Any = (points, labels, output_weights, *([negative_slope] if negative_slope else []))
        found = (None if part is None else np.asarray(part, np.float64) for part in parts)
        return cls(*found)._replace(constant=constant)  # type: ignore[arg-type]


def joined(
    weights: Floats,
    biases: Floats | None,
    output_weights: Floats | None = None,
    output_bias: Floats | None = None,
) -> Floats:
    """Parameters (m, k, T) of weights (T, m, d), biases (T, m) or None, and, where they are
    trained, output weights (T, m) and output bias (T,)."""
    whole = np.asarray(weights, np.float64)
    for last in (biases, output_weights):
        whole = whole if last is None else _with_last(whole, last)
    if output_bias is not None:
        row = np.zeros_like(whole[:, :1])
        row[:, 0, -1] = output_bias
        whole = np.concatenate([whole, row], axis=1)
    return np.moveaxis(whole, 0, -1)


def parted(parameters: Floats, biases: bool = True) -> tuple[Floats, Any]:
    """Weights (..., T, m, d) and biases (..., T, m), None without, of parameters (..., m, k, T) of
    networks of fixed output weights."""
    theta = np.moveaxis(parameters, -1, -3)
    return (theta[..., :-1], theta[..., -1]) if biases else (theta, None)


def outer_of(parameters: Array, data: Data) -> Array:
    """The output weights (neuron, trial), or (neuron, 1) where all trials have the same."""
    return parameters[:, -1] if data.output_weights is None else data.output_weights[:, None]


def pulled(preactivation: Array, pull: Array, slope: Array | None) -> Array:
    """Pulls (neuron, point, ...) on pre-activations: whole where active, else times the slope."""
    return jnp.where(preactivation > 0.0, pull, 0.0 if slope is None else slope * pull)


def _with_last(features: Floats, last: Floats) -> Floats:
    return np.concatenate([features, np.asarray(last)[..., None]], axis=-1, dtype=np.float64)


def add(pair: DoubleDouble, change: Array) -> DoubleDouble:
    """high + low + change, the rounding error of the new high kept in low (TwoSum [knuth1997])."""
    change = pair.low + change
    total = pair.high + change
    moved = total - pair.high
    return DoubleDouble(total, (pair.high - (total - moved)) + (change - moved))


def units(values: Floats) -> Floats:
    """What to multiply values (any shape) by: 1 for those of ordinary size."""
    size = np.abs(values)
    return np.where((size > 0) & (size < _SMALL), _SMALLER, 1.0)


def parameter_units(parameters: Floats, points: Floats) -> Floats | None:
    """Units of parameters (any shape), points (n, d + 1): where a term of a pre-activation is near
    the subnormal numbers."""
    size, reach = np.abs(parameters), np.abs(points)
    if size.size == 0 or (size[size > 0].min(initial=1.0) * reach[reach > 0].min()) >= _SMALL:
        return None
    return units(parameters)


def kept(values: Any, unit: Any) -> Any:
    """Values times their units."""
    return values if unit is None else values * unit


def freed(values: Any, unit: Any) -> Any:
    """Values out of their units."""
    return values if unit is None else values / unit


def in_units(
    pair: tuple[Array, Array], unit: Array | None, plain: Callable[[Array], Array]
) -> Array:
    """Pre-activations at high + low, kept in units, by `plain`, which maps parameters to them, or
    what else is linear in these; where XLA would say 0 of one, the smallest normal number of its
    sign."""
    high, low = pair
    if unit is None:
        return plain(high) + plain(low)
    here = plain(high / unit) + plain(low / unit)
    finer = _SMALLER / unit
    near = plain(high * finer) + plain(low * finer)
    return jnp.where((here == 0) & (near != 0), jnp.copysign(SMALLEST_NORMAL, near), here)
