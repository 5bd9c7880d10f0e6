"""What is recorded of trials at sampled times, and what is seen of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latephase.core.arrays import Bools, Floats, Ints
from latephase.core.workers import in_threads
from latephase.late.pair.observe import OBSERVED, observe_pair
from latephase.problem import LOSSES, TwoPointGeometry

from .state import LABELS, LayeredPairState, parameters_of, rises

_BLOCK = 1 << 15  # (trial, time) pairs observed at once: a few arrays of this size fit the cache


@dataclass(frozen=True)
class LayeredSamples:
    """The samples of all trials: moved (6, T, S) as in `LayeredPairState`, NaN where not reached;
    error (T, S) relative, exact (T, S): rigour of the sample is `exact`, else `estimated`."""

    moved: Floats
    error: Floats
    exact: Bools

    @classmethod
    def empty(cls, trials: int, samples: int) -> LayeredSamples:
        moved = np.full((6, trials, samples), np.nan)
        return cls(moved, np.full((trials, samples), np.nan), np.zeros((trials, samples), bool))

    def write(self, trials: Ints, columns: Ints, s: LayeredPairState, exact: Bools) -> None:
        """Record states (R,) of trials (R,), each at its column (R,)."""
        self.moved[:, trials, columns] = s.moved
        self.error[trials, columns] = s.error
        self.exact[trials, columns] = exact


@dataclass(frozen=True)
class Seen:
    """Of all trials at all samples: parameters (2 neurons, 2, T, S), output_weights (2, T, S),
    observed variables, error, margin_error (T, S) as in a Record, exact (T, S)."""

    parameters: Floats
    output_weights: Floats
    observed: dict[str, Floats]
    error: Floats
    margin_error: Floats
    exact: Bools


def seen(g: TwoPointGeometry, start: LayeredPairState, samples: LayeredSamples) -> Seen:
    """What the samples of trials are, neurons in the order in which they started."""
    shape = samples.error.shape
    parameters = np.empty((2, 2, *shape))
    observed = {name: np.empty(shape) for name in OBSERVED}
    size = max(1, _BLOCK // max(1, shape[1]))

    def record(k: int) -> None:
        rows = slice(k, k + size)
        moved = samples.moved[:, rows]
        gained, v = moved[:4].reshape(2, 2, *moved.shape[1:]), moved[4:]
        begun = start[rows]
        theta = parameters_of(g, begun.start[..., None], gained)
        parameters[:, :, rows] = theta
        a = begun.first[..., None] + rises(g, gained)
        for name, values in observe(g, theta, a, v).items():
            observed[name][rows] = values

    in_threads(record, range(0, shape[0], size))
    error = np.where(samples.error > 0, np.maximum(samples.error, 2.0**-52), samples.error)
    return Seen(parameters, samples.moved[4:], observed, error, 2 * error, samples.exact)


def observe(g: TwoPointGeometry, theta: Floats, a: Floats, v: Floats) -> dict[str, Floats]:
    """The observed variables of networks theta (2, 2, ...), a (2, 2, ...), v (2, ...).

    |v| goes in front of the ReLU, and the neuron of the larger v comes first: that is a pair of
    output weights +1 and -1.  Where both are of one sign, a point is on the wrong side.
    """
    first = v[0] >= v[1]
    size = np.abs(v)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        unit = size / size.max(axis=0)  # the zeros do not change, and nothing overflows
        lines = _ordered(first, theta * unit[:, None])
        heights = _ordered(first, a * unit[:, None])
        felt = np.maximum(a, 0.0) * v[:, None]
        q = np.stack([y * felt[:, i].sum(axis=0) for i, y in enumerate(LABELS)])
        found = observe_pair(g, lines, heights, q=q)
        found["log_loss"] = LOSSES["exponential"].log_loss(q, axis=0)
    apart = (v.min(axis=0) < 0) & (v.max(axis=0) > 0)
    optimal = abs(g.half_gap)
    otherwise = dict(zip(OBSERVED[:4], (np.nan, 0.0, optimal, np.log(optimal)), strict=True))
    reached = np.isfinite(v).all(axis=0)
    for name, value in otherwise.items():
        found[name] = np.where(apart, found[name], np.where(reached, value, np.nan))
    return found


def _ordered(first: Bools, parts: Floats) -> Floats:
    """Neurons (2, k, ...) with the one of positive output weight first."""
    return np.asarray(np.where(first, parts, parts[::-1]))
