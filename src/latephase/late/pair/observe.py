"""What is recorded of a network at a sampled time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latephase.core.arrays import Bools, Floats
from latephase.margin import margin_from_lines, rescaled
from latephase.problem import LOSSES, TwoPointGeometry

from .state import margins

OBSERVED = ("boundary", "robustness_margin", "margin_deficit", "log_margin_deficit", "log_loss")


@dataclass(frozen=True)
class MarginDifference:
    """Q = (a_22 - a_12) - (a_11 - a_21) as its sign and ln |Q|, since it may underflow.

    The boundary is half_gap * Q / span off the midpoint.
    """

    sign: Floats
    log: Floats

    @classmethod
    def of(cls, a: Floats) -> MarginDifference:
        """Q as the difference of pre-activations (2, 2, ...)."""
        q = (a[1, 1] - a[0, 1]) - (a[0, 0] - a[1, 0])
        return cls(np.sign(q), np.log(np.abs(q)))


def margin_sum(a: Floats) -> Floats:
    """(a_11 - a_21) + (a_22 - a_12), the denominator of the boundary; it grows like ln t."""
    total: Floats = (a[0, 0] - a[1, 0]) + (a[1, 1] - a[0, 1])
    return total


def observe_pair(
    geometry: TwoPointGeometry,
    parameters: Floats,
    a: Floats,
    lean: MarginDifference | None = None,
    loss: str = "exponential",
    q: Floats | None = None,
) -> dict[str, Floats]:
    """The observed variables of canonical networks (2, 2, ...) with pre-activations a (2, 2, ...).

    lean: where a piece knows it better than the difference of pre-activations does;
    q (2 points, ...): their margins, if they are known.
    """
    defined = _both_active_at_boundary(parameters)
    optimal = abs(geometry.half_gap)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        rho = margin_from_lines(parameters[:, 0], a, a[0] - a[1], defined, (1, -1))
        lean = lean or MarginDifference.of(a)
        log_offset = np.log(optimal) + lean.log - np.log(np.abs(margin_sum(a)))
        side = np.sign(geometry.half_gap) * lean.sign * np.sign(margin_sum(a))
        offset = side * np.exp(log_offset)
        decides = defined & (np.abs(rho - (optimal - np.abs(offset))) <= 1e-12 * rho)
        deficit = np.where(decides, np.exp(log_offset), optimal - rho)
        log_deficit = np.where(decides, log_offset, np.log(deficit))
    boundary = np.where(defined, geometry.midpoint + offset, np.nan)
    log_loss = LOSSES[loss].log_loss(margins(a) if q is None else q, axis=0)
    return dict(zip(OBSERVED, (boundary, rho, deficit, log_deficit, log_loss), strict=True))


def _both_active_at_boundary(parameters: Floats) -> Bools:
    """Both neurons active at x*, or both kinks at x* with N crossing zero there (zero biases)."""
    (w1, w2), (b1, b2) = rescaled(parameters[:, 0], parameters[:, 1], axis=0)
    height = (w1 * b2 - w2 * b1) * np.sign(w1 - w2)
    defined: Bools = (height > 0) | ((height == 0) & (w1 * w2 < 0))
    return defined
