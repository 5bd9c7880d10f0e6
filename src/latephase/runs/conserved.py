"""What gradient flow keeps of each neuron in a pattern, and how far a run has moved it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from latephase.core.arrays import Bools, Floats
from latephase.late.pattern import INACTIVE

from .trajectory import output_weights_of, parameters_of

if TYPE_CHECKING:
    import xarray as xr

    from .run import Run

_SAME = 1e-12  # of a point's length: what is less beyond the span of others is rounding


def conserved(run: Run) -> xr.Dataset:
    """`Run.conserved`."""
    import xarray as xr

    theta, network = parameters_of(run.trajectory), run.network
    points = network.points(run.data.inputs)
    found = {}
    if run.pattern is not None:
        moving = (run.pattern != INACTIVE) | (network.negative_slope > 0)
        found["null_part"] = null_parts(theta, points, moving)
    if network.train_output:
        found["imbalance"] = imbalances(theta, output_weights_of(run.trajectory, network))
    variables = {name: (("time", "neuron"), values) for name, values in found.items()}
    return xr.Dataset(variables, run.trajectory.coords)


def null_parts(theta: Floats, points: Floats, moving: Bools) -> Floats:
    """Length (..., m) of the part of theta_j that is orthogonal to every point that moves it.

    theta (..., m, k), points (n, k), moving (m, n).
    """
    size = np.linalg.norm(points, axis=1, keepdims=True)
    ways = points / np.where(size > 0, size, 1.0)
    left = np.array(theta)
    for j, those in enumerate(moving):
        _, sizes, basis = np.linalg.svd(ways[those], full_matrices=False)
        span = basis[sizes > _SAME * max(sizes.max(initial=0.0), 1.0)]
        left[..., j, :] -= left[..., j, :] @ span.T @ span
    return np.asarray(np.hypot.reduce(left, axis=-1))


@np.errstate(over="ignore", invalid="ignore")
def imbalances(theta: Floats, output_weights: Floats) -> Floats:
    """|theta_j|^2 - v_j^2, (..., m), of theta (..., m, k) and v (..., m)."""
    length, v = np.hypot.reduce(theta, axis=-1), np.abs(output_weights)
    return np.asarray((length - v) * (length + v))
