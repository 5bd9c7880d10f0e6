"""Binary floating-point formats, subnormal numbers included: rounding and units in the last place.

Values of a format are held in float64, which rounds correctly twice over: sums and products of p
bits are right if 2 p + 2 bits are kept in between, and float32 has 24. XLA flushes subnormal
numbers to zero, as inputs and as results; those of the three smaller formats are normal in float64.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from latephase.core.arrays import Floats
from latephase.problem.checks import dtype_name
from latephase.training.parameters import Array


@dataclass(frozen=True)
class Format:
    """A binary floating-point format: its name in JAX and its significand, hidden bit included."""

    name: str
    bits: int
    exponent_bits: int

    @property
    def least(self) -> int:
        """The exponent of the smallest number, 2^least: the unit of all subnormal ones."""
        return 3 - 2 ** (self.exponent_bits - 1) - self.bits

    @property
    def largest(self) -> float:
        """The largest finite number."""
        return (2.0 - 2.0 ** (1 - self.bits)) * 2.0 ** (2 ** (self.exponent_bits - 1) - 1)

    def rounded(self, values: Array) -> Array:
        """Values (float64) rounded to the nearest of the format, ties to even."""
        if self.bits == 53:
            return values
        normal = lax.reduce_precision(values, self.exponent_bits, self.bits - 1)
        units = jnp.rint(values * 2.0**-self.least)
        below = jnp.abs(values) < 2.0 ** (self.least + self.bits - 1)
        return jnp.where(below, units * 2.0**self.least, normal)

    def held(self, values: Floats) -> Floats:
        """`rounded` by NumPy, which compiles nothing, for what a run begins with."""
        if self.bits == 53:
            return values
        spacing = self.spacing(values)
        nearest = np.rint(values / spacing) * spacing
        return np.where(np.abs(nearest) > self.largest, np.copysign(np.inf, values), nearest)

    def stochastic(self, values: Array, key: Array) -> Array:
        """Values rounded to the format, up with the probability that keeps the mean."""
        if self.bits == 53:
            return values
        _, exponent = jnp.frexp(values)
        unit = jnp.ldexp(1.0, jnp.maximum(exponent - self.bits, self.least))
        noise = jax.random.bits(key, values.shape, jnp.uint64) >> np.uint64(11)
        up = jnp.abs(values) / unit + noise * 2.0**-53
        return self.rounded(jnp.sign(values) * jnp.floor(up) * unit)

    def spacing(self, values: Floats) -> Floats:
        """One unit in the last place of values in this format."""
        _, exponent = np.frexp(np.abs(values))
        exponent = np.where(values == 0, self.least, exponent - self.bits)
        return np.asarray(np.ldexp(1.0, np.maximum(exponent, self.least)))


FORMATS = {
    one.name: one
    for one in (
        Format("float64", 53, 11),
        Format("float32", 24, 8),
        Format("float16", 11, 5),
        Format("bfloat16", 8, 8),
    )
}


def format_of(dtype: object) -> Format:
    """The format of a dtype, however it is named.  Raises InputError."""
    return FORMATS[dtype_name(dtype)]
