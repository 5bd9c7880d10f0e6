"""From the initialisation to the step from which the whole future is known: the search.

The path is kept as a list of legs, so that a checker can follow it without searching.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

from latephase.certificates.prove.system import System
from latephase.certificates.verdict import Undecided, Unprovable
from latephase.core import Regime
from latephase.core.balls import arb, exact

from . import phases
from .chatter import Chatter, chatters
from .fatou import FatouSeries, Orbit
from .hold import Hold, Shape, hold, holds, level
from .kicked_back import stays_alive
from .sandwich import Sandwich, sandwich
from .slides import Sliding, slides
from .step import (
    BOTH,
    Active,
    Balls,
    WalkState,
    loss_step,
    moving,
    nulls_after,
    signs,
    start,
    step_once,
)

Progress = Callable[[int, int], None]

MAX_STEPS = 100_000
_TOLD = 256  # ordinary steps between two reports of progress
_PATIENCE = 1000  # visits after which a slide that the budget will not reach is given up
_FIRST_ATTEMPT = 32  # visits of kinks before a slide is tried, half as many more from then on


@dataclass(frozen=True)
class Leg:
    """Steps of one kind: "steps" one by one, "orbit": a decoupled phase crossed at once, "half" or
    "hold": a slide, of which `slide` says where it leads."""

    by: str
    steps: int
    slide: Sliding | None = None


@dataclass(frozen=True)
class Arrival:
    """Where the search ended.

    regime;  reason: why it is never left;  entry: the first step that is in it;  state: at the
    step from which the tail holds;  orbits: of the margins from then on (decoupled regimes);
    slide: the sandwich or hold (sliding ones).
    """

    regime: Regime
    reason: str
    entry: int
    state: WalkState
    legs: tuple[Leg, ...]
    orbits: dict[int, Orbit]
    slide: Sandwich | Hold | None = None


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
        self.visits, self.attempt = 0, _FIRST_ATTEMPT
        self._exits: dict[Active, list[phases.Motion]] = {}  # of patterns that were decoupled

    def arrive(self) -> Arrival:
        """Walk until the whole future is known."""
        try:
            while True:
                pulls = self.pulls()
                arrival = self._settled(pulls)
                if arrival is not None:
                    return arrival
                untried = max(1, self.attempt - self.visits)
                if not (self._cross(pulls) or self._chatter(untried)):
                    self.advance(pulls)
        except Undecided as question:
            question.steps = self.max_steps - self.left
            raise

    @cached_property
    def shapes(self) -> tuple[Shape, Shape]:
        """Of slides of neuron 2, and of neuron 1."""
        both = [Shape.of(self.system, self.step, flipped) for flipped in (False, True)]
        return both[0], both[1]

    @cached_property
    def _kinks(self) -> Chatter:
        return Chatter.of(self.system, self.step)

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

    def _chatter(self, most: int) -> bool:
        """Steps to and fro, at most so many; False where there are none."""
        most = min(most, (self.left - 1) % _TOLD + 1)
        if self.left == 0 or not chatters(self.system, self.state):
            return False
        walked = self._kinks.walked(self.state, most)
        if walked is None:
            return False
        self.state, n = walked, walked.time - self.state.time
        self.left, self.visits = self.left - n, self.visits + n - 1
        if self.progress and self.left % _TOLD == 0:
            self.progress(self.max_steps - self.left, self.max_steps)
        self._walked("steps", n)
        return True

    def follow(self, leg: Leg) -> None:
        """Walk a leg that is known already."""
        if leg.slide is not None:
            self.slide(leg)
            return
        if leg.by == "orbit" and leg.steps > 0:
            found = self._orbits(self.pulls())
            assert found is not None  # else the leg would be of steps
            self.cross(leg.steps, found[1])
            return
        end = self.state.time + leg.steps
        while self.state.time < end:
            if not self._chatter(end - self.state.time):
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

    def slide(self, leg: Leg) -> None:
        """A slide of so many steps; the state after it has no pattern of its own."""
        if leg.slide is not None and leg.steps > 0:
            a = leg.slide.after(exact(leg.steps))
            self.state = replace(self.state, a=a, time=self.state.time + leg.steps)
            self.legs.append(leg)

    def _walked(self, by: str, n: int) -> None:
        last = self.legs[-1]
        if by == last.by == "steps":
            self.legs[-1] = Leg(by, last.steps + n)
        else:
            self.legs.append(Leg(by, n))

    def _ends(self) -> list[phases.Motion]:
        """The motions that end the present phase."""
        active = self.state.active
        if active not in self._exits:
            self._exits[active] = phases.exits(self.system, active, self.gram)
        return self._exits[active]

    def _orbits(self, pulls: list[arb | None]) -> tuple[dict[int, arb], dict[int, Orbit]] | None:
        return phases.orbits(self.state, self.gram, self.step, self.series, pulls)

    def _settled(self, pulls: list[arb | None]) -> Arrival | None:
        """The arrival, if the future is known from here."""
        system, s = self.system, self.state
        if not phases.decoupled(system, s.active) or self._ends():
            return self._kept_on_kinks() if system.attracts else None
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
        if not all(s.active[j][j] for j in BOTH):
            return None
        self.visits += 1  # steps, and orbits, which for tiny k12 lie between any two kicks
        if self.visits < self.attempt:
            return None
        self.attempt += self.attempt // 2
        single = system.k12 >= min(system.k11, system.k22)
        return self._single_slide() if single else self._double_slide()

    def _single_slide(self) -> Arrival | None:
        system, s = self.system, self.state
        shape = self.shapes[system.k12 >= system.k22]
        now = level(shape, s.a)
        here = now.log_s.exp()
        if self.visits > _PATIENCE and here + 2 * self.left < shape.least_level:
            raise Unprovable("a single slide on points so close that the budget is too small")
        if here < shape.least_level:
            return None
        held = hold(shape, now, s.time)
        if held is None or not holds(shape, now, held):
            return None
        legs = tuple(self.legs)
        return Arrival(Regime.single_slide, "kink held", s.time, s, legs, {}, held)

    def _double_slide(self) -> Arrival | None:
        """From here, or from where a slide of one kink leads."""
        held = sandwich(self.system, self.state, self.step) or self._after_slide()
        if held is None:
            return None
        s, legs = self.state, tuple(self.legs)
        return Arrival(Regime.double_slide, "kinks held", s.time, s, legs, {}, held)

    def _after_slide(self) -> Sandwich | None:
        """The sandwich that a slide from here leads to, which is then walked."""
        here, before = self.state, list(self.legs)
        for shape in self.shapes:
            for leg in slides(shape, here.a):
                self.slide(Leg(*leg))
                held = sandwich(self.system, self.state, self.step)
                if held is not None:
                    return held
                self.state, self.legs = here, list(before)
        return None

    def _cross(self, pulls: list[arb | None]) -> bool:
        """Cross a long decoupled phase; False where there is none."""
        system, s = self.system, self.state
        if self.entry is not None or not phases.decoupled(system, s.active):
            return False
        ends = self._ends()
        if not phases.is_far(s, self.gram, pulls, ends):
            return False
        found = self._orbits(pulls)
        if found is None:
            return False
        levels, tracks = found
        self.cross(phases.length(s, ends, tracks, levels), tracks)
        return True
