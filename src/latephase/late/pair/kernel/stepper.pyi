"""What the compiled kernel has for Python; `stepper.pyx` says more."""

import numpy as np
from numpy.typing import NDArray

from latephase.core.arrays import Floats, Ints

SOURCES: str

def advance(
    a: Floats,
    off: Floats,
    error: Floats,
    counts: Ints,
    order: Ints,
    first_look: Ints,
    looks: Ints,
    places: Ints,
    gram: Floats,
    step_size: float,
    seen: Floats,
    undecided: NDArray[np.int8],
) -> None: ...
