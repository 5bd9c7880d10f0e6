"""Steps of two neurons on two points in the coordinates that they are decided in.

Pre-activations a_ji instead of weights: on points 2021 and 2020 a rounding error that is small
against a bias of 1414 is large against a margin, and a pre-activation of 1.7e-18 is lost where it
is the sum of weight times input and bias. In the other direction, what neuron j has received from
point i, (the sum of step * loss) * (x_i, 1), is exact enough for the parameters.

A trial takes a dozen operations and two exponentials a step. So what is carried from one to the
next is only what the neurons have received since the last sum; sums, compensated, and errors are
made every so many steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import add as plus
from operator import mul, truediv
from types import ModuleType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from latephase.core.arrays import Floats, Ints
from latephase.core.workers import in_threads
from latephase.training.loops.blocks import compiled
from latephase.training.parameters import UNIT_ROUNDOFF, Array, DoubleDouble, add, units

from .state import SteppedPair

_ULPS = 4.0  # rounding errors of a kick, in units of 2^-53 (2 + |margin|) of its size
_AT_ONCE = 32  # steps between two sums: that many roundings are within _ULPS * 2
_SIZES = (1, 32, 1024)  # trials that one call steps: one compilation for each

Four = Any
"""Of each neuron and point, x_11, x_12, x_21, x_22, each (T,)."""


class _Pairs(NamedTuple):
    """What is carried from sum to sum: pre-activations and what was received, high and low parts,
    their errors, each (2, 2, T) but for the error of the parameters, (T,)."""

    a: Any
    a_low: Any
    got: Any
    got_low: Any
    off: Any
    error: Any
    undecided: Any

    @property
    def seen(self) -> tuple[Any, ...]:
        """The parts of a SteppedPair."""
        return self.a, self.got, self.off, self.error, self.undecided


def advance_by_jax(
    preactivations: Floats,
    preactivation_error: Floats,
    parameter_error: Floats,
    counts: Ints,
    looks: Ints,
    trials: Ints,
    *,
    gram: Floats,
    step_size: float,
) -> SteppedPair:
    """The steps, as `advance_pair` says."""
    zeros, unit = np.zeros_like(preactivations), units(preactivations)
    start = _Pairs(
        *(unit * preactivations, zeros, zeros, zeros, unit * preactivation_error, parameter_error),
        np.zeros(preactivations.shape, bool),
    )
    scale = unit if (unit > 1).any() else None
    empty: Any = (np.empty((*p.shape[:-1], looks.size), p.dtype) for p in start.seen)
    found = SteppedPair(*empty)
    order = np.argsort(counts[-1], kind="stable")  # the trials of a block end together
    once = int(np.searchsorted(counts[-1][order], 1, side="right"))

    def keep(rows: Ints, seen: Sequence[Any]) -> None:
        """Keep what is wanted of what has become of trials (R,), each part (M, ..., R)."""
        where = np.full(counts.shape[1], -1)
        where[rows] = np.arange(rows.size)
        wanted = np.flatnonzero(where[trials] >= 0)
        at = looks[wanted] if len(seen[0]) > 1 else 0, ..., where[trials[wanted]]
        for whole, part in zip(found, map(np.asarray, seen), strict=True):
            whole[..., wanted] = np.moveaxis(part[at], 0, -1)

    def block(cut: tuple[Ints, int]) -> None:
        rows, size = cut
        filled = np.concatenate([rows, np.repeat(rows[-1:], size - len(rows))])
        steps = np.where(np.arange(size) < len(rows), counts[:, filled], 0)
        kept = None if scale is None else scale[..., filled]
        with jax.enable_x64(True):
            keep(rows, _run(_of(start, filled), steps, gram, step_size, kept))

    if once:  # NumPy has made one before XLA has begun
        rows = order[:once]
        kept = None if scale is None else scale[..., rows]
        one_step = partial(_one_step, np, _entries(gram), step_size, np.ones(once), 0, 0)
        with np.errstate(all="ignore"):
            moved = _summed(np, one_step, _of(start, rows), gram, kept)
        keep(rows, [part[None] for part in moved.seen])
    in_threads(block, _cut(order[once:]))
    here = unit[..., trials]
    return found._replace(
        preactivations=found.preactivations / here,
        preactivation_error=found.preactivation_error / here,
    )


def _of(pairs: _Pairs, rows: Ints) -> _Pairs:
    return _Pairs(*(part[..., rows] for part in pairs))


def _cut(rows: Ints) -> list[tuple[Ints, int]]:
    """Blocks of the trials (R,), and as how many each is stepped."""
    if jax.default_backend() != "cpu":  # a GPU wants all trials at once
        return [(rows, len(rows))] if len(rows) else []
    size = next(size for size in _SIZES if size >= min(len(rows), _SIZES[-1]))
    return [(rows[k : k + size], size) for k in range(0, len(rows), size)]


@compiled
def _run(
    start: _Pairs, counts: Array, gram: Array, step_size: Array, unit: Array | None
) -> tuple[Array, ...]:
    """The parts of a SteppedPair that are seen at each of the counts (M, T)."""

    def to_next(carry: tuple[_Pairs, Array], look: tuple[Array, Array]) -> tuple[Any, Any]:
        (pairs, done), (goal, most) = carry, look
        pairs = _stepped(pairs, goal - done, most, gram, step_size, unit)
        return (pairs, goal), pairs.seen

    # The first steps may be huge: each is judged by itself.
    most = jnp.where(jnp.arange(len(counts)) == 0, 1, _AT_ONCE)
    begun = start, jnp.zeros_like(counts[0])
    seen: tuple[Array, ...] = lax.scan(to_next, begun, (counts, most))[1]
    return seen


def _stepped(
    pairs: _Pairs,
    counts: Array,
    most: Array,
    gram: Array,
    step_size: Array,
    unit: Array | None,
) -> _Pairs:
    """Lockstep to the largest count (T,) of a trial that is still finite, each by its own."""

    def last(pairs: _Pairs) -> Array:
        return jnp.where(jnp.isfinite(pairs.a.sum(axis=(0, 1))), counts, 0).max()

    def some(carry: tuple[Array, Array, _Pairs]) -> tuple[Array, Array, _Pairs]:
        done, end, pairs = carry
        until = jnp.minimum(end, done + jnp.clip(done, most, _AT_ONCE))

        def steps(few: _Few, base: Four, unit: Four | None) -> _Few:
            def step(now: Array, few: _Few) -> _Few:
                return _one_step(jnp, entries, step_size, counts, done, now, few, base, unit)

            few_moved: _Few = lax.fori_loop(done, until, step, few)
            return few_moved

        moved = _summed(jnp, steps, pairs, gram, unit)
        # Those that have reached their counts were judged then.
        undecided = jnp.where(done < counts, moved.undecided, pairs.undecided)
        pairs = moved._replace(undecided=undecided)
        return until, last(pairs), pairs

    entries = _entries(gram)
    carry = (jnp.zeros_like(counts[0]), last(pairs), pairs)
    return lax.while_loop(lambda carry: carry[0] < carry[1], some, carry)[2]


class _Few(NamedTuple):
    """A few steps from one sum to the next.

    got: received since then;  nearest: |a| at its least between two of them;
    size (2 points): largest |margin| felt;  growth (2,): of errors, by the Jacobians of the first
    step, which what it adds itself is not subject to, and of those after it, (T,) each.
    """

    got: Four
    nearest: Four
    size: Any
    growth: Any


def _summed(
    xp: ModuleType,
    steps: Callable[[_Few, Four, Four | None], _Few],
    pairs: _Pairs,
    gram: Any,
    unit: Any,
) -> _Pairs:
    """A few steps, and what they sum up to; xp: NumPy, or what XLA compiles.

    Errors grow by the Jacobian of a step inside its pattern, as in `gradient_descent.step`; a kick
    adds some ulps of its own, and what it feels of the margin's error, which the steps hold down.
    """
    nothing = xp.zeros_like(pairs.error)
    far = xp.full_like(nothing, xp.inf)
    begun = _Few((nothing,) * 4, (far,) * 4, (nothing,) * 2, (xp.ones_like(nothing),) * 2)
    few = steps(begun, _four(pairs.a), None if unit is None else _four(unit))

    shape, scale = pairs.a.shape, 1.0 if unit is None else unit
    got = xp.stack(few.got).reshape(shape)
    rises = xp.stack(_rises(few.got, _entries(gram))).reshape(shape)
    a, a_low = add(DoubleDouble(pairs.a, pairs.a_low), scale * rises)
    whole, low = add(DoubleDouble(pairs.got, pairs.got_low), got)
    doubtful = got * (_ULPS * UNIT_ROUNDOFF * (2.0 + xp.stack(few.size)))
    to_points = (doubtful[:, :, None] * xp.abs(gram)[:, :, None]).sum(axis=1)
    living = (pairs.a > 0.0).any(axis=1, keepdims=True)
    first, later = few.growth
    before = xp.where(living, first, 1.0) * pairs.off
    off = xp.where(living, later, 1.0) * (before + scale * to_points)
    lengths = xp.sqrt(xp.diagonal(gram))[:, None]
    error = later * (first * pairs.error + (doubtful * lengths).sum(axis=(0, 1)))
    nearest = xp.minimum(xp.stack(few.nearest).reshape(shape), xp.abs(a))
    undecided = pairs.undecided | (living & (nearest <= off))
    return _Pairs(a, a_low, whole, low, off, error, undecided)


def _one_step(
    xp: ModuleType,
    gram: tuple[Any, Any, Any],
    step_size: Any,
    counts: Any,
    begun: Any,
    done: Any,
    few: _Few,
    base: Four,
    unit: Four | None,
) -> _Few:
    """One update of the trials whose counts are not reached; on arrays (T,), which XLA fuses."""
    rises = _rises(few.got, gram)
    if unit is not None:
        rises = tuple(map(mul, unit, rises))
    a = tuple(map(plus, base, rises))
    height = tuple(xp.maximum(x, 0.0) for x in a)
    if unit is not None:
        height = tuple(map(truediv, height, unit))
    (one1, one2, two1, two2), going = height, done < counts
    margins = one1 - two1, two2 - one2
    pull1, pull2 = (xp.where(going, step_size * xp.exp(-m), 0.0) for m in margins)
    pulls = pull1, pull2, pull1, pull2
    felt = tuple(xp.where(x > 0.0, pull, 0.0) for x, pull in zip(a, pulls, strict=True))
    # Where they begin has been looked at.
    near = tuple(xp.where(done > begun, xp.abs(x), xp.inf) for x in a)
    size = tuple(xp.where(going, xp.abs(m), 0.0) for m in margins)
    growth = (felt[0] + felt[2]) * gram[0] + (felt[1] + felt[3]) * gram[2] - 1.0
    growth = xp.maximum(1.0, growth)
    first, later = few.growth
    return _Few(
        tuple(map(plus, few.got, felt)),
        tuple(map(xp.minimum, few.nearest, near)),
        tuple(map(xp.maximum, few.size, size)),
        (xp.where(done > begun, first, growth), later * xp.where(done > begun, growth, 1.0)),
    )


def _rises(got: Four, gram: tuple[Any, Any, Any]) -> Four:
    """What neurons that have received so much rise by at the points."""
    (one1, one2, two1, two2), (k11, k12, k22) = got, gram
    first = one1 * k11 - one2 * k12, one1 * k12 - one2 * k22
    return (*first, two2 * k12 - two1 * k11, two2 * k22 - two1 * k12)


def _entries(gram: Any) -> tuple[Any, Any, Any]:
    return gram[0, 0], gram[0, 1], gram[1, 1]


def _four(array: Any) -> Four:
    return tuple(array.reshape(4, -1))
