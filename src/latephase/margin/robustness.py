"""Robustness margin of one network: which of the rooms' algorithms measures it, and how exactly."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from latephase.core.arrays import Floats
from latephase.core.calls import public
from latephase.problem import Dataset, ShallowReLU, matching

from .on_line import margin_on_line
from .search.many import margins_in_plane
from .search.nearest_zero import nearest_zero, zeros_near
from .search.scene import PLANE, Scene
from .value import Margin, MarginBounds, checked_norm

_ODD = 100  # binary exponent of inputs and output weights from which on they are rescaled
_MANY = 4  # networks from which on it takes less time to look at all at once
EXACT_NEURONS = 16  # up to which every margin is exact, in any dimension


@public
def robustness_margin(net: ShallowReLU, data: Dataset, norm: object = 2) -> Margin | MarginBounds:
    """Robustness margin of a network on a data set: its distance to the decision boundary.

    Parameters
    ----------
    net : ShallowReLU
        The network N, of any width.
    data : Dataset
        Inputs of as many features as the network takes, and their labels.
    norm : 2, 1 or inf
        The norm of the distance, a number or its text.

    Returns
    -------
    Margin or MarginBounds
        Least distance from an input to the set N = 0, in units of x: 0 if a point is misclassified,
        inf if N has no zero. A `Margin`, which is a float, for up to 16 neurons and for any number
        of them in one and two dimensions; `MarginBounds` with `lower` and `upper` for larger ones.

    Raises
    ------
    InputError
        On another norm, and where network and data do not match.

    Notes
    -----
    Rigour: exact. A `Margin` is that of these doubles to about 1e-12 relative: what float64 leaves
    in doubt is decided in integers. Source: docs/theory.md, "The system".

    Examples
    --------
    >>> data = lp.Dataset([1.0, -1.0], [1, -1])
    >>> net = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2])
    >>> margin = lp.robustness_margin(net, data)
    >>> print(f"{margin:.6f}", margin.rigour.name)
    0.909091 exact
    """
    net, data = matching(net, data)
    return margin_of(*net.summed, data.inputs, data.labels, norm, net.negative_slope)


def margin_of(
    weights: ArrayLike,
    biases: ArrayLike,
    output_weights: ArrayLike,
    inputs: ArrayLike,
    labels: ArrayLike,
    norm: object = 2,
    negative_slope: float = 0.0,
) -> Margin | MarginBounds:
    """`robustness_margin` of arrays that are known to match.

    weights (m, d), biases (m,), output_weights (m,), inputs (n, d), labels (n,).
    """
    p = checked_norm(norm)
    parts = (np.asarray(a, float) for a in (weights, biases, output_weights, inputs, labels))
    w, b, outer, x, y = parts
    if x.shape[1] == 1:
        return Margin(float(margin_on_line(w, b, outer, x, y, negative_slope)), p)
    if not all(np.isfinite(part).all() for part in (w, b, outer)):
        return Margin(math.nan, p)
    with np.errstate(all="ignore"):  # what leaves float64 is in doubt, and decided in integers
        w, b, outer, x, power = _ordinary(w, b, outer, x)
        scene = Scene(w, b, outer, x, y, p, negative_slope)
        if not scene.is_right():
            return Margin(0.0, p)
        exact = has_exact_margins(len(outer), x.shape[1])
        found = nearest_zero(scene, least_distance(x, y, p) / 2, exact=exact)
        lower, upper = np.ldexp(found, power).tolist()
    exact = exact or lower >= upper * (1 - 1e-12)
    return Margin(upper, p) if exact else MarginBounds(lower, upper, p)


def nearest_zeros(net: ShallowReLU, data: Dataset, reach: float) -> list[tuple[int, Floats]] | None:
    """Inputs i and zeros (d,) of N within `reach` of them in the 2-norm; all are on their side.

    The nearest of each cell of N that has one; for two features and more.  None where there are too
    many cells to look at.  Rigour: float64.
    """
    weights, biases, outer = net.summed
    x, y = data.inputs, data.labels.astype(float)
    with np.errstate(all="ignore"):
        weights, biases, outer, x, power = _ordinary(weights, biases, outer, x)
        scene = Scene(weights, biases, outer, x, y, 2.0, net.negative_slope)
        found = zeros_near(scene, math.ldexp(reach, -power))
    return found and [(i, np.ldexp(zero, power)) for i, zero in found]


def margins_of(
    weights: Floats,
    biases: Floats,
    output_weights: Floats,
    inputs: Floats,
    labels: ArrayLike,
    negative_slope: float = 0.0,
) -> Floats:
    """Robustness margins (S,) in the 2-norm of networks with weights (S, m, d), biases (S, m) and
    output weights (m,) or (S, m), of one or two features: `margin_of` each, and those that need no
    closer look in the plane all at once."""
    outer, y = np.broadcast_to(output_weights, biases.shape), np.asarray(labels, float)
    if inputs.shape[1] == 1:
        return np.asarray(
            margin_on_line(weights, biases, output_weights, inputs, y, negative_slope)
        )
    found, certain = np.full(len(weights), np.nan), np.zeros(len(weights), bool)
    if inputs.shape[1] == PLANE and len(weights) >= _MANY:
        parts = weights, biases, outer, inputs, y
        with np.errstate(all="ignore"):  # what leaves float64 is in doubt
            optimum = least_distance(inputs, y) / 2
            found, certain = margins_in_plane(*parts, optimum, negative_slope)
    for s in np.flatnonzero(~certain):
        parts = weights[s], biases[s], outer[s], inputs, y
        found[s] = float(margin_of(*parts, 2, negative_slope))
    return found


def has_exact_margins(m: int, d: int) -> bool:
    """Whether margins of m neurons on d features are exact; else they are bounds."""
    return d <= PLANE or m <= EXACT_NEURONS


def _ordinary(
    w: Floats, b: Floats, outer: Floats, x: Floats
) -> tuple[Floats, Floats, Floats, Floats, int]:
    """A network and inputs of 1e-300, say, brought near 1, where that loses no bit, and the power
    of 2 by which distances in x are divided.

    A network that is multiplied as a whole has the same zeros, and one whose inputs and biases are
    has zeros that are.
    """
    (x, scaled), power = _near_one((x, b), x) if _is_odd(x) else ((x, b), 0)
    (w, b), _ = _near_one((w, scaled), w, scaled)
    (outer,), _ = _near_one((outer,), outer) if _is_odd(outer) else ((outer,), 0)
    return w, b, outer, x, power


def _is_odd(values: Floats) -> bool:
    """Whether products with numbers of this size may leave float64."""
    return not 2.0**-_ODD < np.abs(values).max(initial=0.0) < 2.0**_ODD


def _near_one(parts: tuple[Floats, ...], *sized: Floats) -> tuple[tuple[Floats, ...], int]:
    """Arrays divided by the power of two that brings the largest entry of `sized` near 1, and that
    power; as they are, and 0, if that loses a bit."""
    power = int(np.frexp(max(np.abs(part).max(initial=0.0) for part in sized))[1])
    new = tuple(np.ldexp(part, -power) for part in parts)
    kept = all((np.ldexp(n, power) == old).all() for n, old in zip(new, parts, strict=True))
    return (new, power) if kept else (parts, 0)


def least_distance(inputs: Floats, labels: ArrayLike, p: float = 2.0) -> float:
    """Least distance in the norm p between inputs (n, d) of opposite labels; inf if none are."""
    from scipy.spatial.distance import cdist  # slow to import, and needed here only

    right = np.ravel(labels) > 0
    if right.all() or not right.any():
        return math.inf
    size = 2.0 ** math.frexp(float(np.abs(inputs).max()))[1]  # without rounding differences
    metric = {1.0: "cityblock", 2.0: "euclidean", math.inf: "chebyshev"}[p]
    found = float(cdist(inputs[right] / size, inputs[~right] / size, metric).min())
    return found * size if found > 1e-140 else math.inf  # squares of less underflow


def optimal_margin(data: Dataset, norm: object = 2) -> float:
    """Largest robustness margin that any classifier can have on the data, in units of x.

    Half the least distance between opposite points in the norm 1, 2 or inf.  Raises InputError.
    """
    p = checked_norm(norm)
    return data.optimal_margin if p == 2 else least_distance(data.inputs, data.labels, p) / 2


def margin_deficit(margins: ArrayLike, data: Dataset) -> Floats:
    """Optimal robustness margin minus the robustness margins (...), in units of x.

    Its absolute error is an ulp of the optimal margin: take deficits far below 1e-8 of it from
    `boundary_offset` or from the law of the late phase.
    """
    return data.optimal_margin - np.asarray(margins, float)
