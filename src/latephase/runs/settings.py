"""The settings of an ensemble, checked once, and how they are written down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from latephase.core import InputError, Words
from latephase.problem import (
    Dataset,
    Initializer,
    TwoPointGeometry,
    initializers,
    is_two_point,
)
from latephase.problem.checks import MOST, positive_number, seed_number, whole_number
from latephase.problem.methods import Method, followed_method
from latephase.runs.run import Times, sample_times
from latephase.store.provenance import provenance

BATCH = 10_000
_SAMPLES_PER_BATCH = 4_000_000  # about 1 GB at work, however many samples a trial has


@dataclass(frozen=True)
class Settings:
    """Everything that decides what an ensemble contains; two equal settings give equal bytes."""

    initializer: Initializer
    data: Dataset
    method: Method
    trials: int
    seed: int
    times: Times
    batch: int
    max_steps: int
    slide_tolerance: float

    @property
    def geometry(self) -> TwoPointGeometry:
        """The geometry of the data."""
        return TwoPointGeometry.of(self.data)

    @property
    def starts(self) -> range:
        """The first trial of every batch."""
        return range(0, self.trials, self.batch)

    def attributes(self) -> dict[str, Any]:
        """Settings and provenance as plain JSON values: text, numbers, lists of them."""
        method = {"method": type(self.method).__name__}
        if self.method.discrete:
            method["step_size"] = self.method.step_size  # type: ignore[assignment]
        return {
            **provenance(),
            "initializer": self.initializer.name,
            "seed": self.seed,
            "trials": self.trials,
            "inputs": self.data.inputs.ravel().tolist(),
            "labels": self.data.labels.tolist(),
            "loss": "exponential",
            **method,
            "until": self.times.until.text,
            "max_steps": self.max_steps,
            "slide_tolerance": self.slide_tolerance,
            "batch": self.batch,
        }


def settings(
    initializer: Initializer | str,
    data: Dataset,
    method: Method,
    *,
    trials: int,
    seed: int,
    until: object,
    at: Sequence[object] | None,
    samples: int,
    batch: int | None,
    max_steps: int,
    slide_tolerance: float,
) -> Settings:
    """Check what `ensemble` was called with.  Raises InputError."""
    drawn = initializers.get(initializer)
    check_points(data)
    followed_method(method)
    times = sample_times(method, until, at, samples)
    size = batch_size(len(times.given)) if batch is None else whole_number(batch, "batch", 1, MOST)
    return Settings(
        drawn,
        data,
        method,
        whole_number(trials, "trials", 1, MOST),
        seed_number(seed),
        times,
        size,
        whole_number(max_steps, "max_steps", 1, MOST),
        positive_number(slide_tolerance, "slide_tolerance"),
    )


def batch_size(samples: int) -> int:
    """Trials per batch: ten thousand, fewer where each has very many samples."""
    return int(np.clip(_SAMPLES_PER_BATCH // samples, 1, BATCH))


def check_points(data: object) -> None:
    """Check that the data are two points in dimension 1.  Raises InputError."""
    if not isinstance(data, Dataset):
        raise InputError("a Dataset", data, "wrap it: lp.Dataset(inputs, labels)")
    if not is_two_point(data):
        raise InputError(
            "two points in dimension 1, for the ensemble draws two neurons",
            Words(f"{data.n} points in dimension {data.d}"),
            "use simulate for each network",
        )
