"""Slides that end: legs of a walk in which one kink is held while the other is approached."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from latephase.core.balls import arb, plus_minus

from .half import Half, HalfSlide
from .hold import Hold, Level, Shape, hold, holds, level, level_at, sides, steps_held
from .step import Balls

_WORTHWHILE = 100  # steps; a shorter slide is stepped through
_ROOM = 2.0**-5  # what is written is wider by this share: Arb rounds wide balls coarsely


@dataclass(frozen=True)
class HalfLeg:
    """A half slide with its constants."""

    start: HalfSlide
    constants: Half

    @property
    def shape(self) -> Shape:
        return self.start.shape

    def after(self, n: arb) -> Balls:
        """The pre-activations after n steps, in canonical order."""
        return _roomy(self.start.after(self.constants, n))


@dataclass(frozen=True)
class HoldLeg:
    """A hold that ends, with its constants."""

    shape: Shape
    start: Level
    constants: Hold

    def after(self, n: arb) -> Balls:
        """The pre-activations after n steps, in canonical order."""
        return _roomy(sides(self.shape, level_at(self.shape, self.start, self.constants, n)))


Sliding = HalfLeg | HoldLeg


def slides(shape: Shape, a: Balls) -> Iterator[tuple[str, int, Sliding]]:
    """The slides that may start here: kind, steps, and what is proved of them."""
    wrong = shape.ordered(a)[0][1]
    if wrong < 0:
        start = HalfSlide.of(shape, a)
        half = start.search()
        steps = start.steps(half) if half else 0
        if half and steps > _WORTHWHILE and start.holds(half, steps):
            yield "half", steps, HalfLeg(start, half)
    elif wrong > 0:
        now = level(shape, a)
        held = hold(shape, now, 0)
        steps = steps_held(shape, now, held) if held else 0
        if held and steps > _WORTHWHILE and holds(shape, now, held, steps):
            yield "hold", steps, HoldLeg(shape, now, held)


def _roomy(a: Balls) -> Balls:
    (a11, a12), (a21, a22) = ((x + plus_minus(x.rad() * _ROOM) for x in row) for row in a)
    return (a11, a12), (a21, a22)
