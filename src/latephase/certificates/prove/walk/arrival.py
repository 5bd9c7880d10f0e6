"""From the initialisation to the step from which the whole future is known: the search.

The path is kept as a list of legs, so that a checker can follow it without searching.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from latephase.certificates.prove.system import System
from latephase.certificates.verdict import Undecided, Unprovable
from latephase.core import Regime
from latephase.core.balls import arb, exact

from . import phases
from .fatou import FatouSeries, Orbit
from .kicked_back import stays_alive
from .sandwich import Sandwich, sandwich
from .step import BOTH, Balls, WalkState, loss_step, moving, nulls_after, signs, start, step_once

Progress = Callable[[int, int], None]

MAX_STEPS = 100_000
_TOLD = 256  # ordinary steps between two reports of progress
_PATIENCE = 1000  # steps of chatter after which a single slide is taken for one
_FIRST_ATTEMPT = 32  # steps of chatter before a slide is tried, doubled from then on


@dataclass(frozen=True)
class Leg:
    """Steps of one kind: "steps" one by one, or "orbit": a decoupled phase crossed at once."""

    by: str
    steps: int


@dataclass(frozen=True)
class Arrival:
    """Where the search ended.

    regime;  reason: why it is never left;  entry: the first step that is in it;  state: at the
    step from which the tail holds;  orbits: of the margins from then on (decoupled regimes);
    slide: the sandwich (sliding ones).
    """

    regime: Regime
    reason: str
    entry: int
    state: WalkState
    legs: tuple[Leg, ...]
    orbits: dict[int, Orbit]
    slide: Sandwich | None = None


class Walk:
    """A run under way.  Walking raises Undecided (more bits may help) or Unprovable.

    progress: called now and then as progress(ordinary steps done, max_steps).
    """

    def __init__(
        self, system: System, max_steps: int = MAX_STEPS, progress: Progress | None = None
    ) -> None:
        assert system.step is not None
        self.system, self.left = system, max_steps
        self.max_steps, self.progress = max_steps, progress
        self.gram: Balls = system.gram()
        self.step, self.series = exact(system.step), FatouSeries.of_descent()
        self.state, self.legs = start(system), [Leg("steps", 0)]
        self.entry: int | None = None
        self.attempt = _FIRST_ATTEMPT

    def arrive(self) -> Arrival:
        """Walk until the whole future is known."""
        while True:
            pulls = self.pulls()
            arrival = self._settled(pulls)
            if arrival is not None:
                return arrival
            if not self._cross(pulls):
                self.advance(pulls)

    def pulls(self) -> list[arb | None]:
        """step * loss_p, None where no neuron is active on point p."""
        s = self.state
        return [loss_step(s, p, self.step) if moving(s.active, p) else None for p in BOTH]

    def advance(self, pulls: list[arb | None]) -> None:
        """One ordinary step."""
        if self.left == 0:
            raise Unprovable("the run has not settled within the step budget")
        self.left -= 1
        if self.progress and self.left % _TOLD == 0:
            self.progress(self.max_steps - self.left, self.max_steps)
        self.state = step_once(self.system, self.state, self.gram, pulls)
        self._walked("steps", 1)

    def follow(self, leg: Leg) -> None:
        """Walk a leg that is known already."""
        if leg.by == "orbit" and leg.steps > 0:
            found = self._orbits(self.pulls())
            assert found is not None  # else the leg would be of steps
            self.cross(leg.steps, found[1])
            return
        for _ in range(leg.steps):
            self.advance(self.pulls())

    def cross(self, n: int, tracks: dict[int, Orbit]) -> None:
        """n steps of a decoupled phase at once, of which only the last changes signs."""
        here = self.state
        if n > 1:
            before = phases.moved(self.system, here, self.gram, tracks, exact(here.time + n - 1))
            if signs(before, here) != here.active:
                raise Undecided("which sign ends a long phase")
        a = phases.moved(self.system, here, self.gram, tracks, exact(here.time + n))
        moved = WalkState(a, here.active, nulls_after(here), here.time + n)
        self.state = replace(moved, active=signs(a, here))
        self._walked("orbit", n)

    def _walked(self, by: str, n: int) -> None:
        last = self.legs[-1]
        if by == last.by == "steps":
            self.legs[-1] = Leg(by, last.steps + n)
        else:
            self.legs.append(Leg(by, n))

    def _orbits(self, pulls: list[arb | None]) -> tuple[dict[int, arb], dict[int, Orbit]] | None:
        return phases.orbits(self.state, self.gram, self.step, self.series, pulls)

    def _settled(self, pulls: list[arb | None]) -> Arrival | None:
        """The arrival, if the future is known from here."""
        system, s = self.system, self.state
        if not phases.decoupled(system, s.active) or phases.exits(system, s, self.gram):
            return self._kept_on_kinks() if system.k12 > 0 else None
        # Decoupled, and nothing that moves does so towards its kink.
        if self.entry is None:
            self.entry = s.time
        found = self._orbits(pulls)
        if found is None:
            return None
        levels, tracks = found
        regime = (Regime.both_dead, Regime.one_dead, Regime.specialised)[len(levels)]
        reason = "wrong sides frozen" if system.k12 == 0 else "wrong sides sink"
        reason = reason if levels else "nothing moves"
        return Arrival(regime, reason, self.entry, s, tuple(self.legs), tracks)

    def _kept_on_kinks(self) -> Arrival | None:
        """k12 > 0: one neuron dead and the other kicked for ever, or both on their kinks."""
        system, s, legs = self.system, self.state, tuple(self.legs)
        dead = [not any(s.active[j]) for j in BOTH]
        if any(dead):
            alive = stays_alive(system, s, dead.index(False), self.step)
            return Arrival(Regime.one_dead, "kicked back", s.time, s, legs, {}) if alive else None
        walked = self.legs[-1].steps if self.legs[-1].by == "steps" else 0
        if walked < self.attempt or not all(s.active[j][j] for j in BOTH):
            return None
        self.attempt = walked + walked // 2
        if system.k12 >= min(system.k11, system.k22):
            if walked < _PATIENCE:
                return None
            raise Unprovable("a single slide: one neuron serves both points; no proof is known")
        held = sandwich(system, s, self.step)
        if held is None:
            return None
        return Arrival(Regime.double_slide, "kinks held", s.time, s, legs, {}, held)

    def _cross(self, pulls: list[arb | None]) -> bool:
        """Cross a long decoupled phase; False where there is none."""
        system, s = self.system, self.state
        if self.entry is not None or not phases.decoupled(system, s.active):
            return False
        ends = phases.exits(system, s, self.gram)
        if not phases.is_far(s, self.gram, pulls, ends):
            return False
        found = self._orbits(pulls)
        if found is None:
            return False
        levels, tracks = found
        self.cross(phases.length(s, ends, tracks, levels), tracks)
        return True
