"""What the compiled kernel has for Python; `follower.pyx` says more."""

from latephase.core.arrays import Bools, Floats, Ints

SOURCES: str
REACHED: int
TRIGGERED: int
FAILED: int
ROUGH: int

class Field:
    def __init__(
        self,
        forms: Floats,
        moving: int,
        order: int,
        logistic: bool,
        log_origin: float,
        log_step: float,
        scale: Floats,
    ) -> None: ...

class Guards:
    def __init__(
        self,
        field: Field,
        origin: Floats,
        live: Ints,
        pairs: Ints,
        sided: Floats,
        reach: Floats,
        outer: Ints,
        held: Floats,
        needs: Floats,
        rooms: Floats,
        slack: Floats,
        tolerance: float,
    ) -> None: ...

class Follower:
    def __init__(
        self,
        field: Field,
        guards: Guards,
        discrete: bool,
        whole: bool,
        cap: float,
        tolerance: float,
    ) -> None: ...
    def follow(
        self, times: Floats, log_end: float
    ) -> tuple[float, Floats, Floats, int, Bools, Floats, int]: ...
