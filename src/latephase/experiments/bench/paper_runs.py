"""The runs that several claims look at, and what they read off them.

All are at x = +-1 (x1 x2 = -1), where a neuron trains its own point iff it is active on it at the
start, and the boundary of a trained network follows x* = C / (ln t + beta).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latephase.core import Regime
from latephase.core.arrays import Bools, Floats

from .base import HORIZON, PAPER_DATA, STEP_SIZE, Bench

if TYPE_CHECKING:
    import xarray as xr

# The initializers that the claims on every run are judged by: those in use, none extreme.
COMMON = (
    *("he_normal", "xavier_uniform", "lecun_normal", "pytorch_default"),
    *("standard_normal", "uniform"),
)
TIMES = (
    *("0", "1", "10", "100", "1e3", "1e4", "1e6", "1e10", "1e20", "1e40"),
    *("1e80", "1e160", "1e320", "1e640", "1e1000"),
)


@dataclass(frozen=True)
class Trained:
    """Trials of one ensemble whose loss tends to 0, K of them, at S times.

    log_t (S,);  weights, biases (K, S, 2);  boundary, margin, log_deficit, log_loss (K, S);
    constant, offset, limit (K,): the predicted law;  share: trained of all trials.
    """

    initializer: str
    share: float
    log_t: Floats
    weights: Floats
    biases: Floats
    boundary: Floats
    margin: Floats
    log_deficit: Floats
    log_loss: Floats
    constant: Floats
    offset: Floats
    limit: Floats

    @property
    def count(self) -> int:
        """Number of trained trials."""
        return len(self.constant)

    @property
    def deficit(self) -> Floats:
        """Margin deficits (K, S)."""
        return np.exp(self.log_deficit)

    def line(self, late: Bools) -> Floats:
        """1/deficit by the law, (ln t + beta) / |C|, at chosen samples, (K, chosen)."""
        return (self.log_t[late] + self.offset[:, None]) / np.abs(self.constant)[:, None]

    def since(self, log_t: float) -> Bools:
        """Which samples (S,) are at or after the time of this logarithm."""
        return self.log_t >= log_t * (1 - 1e-12)


def trained(runs: xr.Dataset, initializer: str = "") -> Trained:
    """The trials of an ensemble that end specialised."""
    kept = runs["regime"].values == Regime.specialised.name
    rows = np.flatnonzero(kept)

    def read(name: str) -> Floats:
        return np.asarray(runs[name].values[rows], float)

    return Trained(
        initializer,
        float(np.mean(kept)),
        np.asarray(runs["log10_t"].values, float) * np.log(10.0),
        read("weights")[..., 0],
        *map(read, ("biases", "boundary", "robustness_margin", "log_margin_deficit", "log_loss")),
        *map(read, ("law_constant", "law_offset", "limit_boundary")),
    )


def common_runs(bench: Bench) -> list[Trained]:
    """Trained trials of gradient descent from the common initializers, at TIMES."""
    return [trained(bench.ensemble(name, at=TIMES), name) for name in COMMON]


def settings(bench: Bench, initializers: Sequence[str], **more: Any) -> dict[str, Any]:
    """What it takes to run an experiment at x = +-1 again; `more` overrides."""
    return {
        "inputs": tuple(PAPER_DATA.inputs.ravel().tolist()),
        "labels": tuple(PAPER_DATA.labels.tolist()),
        "method": f"gradient descent, step size {STEP_SIZE}",
        "initializers": ", ".join(initializers),
        **bench.settings(until=HORIZON),
        **more,
    }
