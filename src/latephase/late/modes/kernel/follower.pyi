"""What the compiled kernel has for Python; `follower.pyx` says more."""

import numpy as np
from numpy.typing import NDArray

from latephase.core.arrays import Bools, Floats, Ints
from latephase.late.modes.mode import Mode
from latephase.late.pattern import Statuses

SOURCES: str
REACHED: int
TRIGGERED: int
RESTS: int
RELAXED: int
FAILED: int

class Points:
    def __init__(self, points: Floats) -> None: ...

class Held:
    def __init__(
        self, off: Floats, gradients: Floats, slides: Ints, needs: Floats, rooms: Floats
    ) -> None: ...

def sliding_neuron(
    points: Points,
    scale: Floats,
    order: Ints,
    signs: Floats,
    status: Statuses,
    slides: Ints,
    slope: float,
) -> tuple[Floats, Floats, Floats, Floats] | None: ...
def turned(
    points: Points,
    signs: Floats,
    status: Statuses,
    near: NDArray[np.uint8],
    log_pull: Floats,
    slope: float,
) -> bool: ...
def put_on_kinks(theta: Floats, places: list[int], held: list[Held]) -> None: ...

class Follower:
    def __init__(
        self,
        mode: Mode,
        points: Points,
        places: list[int],
        held: list[Held],
        order: int,
        logistic: bool,
        loose: Floats,
        least: Floats,
        tolerance: float,
        balanced: float,
        whole: bool,
    ) -> None: ...
    def follow(
        self, times: Floats, log_end: float, log_last: float
    ) -> tuple[float, Floats, Floats, list[Floats], int, Bools, Statuses, Bools, int]: ...
