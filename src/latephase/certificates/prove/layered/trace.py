"""What a proved run of both layers is like at any time: before the tail by walking again."""

from __future__ import annotations

from dataclasses import dataclass

from latephase.certificates.prove.tails import margins
from latephase.certificates.prove.walk.arrival import MAX_STEPS
from latephase.certificates.prove.walk.step import BOTH, Balls
from latephase.core import InputError, LogTime, Words
from latephase.core.balls import arb, exact

from .system import LayeredSystem
from .tail import LateLayers
from .walk import LayeredArrival, LayeredState, LayeredWalk


@dataclass(frozen=True)
class LayeredRun:
    """A proved run; times come as LogTime and as a ball."""

    system: LayeredSystem
    arrival: LayeredArrival
    tail: LateLayers | None

    def deficit(self, time: LogTime, t: arb) -> arb:
        """The margin deficit."""
        late, optimal = self._late(time, t), abs(exact(self.system.half_gap))
        if late:
            return optimal if self.tail is None else self.tail.deficit(t)
        scaled = _signed(self._walked(time))
        if scaled is None:  # one sign of N: a point is not on its side
            return optimal
        found = margins.deficit(self.system, scaled)
        return found if found.is_finite() else arb(0).union(optimal)

    def boundary(self, time: LogTime, t: arb) -> arb | None:
        """x*, None unless both neurons are proved to be active there."""
        if self._late(time, t):
            defined = self.tail and margins.crosses(self.tail.sides(self.tail.layers(t).a))
            return exact(self.system.limit_boundary) + self.tail.gap(t) if defined else None  # type: ignore
        scaled = _signed(self._walked(time))
        if scaled is None or margins.crosses(scaled) is not True:
            return None
        return exact(self.system.midpoint) + margins.off_midpoint(self.system, scaled)

    def state(self, time: LogTime, t: arb) -> tuple[Balls, tuple[arb, arb]]:
        """a_ji and v_j.  Raises InputError late in a run with one dead neuron."""
        here = self.arrival.state
        if self._late(time, t) and self.tail is not None:
            return self.tail.at(t), self.tail.output_weights(t)
        if not self._late(time, t) or any(map(any, here.active)):
            here = self._walked(time)
        return here.a, here.v

    def _late(self, time: LogTime, t: arb) -> bool:
        since = self.arrival.state.time
        return bool(t >= since) if time.value is None else time.value >= since

    def _walked(self, time: LogTime) -> LayeredState:
        steps = time.value
        if steps is None or steps > MAX_STEPS:
            raise InputError(
                f"a time up to {MAX_STEPS:,} for the survivor of a dead neuron",
                Words(time.text),
                "ask for an earlier one; its margin is 0",
            )
        walk = LayeredWalk(self.system, int(steps))
        for _ in range(int(steps)):
            walk.advance()
        return walk.state


def _signed(state: LayeredState) -> Balls | None:
    """v_j a_ji with the neuron of the positive v first; None where both have one sign.

    A ReLU network is the same with |v_j| (w_j, b_j) and the sign of v_j instead.
    """
    signs = [1 if v > 0 else -1 if v < 0 else 0 if v.is_zero() else None for v in state.v]
    if None in signs:
        nowhere = arb(0).union(arb("inf")), arb(0).union(arb("inf"))
        return nowhere, nowhere
    if 1 not in signs or -1 not in signs:
        return None
    rows = [(abs(state.v[j]) * state.a[j][0], abs(state.v[j]) * state.a[j][1]) for j in BOTH]
    first = signs.index(1)
    return rows[first], rows[1 - first]
