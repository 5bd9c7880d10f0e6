"""Parameters too small for XLA, which flushes subnormal numbers to 0: kept in smaller units.

From weights of 1e-308 a network trains like from 1e-300: all that counts is the signs of its first
pre-activations. XLA would take them for 0 and the neurons for dead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from latephase.core.arrays import Floats
from latephase.training.base import Array

_SMALLER = 2.0**53  # makes the smallest subnormal number normal
_SMALL = 2.0**-960
_SMALLEST_NORMAL = 2.0**-1022


def units(parameters: Floats, points: Floats) -> Floats | None:
    """What to multiply parameters (any shape) by, a power of two each, or None for 1 all over.

    points (n, d + 1). Not None where a term of a pre-activation is near the subnormal numbers.
    """
    size, reach = np.abs(parameters), np.abs(points)
    if size.size == 0 or (size[size > 0].min(initial=1.0) * reach[reach > 0].min()) >= _SMALL:
        return None
    return np.where((size > 0) & (size < _SMALL), _SMALLER, 1.0)


def preactivations(
    pair: tuple[Array, Array], unit: Array | None, plain: Callable[[Array], Array]
) -> Array:
    """a_ji at high + low in units of 1/unit; where XLA would say 0 of a positive one, the smallest
    normal number.

    plain: parameters to a_ji.
    """
    high, low = pair
    if unit is None:
        return plain(high) + plain(low)
    here = plain(high / unit) + plain(low / unit)
    finer = _SMALLER / unit
    near = plain(high * finer) + plain(low * finer)
    return jnp.where((here == 0) & (near > 0), _SMALLEST_NORMAL, here)


def kept(values: Any, unit: Any) -> Any:
    """Values times their units, or as they are without."""
    return values if unit is None else values * unit


def freed(values: Any, unit: Any) -> Any:
    """Values out of their units."""
    return values if unit is None else values / unit
