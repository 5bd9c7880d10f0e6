"""A segment: one mode followed by a solver until a guard breaks, or to a given time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from latephase.core.arrays import Bools, Floats
from latephase.late.pattern import Statuses


@dataclass(frozen=True)
class Segment:
    """What became of a mode.

    log_time: ln of the time since entry at the end, theta (m, k) and margins (n,) there;
    sampled (passed, m, k): theta at the samples that were passed;
    triggered: pairs (m, n) at whose guards it ended;
    released_to (m, n): status that a slide goes over to when it ends, else -1;
    resting (n,): points that have come to rest;  failed: the solver gave up;
    work: its steps.
    """

    log_time: float
    theta: Floats
    margins: Floats
    sampled: Floats
    triggered: Bools
    released_to: Statuses
    resting: Bools
    failed: bool
    work: int

    @cached_property
    def pairs(self) -> list[tuple[int, int]]:
        """The pairs (neuron, point) at whose guards it ended, in order."""
        places: list[int] = self.triggered.ravel().nonzero()[0].tolist()
        return [divmod(place, self.triggered.shape[1]) for place in places]
