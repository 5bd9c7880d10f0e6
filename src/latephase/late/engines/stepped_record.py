"""The record of networks that steps have made: what they say is read off their parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latephase.core import Outcome, Rigour
from latephase.core.arrays import Bools, Floats
from latephase.late.engine import Record
from latephase.late.pattern import statuses
from latephase.problem import Problem, ShallowReLU
from latephase.problem.activation import activated


@dataclass(frozen=True)
class Path:
    """Networks at S times: theta (S, m, k), and where they are trained output weights (S, m) and
    output bias (S,), else None; NaN throughout where a number is not finite or not known."""

    theta: Floats
    output_weights: Floats | None = None
    output_bias: Floats | None = None

    @classmethod
    def of(
        cls,
        weights: Floats,
        biases: Floats | None,
        output_weights: Floats | None = None,
        output_bias: Floats | None = None,
        *,
        missing: int = 0,
    ) -> Path:
        """Of weights (S, m, d), biases (S, m) or None, and the output layer; with so many more
        times that are missing."""
        theta = weights if biases is None else np.concatenate([weights, biases[..., None]], axis=-1)
        parts = [theta, output_weights, output_bias]
        there = np.ones(len(theta), bool)
        for part in parts:
            if part is not None:
                there &= np.isfinite(part).all(axis=tuple(range(1, part.ndim)))
        return cls(*(None if part is None else _known(part, there, missing) for part in parts))  # type: ignore[arg-type]

    @property
    def reached(self) -> Bools:
        """Which times there are, (S,)."""
        return np.asarray(np.isfinite(self.theta).all(axis=(1, 2)))


def _known(part: Floats, there: Bools, missing: int) -> Floats:
    """A part (S, ...), NaN where it is not there and for so many more times."""
    shape = part.shape[1:]
    kept = np.where(there.reshape(-1, *[1] * len(shape)), part, np.nan)
    return np.concatenate([kept, np.full((missing, *shape), np.nan)])


@np.errstate(all="ignore")
def evaluation_error(
    network: ShallowReLU,
    theta: Floats,
    inputs: Floats,
    output_weights: Floats | None = None,
    output_bias: Floats | None = None,
) -> Floats:
    """Bounds (...) of max_i |Delta q_i| / (1 + |q_i|) by evaluating the q_i of networks of a kind,
    theta (..., m, k), in float64: as many roundings as there are terms, each of the sizes of all.

    output_weights (..., m), output_bias (...): theirs, where these are trained.
    """
    outer = (network.output_weights if output_weights is None else output_weights)[..., None]
    last = np.zeros(()) if output_bias is None else output_bias[..., None]
    a = activated(network.preactivations(theta, inputs), network.negative_slope)
    q = (a.swapaxes(-2, -1) @ outer)[..., 0] + last
    terms = network.preactivations(np.abs(theta), np.abs(inputs))
    size = (terms.swapaxes(-2, -1) @ np.abs(outer))[..., 0] + np.abs(last)
    roundings = network.m + network.d + 3
    return np.asarray((2.0**-53 * roundings * size / (1 + np.abs(q))).max(axis=-1))


def stepped_record(problem: Problem, path: Path, outcome: Outcome) -> Record:
    """The record of a path; how far it is from exact arithmetic is not known, margin_error that of
    evaluation alone.
    """
    network, inputs, reached = problem.network, problem.data.inputs, path.reached
    with np.errstate(all="ignore"):
        a = network.preactivations(path.theta, inputs)
    off = evaluation_error(network, path.theta, inputs, path.output_weights, path.output_bias)
    return Record(
        parameters=path.theta,
        error=np.full(len(reached), np.nan),
        margin_error=np.where(reached, off, np.nan),
        rigour=np.full(len(reached), Rigour.measured.name),
        outcome=outcome,
        pattern=statuses(a[reached][-1]) if reached.any() else None,
        output_weights=path.output_weights,
        output_bias=path.output_bias,
    )
