"""What all pieces of the fast-forward share: the problem, the sample times and the samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from latephase.core import LogTime
from latephase.core.arrays import Bools, Floats, Ints
from latephase.problem import Method, TwoPointGeometry

from .observe import OBSERVED, MarginDifference, observe_pair
from .response import Response, response
from .state import PairState, margins

EXACT = 1e-12  # a sample whose error may exceed this is not called exact
_BLOCK = 1 << 16  # (trial, time) pairs evaluated at once: a few arrays of this size fit the cache


@dataclass(frozen=True)
class SampleTimes:
    """Sorted sample times `time` (S,), inf beyond 1e308, their logarithms `log`, the horizon."""

    time: Floats
    log: Floats
    horizon: float
    log_horizon: float

    @classmethod
    def of(cls, samples: list[LogTime], until: LogTime | None) -> SampleTimes:
        """until None: no horizon (run until settled)."""
        horizon = (np.inf, np.inf) if until is None else (until.as_float, until.log)
        return cls(
            np.array([t.as_float for t in samples], float),
            np.array([t.log for t in samples], float),
            *horizon,
        )

    def index_after(self, time: Floats, log_time: Floats) -> Ints:
        """Index of the first sample later than `time`, (R,)."""
        finite = np.searchsorted(self.time, time, side="right")
        return np.where(time < 1e300, finite, np.searchsorted(self.log, log_time, side="right"))

    def are_over(self, time: Floats, log_time: Floats) -> Bools:
        """Whether the horizon is reached, (R,), by the measure of `index_after`: the exponential of
        ln 4e157 is 1e-14 off, and a sample between the two measures was in no piece."""
        late = log_time >= self.log_horizon
        return np.asarray(np.where(time < 1e300, time >= self.horizon, late))


@dataclass(frozen=True)
class Samples:
    """The samples of all trials: parameters (2 neurons, 2, T, S), observed variables (T, S),
    error (T, S) relative, margin_error (T, S) of the margins q, relative to 1 + |q|,
    exact (T, S): rigour of the sample is `exact`, else `estimated`."""

    parameters: Floats
    observed: dict[str, Floats]
    error: Floats
    margin_error: Floats
    exact: Bools

    @classmethod
    def empty(cls, trials: int, samples: int) -> Samples:
        def nans(*shape: int) -> Floats:
            return np.full((*shape, trials, samples), np.nan)

        observed = {v: nans() for v in OBSERVED}
        return cls(nans(2, 2), observed, nans(), nans(), np.zeros((trials, samples), bool))


@dataclass(frozen=True)
class Context:
    """The problem that the trials run on, their sample times, and the samples they fill."""

    geometry: TwoPointGeometry
    method: Method
    times: SampleTimes
    samples: Samples
    slide_tolerance: float
    _responses: dict[int, Response] = field(default_factory=dict)

    @property
    def discrete(self) -> bool:
        """Gradient descent, whose time counts updates; gradient flow's is real."""
        return self.method.discrete

    @cached_property
    def log_step(self) -> float:
        """ln of the step size; 0 for gradient flow."""
        return self.method.log_step

    def response(self, code: int) -> Response:
        if code not in self._responses:
            self._responses[code] = response(self.geometry, code)
        return self._responses[code]

    def by_pattern(self, codes: Ints) -> Iterator[tuple[int, Bools, Response]]:
        """Each pattern among codes (R,), where it is (R,), and its response."""
        for code in np.unique(codes).tolist():
            yield code, codes == code, self.response(code)

    def blocks(self, first: Ints, last: Ints) -> list[tuple[Ints, slice]]:
        """Cut rows with sample ranges [first, last) into blocks (row indices, sample slice)."""
        rows = np.flatnonzero(last > first)
        rows = rows[np.lexsort((last[rows], first[rows]))]
        size = max(1, _BLOCK // max(1, len(self.times.time)))
        parts = [rows[i : i + size] for i in range(0, len(rows), size)]
        return [(part, slice(int(first[part].min()), int(last[part].max()))) for part in parts]

    def write(
        self,
        trials: Ints,
        columns: slice,
        inside: Bools,
        parameters: Floats,
        a: Floats,
        error: Floats,
        margin_error: Floats,
        s: PairState,
        difference: MarginDifference | None = None,
        given: bool = False,
    ) -> None:
        """Record samples: arrays (..., rows, columns), kept where `inside` (rows, columns) holds.

        error (2 neurons, rows, columns), margin_error (2 points, rows, columns): absolute;
        s: states (rows,) before, what is unknown of which is so of the samples;
        given: the parameters are the start's."""
        q = margins(a)
        size = np.abs(q)
        # How far a margin moves if the parameters are rounded to doubles, (rows, columns).
        reach = max(abs(self.geometry.x1), abs(self.geometry.x2))
        w, b = np.abs(parameters[:, 0]).sum(axis=0), np.abs(parameters[:, 1]).sum(axis=0)
        noise = 2.0**-52 * (reach * w + b) * (not given)
        # max_j |Delta(w_j, b_j)| / |(w_j, b_j)|; a neuron at the origin never moves: not counted.
        norms = np.maximum(np.abs(parameters[:, 0]), np.abs(parameters[:, 1]))  # at most the length
        relative = (error / np.where(norms == 0, np.inf, norms)).max(axis=0)
        unknown = np.where(s.undecided, 1.0, 2.0**-52)[:, None]
        relative = np.maximum(relative, unknown)
        off = ((margin_error + noise) / (1 + size)).max(axis=0)
        off = np.maximum(off, np.where(s.undecided, 1.0, 0.0)[:, None])
        least = np.where(size > 0, size, np.inf).min(axis=0)
        sure = inside & s.exact[:, None] & (np.maximum(relative, off) <= EXACT)
        sure &= noise <= EXACT * least  # else another margin than that of the rounded network

        seen, whole = self.samples, np.asarray(inside.all(axis=0))
        values = observe_pair(self.geometry, parameters, a, difference, q=q)
        targets: list[tuple[Any, Any]]
        targets = [(seen.observed[name], value) for name, value in values.items()]
        targets += [(seen.error, relative), (seen.margin_error, off), (seen.exact, sure)]
        targets += [(seen.parameters[j, c], parameters[j, c]) for j, c in np.ndindex(2, 2)]
        # The leading columns that not all rows reach, and those after them.
        ragged = 0 if whole.all() else len(whole) - int(np.argmin(whole[::-1]))
        head = slice(columns.start, columns.start + ragged)
        for target, value in targets:
            full = np.broadcast_to(value, inside.shape)
            target[trials, head.stop : columns.stop] = full[:, ragged:]
            if ragged:
                view = target[trials, head]
                np.copyto(view, full[:, :ragged], where=inside[:, :ragged])
                target[trials, head] = view
