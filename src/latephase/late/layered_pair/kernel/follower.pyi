"""What the compiled kernel has for Python; `follower.pyx` says more."""

import numpy as np
from numpy.typing import NDArray

from latephase.core.arrays import Floats, Ints

SOURCES: str

def follow(
    orbits: Floats,
    times: Floats,
    first: Ints,
    discrete: bool,
    leaving: Floats,
    rules: Floats,
    nodes: Floats,
    found: Floats,
    left: Floats,
) -> None: ...
def make_steps(
    first: Floats,
    moved: Floats,
    low: Floats,
    error: Floats,
    log_time: Floats,
    log_entry: Floats,
    gram: Floats,
    log_step: float,
    count: int,
    ends: Floats,
    column: Ints,
    trials: Ints,
    exact: NDArray[np.int8],
    sampled: Floats,
    errors: Floats,
    known: NDArray[np.int8],
) -> None: ...
