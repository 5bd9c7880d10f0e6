"""What the compiled kernel has for Python; `follower.pyx` says more."""

from latephase.core.arrays import Bools, Floats, Ints
from latephase.late.pattern import Statuses

REACHED: int
TRIGGERED: int
RESTS: int
RELAXED: int
FAILED: int

class Field:
    slow: bool

    def __init__(
        self,
        pull: Floats,
        gram: Floats,
        margins: Floats,
        live: Ints,
        order: int,
        logistic: bool,
        log_drive: float,
        log_step: float,
    ) -> None: ...

class Guards:
    def __init__(
        self,
        field: Field,
        factor: Floats | None,
        ways: Floats,
        theta: Floats,
        points: Floats,
        status: Statuses,
        slides: Ints,
        needs: Floats,
        rooms: Floats,
        norms: Floats,
        reach: Floats,
        loose: Floats,
        sizes: Floats,
        unsure: float,
        bends: bool,
    ) -> None: ...

class Follower:
    def __init__(
        self, field: Field, guards: Guards, scale: Floats, log_balanced: float, whole: bool
    ) -> None: ...
    def follow(
        self, times: Floats, log_end: float, log_last: float, tolerance: float
    ) -> tuple[float, Floats, Floats, Floats, int, Bools, Statuses, Bools, int]: ...
