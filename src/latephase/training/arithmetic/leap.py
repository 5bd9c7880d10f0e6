"""One update of gradient descent in an arithmetic, and many at once where they are alike.

Everything is computed on "ends": arrays with a leading axis that holds one value, or the lower and
the upper end of an interval. Rounding is monotone, so that an operation on intervals is bounded by
the operation on their ends; that tells which updates are alike without making them.
"""

from __future__ import annotations

from functools import reduce
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from latephase.problem import LOSSES
from latephase.training.arithmetic.formats import FORMATS, Format
from latephase.training.parameters import Data

AnyArray = Any  # of NumPy or of JAX
_SLACK = 2.0**-51  # of exp and ln, which need not be monotone in their last place


class Arithmetic(NamedTuple):
    """Which arithmetic: a name in FORMATS, what is rounded and how, the loss, and who computes."""

    name: str
    accumulate: bool
    stochastic: bool
    loss: str
    by_numpy: bool = False

    @property
    def form(self) -> Format:
        """The format of the parameters."""
        return FORMATS[self.name]

    @property
    def working(self) -> Format:
        """The format of the data and, unless rounding is stochastic, of every operation."""
        return FORMATS["float32"] if self.accumulate and self.form.bits < 24 else self.form

    @property
    def xp(self) -> Any:
        """The module of the array functions."""
        return np if self.by_numpy else jnp

    @property
    def watched(self) -> bool:
        """Whether XLA would flush results that the format has."""
        return self.name == "float64" and not self.by_numpy


class RoundedState(NamedTuple):
    """theta (neuron, feature, trial) in float64, holding values of the format, the output weight
    as the last feature where it is trained; the rest (trial,): updates done, length of the next
    leap, update of the stall, leaps made, and whether the next step meets a subnormal number that
    XLA would flush."""

    theta: AnyArray
    done: AnyArray
    leap: AnyArray
    stalled: AnyArray
    leaps: AnyArray
    lost: AnyArray


class _Operations:
    """Rounded operations; `lost` says in which trials (trial,) XLA flushed a result."""

    def __init__(self, kind: Arithmetic) -> None:
        self.kind, self.xp = kind, kind.xp
        self.lost: AnyArray = np.False_

    def rounded(self, values: AnyArray) -> AnyArray:
        return values if self.kind.stochastic else self.kind.working.rounded(values)

    def times(self, left: AnyArray, right: AnyArray) -> AnyArray:
        """The product; the ends of an interval may change places. Of two intervals, which have as
        many axes, it is among the products of their ends, whatever the signs."""
        ends = self._product(left, right)
        if len(ends) == 1:
            return ends
        if np.ndim(left) == np.ndim(right):
            ends = self.xp.concatenate([ends, self._product(left[::-1], right)])
        return self.xp.stack([ends.min(axis=0), ends.max(axis=0)])

    def _product(self, left: AnyArray, right: AnyArray) -> AnyArray:
        product = left * right
        if self.kind.watched:
            self._watch((product == 0) & (left != 0) & (right != 0))
            product = jnp.where(product == 0, 0.0, product)  # else XLA makes a*b + c one operation
        return self.rounded(product)

    def plus(self, left: AnyArray, right: AnyArray) -> AnyArray:
        total = left + right
        if self.kind.watched:
            self._watch((total == 0) & (left != -right))
        return self.rounded(total)

    def through(self, on: AnyArray, values: AnyArray, slope: AnyArray | None) -> AnyArray:
        """Values where neurons are `on`, else times the slope; it keeps the order of values >= 0,
        and of pre-activations."""
        below = 0.0 if slope is None else self.times(slope, values)
        return self.xp.where(on, values, below)

    def total(self, terms: list[AnyArray]) -> AnyArray:
        """The sum, one term after the other, as a loop makes it."""
        return reduce(self.plus, terms)

    def loss_weights(self, margins: AnyArray) -> AnyArray:
        """-dloss/dq at margins (ends, point, trial); it falls."""
        falling = margins[::-1]
        log_weights = LOSSES[self.kind.loss].log_weights(falling)
        exponent = self.rounded(self._widened(log_weights, falling))
        weights = self._widened(self.xp.exp(exponent), exponent)
        if self.kind.watched:
            self._watch((weights == 0) & (exponent > -746.0))
        return self.rounded(weights)

    def _widened(self, ends: AnyArray, of: AnyArray) -> AnyArray:
        """Room for a function that is monotone but for its last place, unless its argument stands
        still, as a margin does for long in float64: then so does the update, however near a tie."""
        if len(ends) == 1:
            return ends
        room = _SLACK * self.xp.abs(ends) * (of[0] != of[1])
        return self.xp.stack([ends[0] - room[0], ends[1] + room[1]])

    def _watch(self, flushed: AnyArray) -> None:
        self.lost = self.lost | flushed.any(axis=tuple(range(flushed.ndim - 1)))


def leap(
    state: RoundedState,
    until: AnyArray,
    data: Data,
    step_size: AnyArray,
    kind: Arithmetic,
    key: Any = None,
) -> RoundedState:
    """The next update of every trial, or as many of them as are known to be alike."""
    xp = kind.xp
    # One update, and where it meets what XLA flushes.
    do = _Operations(kind)
    there = do.plus(state.theta, _update(state.theta[None], data, step_size, do)[0])
    there = kind.form.stochastic(there, key) if kind.stochastic else kind.form.rounded(there)
    change = there - state.theta
    same = (there == state.theta).all(axis=(0, 1))
    lost = do.lost | ((change == 0).all(axis=(0, 1)) & ~same)
    # As many more as were alike before, if they are again.
    length = xp.minimum(state.leap, until - state.done)
    far = state.theta + length * change
    alike = ~lost & _alike(state.theta, there, far, length * change, (data, step_size), kind)
    long = alike & (length > 1)
    open_ = is_open(state, until, xp)
    going = open_ & ~lost
    still = same & (not kind.stochastic)
    moved = going & ~still
    return RoundedState(
        xp.where(moved, xp.where(long, far, there), state.theta),
        xp.where(moved, state.done + xp.where(long, length, 1.0), state.done),
        xp.where(alike, 2.0 * state.leap, xp.maximum(1.0, xp.floor(state.leap / 2.0))),
        xp.where(going & still, state.done, state.stalled),
        state.leaps + going,
        state.lost | (lost & open_),
    )


def is_open(state: RoundedState, until: AnyArray | float, xp: Any) -> AnyArray:
    """Which trials still move towards `until`, (trial,)."""
    finite = xp.isfinite(state.theta).all(axis=(0, 1))
    return (state.done < until) & xp.isnan(state.stalled) & finite


def _alike(
    theta: AnyArray,
    there: AnyArray,
    far: AnyArray,
    whole: AnyArray,
    problem: tuple[Data, AnyArray],
    kind: Arithmetic,
) -> AnyArray:
    """Whether all steps from theta to far = theta + whole add what the first one does, (trial,).

    Updates are bounded over the box between theta and far. They have to round to the same change
    from even and from odd multiples of a unit, since ties go to even ones, and at the last step,
    which may end at a power of two. Looking at steps from the ends alone is not enough: with three
    points an update may leave its value and come back.
    """
    xp, do = kind.xp, _Operations(kind)
    box = xp.stack([xp.minimum(theta, far), xp.maximum(theta, far)])
    updates = _update(box, *problem, do)
    change = there - theta
    # theta + whole has to be `far`, unrounded and between the same powers of two: beyond one,
    # units in the last place are others.
    moved = far - theta
    error = (theta - (far - moved)) + (whole - moved)
    alike = ((error == 0) & (xp.frexp(far)[1] == xp.frexp(theta)[1])).all(axis=(0, 1))
    places = xp.stack([theta, there, far - change])[:, None]  # at once, to be compiled once
    ends = kind.form.rounded(do.plus(places, updates))
    alike = alike & (ends == places + change).all(axis=(0, 1, 2, 3))
    return alike & ~do.lost & (not kind.stochastic)


def _update(ends: AnyArray, data: Data, step_size: AnyArray, do: _Operations) -> AnyArray:
    """step_size times the descent direction at parameters (ends, neuron, feature, trial)."""
    points, labels, fixed, slope, _ = data
    outer = ends[:, :, -1] if fixed is None else fixed  # (ends, neuron, trial) or (neuron,)
    features = [do.times(ends[:, :, k, None], x[:, None]) for k, x in enumerate(points.T)]
    preactivation = do.total(features)
    on, active = preactivation > 0, do.xp.maximum(preactivation, 0.0)
    if slope is not None:
        active = do.through(on, preactivation, slope)
    each = list(outer) if fixed is not None else list(do.xp.moveaxis(outer, 1, 0)[:, :, None])
    outputs = do.total([do.times(v, active[:, j]) for j, v in enumerate(each)])
    weights = do.loss_weights(do.times(labels[:, None], outputs))
    if fixed is None:
        signs = do.times(outer[:, :, None], labels[:, None])
    else:
        signs = outer[:, None, None] * labels[:, None]
    pull = do.times(signs, do.through(on, weights[:, None], slope))
    grown = do.total([do.times(pull[:, :, i, None], x[:, None]) for i, x in enumerate(points)])
    if fixed is None:
        signed = do.times(weights, labels[:, None])
        outward = [do.times(signed[:, None, i], active[:, :, i]) for i in range(len(points))]
        grown = do.xp.concatenate([grown, do.total(outward)[:, :, None]], axis=2)
    return do.times(step_size, grown)
