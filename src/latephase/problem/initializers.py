"""Initializers: distributions of initial networks, by their field names.

Draws are counter-based ([salmon2011]): trial i of seed s is the same network however many trials
are drawn, from whichever start, in whatever order.  Adding an initializer is one `_named` entry.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.random import Generator, Philox

from latephase.core import InputError, Words
from latephase.core.arrays import Floats
from latephase.core.calls import public
from latephase.problem.checks import MOST, flag, seed_number, whole_number

BLOCK = 256  # trials per counter: small enough that one trial is cheap, large enough to vectorise

_MOST_AT_ONCE = 2**33  # weights, 64 GiB: more than that is a slip, and would only fill the memory

Draw = Callable[[Generator, tuple[int, ...]], Floats]
Scale = Callable[[int, int], float]


@public
@dataclass(frozen=True)
class Initializer:
    """A distribution of weights and biases, independent over neurons and trials.

    Parameters
    ----------
    name : str
        Its field name; part of the key of the generator, so that initializers are independent.
    draw : callable
        Standard normal, or uniform on (-1, 1).
    scale : callable
        (fan_in, fan_out) to standard deviation, or half-width; fan_in = d, fan_out = m.
    zero_bias : bool
        Whether biases are 0 instead of drawn like the weights.
    """

    name: str
    draw: Draw
    scale: Scale
    zero_bias: bool

    @property
    def law(self) -> str:
        """What a weight divided by its scale follows: "normal", "uniform" on (-1, 1) or "other"."""
        if self.draw is _normal:
            return "normal"
        return "uniform" if self.draw is _uniform else "other"

    @overload
    def __call__(
        self, *, trials: int, seed: int, width: int = 2, d: int = 1, start: int = 0
    ) -> tuple[Floats, Floats]: ...
    @overload
    def __call__(
        self, *, trials: int, seed: int, width: int = 2, d: int = 1, bias: bool, start: int = 0
    ) -> tuple[Floats, Floats | None]: ...
    def __call__(
        self,
        *,
        trials: int,
        seed: int,
        width: int = 2,
        d: int = 1,
        bias: bool = True,
        start: int = 0,
    ) -> tuple[Floats, Floats | None]:
        """Draw the networks of `width` neurons on `d` features of the trials from `start` on.

        Returns
        -------
        weights : array (trials, width, d)
        biases : array (trials, width), or None
            None unless `bias`; the weights are the same with and without.

        Raises
        ------
        InputError
            Unless trials, width, d >= 1, start >= 0, 0 <= seed < 2^64 and bias is True or False.

        Notes
        -----
        Reproducible on every machine for one version of NumPy's distributions.  Trial k is the
        network of `ensemble`: ``ShallowReLU(weights[k], biases[k], output_weights)``.
        """
        with_biases = flag(bias, "bias")
        shape = (whole_number(width, "width", 1), whole_number(d, "d", 1))
        weights, biases = self._trials(self.name, self._block, shape, trials, seed, start)
        return weights, biases if with_biases else None

    def output_weights(self, *, trials: int, seed: int, width: int = 2, start: int = 0) -> Floats:
        """Draw the output weights of the trials from `start` on: fan_in = width, fan_out = 1.

        Returns
        -------
        array (trials, width)
            Independent of the weights that the same seed gives.

        Raises
        ------
        InputError
            As for the networks.
        """
        shape = (whole_number(width, "width", 1), 1)
        key = f"{self.name}, output layer"
        return self._trials(key, self._output_block, shape, trials, seed, start)[0]

    def _trials(
        self,
        name: str,
        block: Callable[[Generator, int, int], tuple[Floats, ...]],
        shape: tuple[int, int],
        trials: object,
        seed: object,
        start: object,
    ) -> tuple[Floats, ...]:
        """The arrays of the trials, drawn block by block, always whole ones: a trial never depends
        on how many are wanted."""
        first = whole_number(start, "start", 0, MOST)
        last = first + whole_number(trials, "trials", 1, MOST)
        key = np.array([seed_number(seed), zlib.crc32(name.encode())], dtype=np.uint64)
        if (last - first + BLOCK) * shape[0] * shape[1] > _MOST_AT_ONCE:
            got = Words(f"{last - first} networks of {shape[0]} x {shape[1]}")
            raise InputError(f"at most {_MOST_AT_ONCE} weights at a time", got, "draw parts: start")
        blocks = []
        for k in range(first // BLOCK, -(-last // BLOCK)):
            counter = np.array([0, 0, 0, k], dtype=np.uint64)  # 2^192 draws before blocks meet
            blocks.append(block(Generator(Philox(key=key, counter=counter)), *shape))
        kept = slice(first % BLOCK, first % BLOCK + last - first)
        return tuple(np.concatenate(part)[kept] for part in zip(*blocks, strict=True))

    def _output_block(self, generator: Generator, width: int, _: int) -> tuple[Floats]:
        return (self.scale(width, 1) * self.draw(generator, (BLOCK, width)),)

    def _block(self, generator: Generator, width: int, d: int) -> tuple[Floats, Floats]:
        scale = self.scale(d, width)
        weights = scale * self.draw(generator, (BLOCK, width, d))
        if self.zero_bias:
            return weights, np.zeros((BLOCK, width))
        return weights, scale * self.draw(generator, (BLOCK, width))


def get(name: str | Initializer) -> Initializer:
    """The initializer of that name (an Initializer is passed through); InputError if unknown."""
    if isinstance(name, Initializer):
        return name
    if not isinstance(name, str) or name not in _KNOWN:
        raise InputError("the name of an initializer", name, f"use one of {', '.join(names())}")
    return _KNOWN[name]


def names() -> tuple[str, ...]:
    """Names of all initializers, in the order of this file."""
    return tuple(_KNOWN)


_KNOWN: dict[str, Initializer] = {}


def _named(name: str, draw: Draw, scale: Scale, zero_bias: bool) -> Initializer:
    """Define an initializer and make it known by its name."""
    _KNOWN[name] = Initializer(name, draw, scale, zero_bias)
    return _KNOWN[name]


def _normal(generator: Generator, shape: tuple[int, ...]) -> Floats:
    return generator.standard_normal(shape)


def _uniform(generator: Generator, shape: tuple[int, ...]) -> Floats:
    return generator.uniform(-1.0, 1.0, shape)


# Untruncated, as in the papers; frameworks cut the normal ones at two standard deviations.
he_normal = _named("he_normal", _normal, lambda i, o: math.sqrt(2 / i), True)  # [he2015]
he_uniform = _named("he_uniform", _uniform, lambda i, o: math.sqrt(6 / i), True)  # [he2015]
xavier_normal = _named(  # [glorot2010]
    "xavier_normal", _normal, lambda i, o: math.sqrt(2 / (i + o)), True
)
xavier_uniform = _named(  # [glorot2010]
    "xavier_uniform", _uniform, lambda i, o: math.sqrt(6 / (i + o)), True
)
lecun_normal = _named("lecun_normal", _normal, lambda i, o: math.sqrt(1 / i), True)  # [lecun1998]
pytorch_default = _named("pytorch_default", _uniform, lambda i, o: 1 / math.sqrt(i), False)
standard_normal = _named("standard_normal", _normal, lambda i, o: 1.0, False)
uniform = _named("uniform", _uniform, lambda i, o: 1.0, False)
small_normal = _named("small_normal", _normal, lambda i, o: 1e-3, False)
large_normal = _named("large_normal", _normal, lambda i, o: 10.0, False)
