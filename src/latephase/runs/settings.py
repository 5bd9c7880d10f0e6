"""The settings of an ensemble, checked once, and how they are written down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from latephase.core import InputError, Words
from latephase.problem import Dataset, Initializer, TwoPointGeometry, is_two_point
from latephase.problem.checks import MOST, whole_number
from latephase.problem.methods import Method

from .times import Times
from .trajectory import settings_of

BATCH = 10_000
_SAMPLES_PER_BATCH = 4_000_000  # about 1 GB at work, however many samples a trial has
MOST_TRIALS = 10**9  # of an ensemble: hours of work, and with 200 samples a store of 25 TB
_MOST_AT_WORK = 8 * 10**9  # bytes of a batch
_PER_TRIAL, _PER_SAMPLE = 1000, 170  # bytes at work, measured


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

    def attributes(self) -> dict[str, Any]:
        """Settings as plain JSON values: text, numbers, lists of them."""
        step = {"step_size": self.method.step_size} if self.method.discrete else {}
        drawn = {"initializer": self.initializer.name, "seed": self.seed, "trials": self.trials}
        return {
            **settings_of(self.data, "exponential", self.times.until, **drawn),
            "method": type(self.method).__name__,
            **step,
            "max_steps": self.max_steps,
            "slide_tolerance": self.slide_tolerance,
            "batch": self.batch,
        }


def batch_size(samples: int) -> int:
    """Trials per batch: ten thousand, fewer where each has very many samples."""
    return int(np.clip(_SAMPLES_PER_BATCH // samples, 1, BATCH))


def checked_batch(batch: object, trials: int, samples: int) -> int:
    """Trials per batch as given, or the usual ones.  Raises InputError on too many."""
    if batch is None:
        return batch_size(samples)
    size = whole_number(batch, "batch", 1, MOST)
    most = _MOST_AT_WORK // (_PER_TRIAL + _PER_SAMPLE * samples)
    if min(size, trials) > max(most, 1):
        got = Words(f"{min(size, trials):,} of {samples:,} samples each")
        expected = f"a batch of at most {most:,} trials (8 GB at work)"
        raise InputError(expected, got, "lower batch, or ask for fewer samples")
    return size


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
