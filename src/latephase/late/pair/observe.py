"""What is recorded of networks at sampled times, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from latephase.core.arrays import Bools, Floats, Ints
from latephase.margin import margin_from_lines, rescaled
from latephase.problem import LOSSES, TwoPointGeometry

from .state import PairState, margins

OBSERVED = ("boundary", "robustness_margin", "margin_deficit", "log_margin_deficit", "log_loss")
_EXACT = 1e-12  # a sample whose error may exceed this is not called exact


@dataclass(frozen=True)
class MarginDifference:
    """Q = (a_22 - a_12) - (a_11 - a_21) as its sign and ln |Q|, since it may underflow.

    The boundary is half_gap * Q / span off the midpoint.
    """

    sign: Floats
    log: Floats


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
        first, second = a[0, 0] - a[1, 0], a[1, 1] - a[0, 1]
        span, q_apart = first + second, second - first  # the span grows like ln t
        lean = lean or MarginDifference(np.sign(q_apart), np.log(np.abs(q_apart)))
        log_offset = np.log(optimal) + lean.log - np.log(np.abs(span))
        side = np.sign(geometry.half_gap) * lean.sign * np.sign(span)
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


@dataclass(frozen=True)
class PairSamples:
    """The samples of all trials: parameters (2 neurons, 2, T, S), observed variables (T, S),
    error (T, S) relative, margin_error (T, S) of the margins q, relative to 1 + |q|,
    exact (T, S): rigour of the sample is `exact`, else `estimated`."""

    parameters: Floats
    observed: dict[str, Floats]
    error: Floats
    margin_error: Floats
    exact: Bools

    @classmethod
    def empty(cls, trials: int, samples: int) -> PairSamples:
        def nans(*shape: int) -> Floats:
            return np.full((*shape, trials, samples), np.nan)

        observed = {v: nans() for v in OBSERVED}
        return cls(nans(2, 2), observed, nans(), nans(), np.zeros((trials, samples), bool))

    def write(
        self,
        geometry: TwoPointGeometry,
        trials: Ints,
        columns: slice | Ints,
        inside: Bools,
        parameters: Floats,
        a: Floats,
        error: Floats,
        margin_error: Floats,
        s: PairState,
        difference: MarginDifference | None = None,
        given: Bools | bool = False,
    ) -> None:
        """Record samples: arrays (..., rows, columns), kept where `inside` (rows, columns) holds.

        columns: those of all rows, or of each row (rows,) the one it has.

        error (2 neurons, rows, columns), margin_error (2 points, rows, columns): absolute;
        s: states (rows,) before, what is unknown of which is so of the samples;
        given: the parameters are the start's."""
        q = margins(a)
        size = np.abs(q)
        # How far a margin moves if the parameters are rounded to doubles, (rows, columns).
        reach = max(abs(geometry.x1), abs(geometry.x2))
        w, b = np.abs(parameters[:, 0]).sum(axis=0), np.abs(parameters[:, 1]).sum(axis=0)
        noise = 2.0**-52 * (reach * w + b) * np.logical_not(given)
        # max_j |Delta(w_j, b_j)| / |(w_j, b_j)|; a neuron at the origin never moves: not counted.
        norms = np.maximum(np.abs(parameters[:, 0]), np.abs(parameters[:, 1]))  # at most the length
        relative = (error / np.where(norms == 0, np.inf, norms)).max(axis=0)
        unknown = np.where(s.undecided, 1.0, 2.0**-52)[:, None]
        relative = np.maximum(relative, unknown)
        off = ((margin_error + noise) / (1 + size)).max(axis=0)
        off = np.maximum(off, np.where(s.undecided, 1.0, 0.0)[:, None])
        least = np.where(size > 0, size, np.inf).min(axis=0)
        sure = inside & s.exact[:, None] & (np.maximum(relative, off) <= _EXACT)
        sure &= noise <= _EXACT * least  # else another margin than that of the rounded network

        values = observe_pair(geometry, parameters, a, difference, q=q)
        targets: list[tuple[Any, Any]]
        targets = [(self.observed[name], value) for name, value in values.items()]
        targets += [(self.error, relative), (self.margin_error, off), (self.exact, sure)]
        targets += [(self.parameters[j, c], parameters[j, c]) for j, c in np.ndindex(2, 2)]
        if not isinstance(columns, slice):
            place = trials * self.error.shape[1] + columns  # several times as fast as two indices
            for target, value in targets:
                target.reshape(-1)[place] = np.broadcast_to(value, inside.shape)[:, 0]
            return
        # The leading columns that not all rows reach, and those after them.  Only what is inside is
        # touched: other stretches of the same trials may be written at the same time.
        whole = np.asarray(inside.all(axis=0))
        ragged = 0 if whole.all() else len(whole) - int(np.argmin(whole[::-1]))
        r, c = np.nonzero(inside[:, :ragged])
        for target, value in targets:
            full = np.broadcast_to(value, inside.shape)
            target[trials, columns.start + ragged : columns.stop] = full[:, ragged:]
            target[trials[r], columns.start + c] = full[r, c]
