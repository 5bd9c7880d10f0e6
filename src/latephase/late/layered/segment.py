"""A segment: one mode followed by a stiff solver until a guard breaks, or to a given time."""

from __future__ import annotations

from dataclasses import dataclass

from latephase.core.arrays import Bools, Floats
from latephase.late.pattern import Statuses


@dataclass(frozen=True)
class LayeredSegment:
    """What became of a mode.

    log_time: ln of the time since entry, state (m, k + 1) there;  sampled: states at the samples
    passed;  triggered, released_to: as in `late/modes`;  failed: the solver gave up;  work: steps;
    rough: it ended where steps of gradient descent leave the flow.
    """

    log_time: float
    state: Floats
    sampled: list[Floats]
    triggered: Bools
    released_to: Statuses
    failed: bool
    work: int
    rough: bool = False
