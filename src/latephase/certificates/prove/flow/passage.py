"""Gradient flow from its start to its last mode: mode after mode, in closed form.

The path is kept as a list of legs, so that a checker can follow it without searching.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from latephase.certificates.prove.system import System
from latephase.certificates.verdict import Undecided, Unprovable
from latephase.core import Regime
from latephase.core.balls import arb, bits, exact, plus_minus, point, whole_part

from .curve import Curve
from .events import first_end
from .mode import NAMES, OFF, ON, SLIDING, Mode, State, arrived, ending, start

_MOST_MODES = 20  # three times as many as any run has had, and what the checker takes
_LARGEST = 1e18  # of a pre-activation: beyond, e^u has an exponent that no file has
_LATEST = 10_000  # ln t
_ITERATIONS, _ROOM = 400, 12
_STRAY = Fraction(1, 4)  # of z from its limit, from which the series of a slide starts


@dataclass(frozen=True)
class Piece:
    """A mode that the flow is in from `begin` on: there in `state`, with z = l2/l1."""

    mode: Mode
    state: State
    z: arb
    begin: arb

    @property
    def curve(self) -> Curve:
        return Curve.of(self.mode, self.state, self.z)

    def moved(self, first: arb, second: arb) -> State:
        """The state once the losses have these integrals; what does not move stays as it is."""
        a = tuple(
            x + exact(p) * first + exact(q) * second if p or q else x
            for x, (p, q) in zip(self.state, self.mode.velocities, strict=True)
        )
        return a[0], a[1], a[2], a[3]

    def at(self, t: arb) -> State:
        """The state at a time of the piece.  Raises Undecided."""
        curve, later = self.curve, t - self.begin
        r = _reached(curve, later.mid())
        # Newton's interval step: dt/dr is enclosed.
        off = curve.duration(r) - later
        width = 2 * (off / curve.weight(r)).abs_upper() + abs(r) * point(1, _ROOM - bits())
        for _ in range(_ROOM):
            around = r + plus_minus(width)
            inside = r - off / curve.weight(around.nonnegative_part())
            if around.contains(inside):
                return self.moved(*curve.both(inside.nonnegative_part()))
            width = width * 4
        raise Undecided("the state of a flow at a time")


def _reached(curve: Curve, later: arb) -> arb:
    """The parameter at about a time, by Newton's steps for its logarithm, kept in a bracket."""
    least, most, r = arb(0), arb("inf"), (later / curve.first.exp()).mid()
    r = r.min(1 / exact(curve.alpha + abs(curve.gamma) + 1)).mid()
    for _ in range(_ITERATIONS):
        time = curve.duration(r)
        if time < later:
            least = r
        elif time > later:
            most = r
        else:
            break
        move = (later / time).log() * time / curve.weight(r)
        near, r = r, (r + move).mid()
        if not (r > least and r < most):
            r = ((least + most) / 2).mid() if most.is_finite() else (2 * near).mid()
        if abs(r - near) <= abs(r) * point(1, _ROOM - bits()):
            break
    return r


@dataclass(frozen=True)
class FlowLeg:
    """A mode and what ends it: a pre-activation by its name, or "nothing"; r by then."""

    ends: str
    after: arb


@dataclass(frozen=True)
class FlowArrival:
    """The last mode.

    regime, reason;  pieces: the modes in order, the last at the end of the path;  legs;  nulls:
    w_j - x_j b_j as long as neuron j has not been active on the other point, else None;
    mirrored: whether the start is mirror-symmetric.
    """

    regime: Regime
    reason: str
    pieces: tuple[Piece, ...]
    legs: tuple[FlowLeg, ...]
    nulls: tuple[Fraction | None, Fraction | None]
    mirrored: bool

    @property
    def last(self) -> Piece:
        return self.pieces[-1]

    @property
    def base(self) -> int:
        """The first whole time of the last piece, up to rounding.  Raises Unprovable."""
        last = self.last.begin
        whole = whole_part(-last.upper()) if last < exact(_LATEST).exp() else None
        if whole is None:
            raise Unprovable(f"the last mode begins later than e^{_LATEST}")
        return -whole

    def at(self, t: arb) -> State:
        """The state at a time.  Raises Undecided within rounding of the end of a mode."""
        ends = [*(piece.begin for piece in self.pieces[1:]), arb("inf")]
        for piece, end in zip(self.pieces, ends, strict=True):
            if t >= piece.begin and t < end:
                return piece.at(t)
        raise Undecided("which mode a flow is in")


class FlowWalk:
    """A flow under way.  Raises Undecided (more bits may help) or Unprovable."""

    def __init__(self, system: System) -> None:
        self.system = system
        (a11, a12), (a21, a22) = system.start
        self.mirrored = system.k11 == system.k22 and a11 == a22 and a12 == a21
        state, signs, z = start(system)
        self.piece = Piece(Mode.of(system, signs), state, z, arb(0))
        self.leaving = frozenset(i for i, s in enumerate(signs) if s == ON and state[i].is_zero())
        self.pieces: list[Piece] = []
        self.legs: list[FlowLeg] = []
        self.spoilt = [False, False]

    def arrive(self) -> FlowArrival:
        """Mode after mode to the last one."""
        for _ in range(_MOST_MODES):
            self._watch()
            end = self._end()
            if end is None:
                return self._arrival()
            self._pass(*end)
        raise Unprovable(f"more than {_MOST_MODES:,} modes")

    def _watch(self) -> None:
        """Keep the piece, and which neurons have been active on the other point."""
        self.pieces.append(self.piece)
        signs = self.piece.mode.signs
        self.spoilt = [self.spoilt[0] or signs[1] != OFF, self.spoilt[1] or signs[2] != OFF]
        if not all(abs(x) < _LARGEST for x in self.piece.state):
            raise Unprovable("a pre-activation beyond 10^18: its loss leaves the range of balls")

    def _end(self) -> tuple[int, arb] | None:
        here, of = self.piece, range(2 if self.mirrored else 4)
        return first_end(self.system, here.mode, here.curve, here.state, self.leaving, of)

    def _pass(self, i: int, r: arb) -> None:
        """Into the next mode."""
        here, curve = self.piece, self.piece.curve
        time = here.begin + curve.duration(r)
        ended = (i, 3 - i) if self.mirrored else (i,)
        a = [arb(0) if k in ended else x for k, x in enumerate(here.moved(*curve.both(r)))]
        state = a[0], a[1], a[2], a[3]
        first, second = here.mode.margins(state)
        z = arb(1) if self.mirrored else (first - second).exp()
        signs = list(here.mode.signs)
        for k in ended:
            held = here.mode.signs[k] == SLIDING
            signs[k] = ON if held else arrived(self.system, here.mode.signs, k, z)
        self.leaving = frozenset(k for k in ended if signs[k] == ON)
        self.legs.append(FlowLeg(NAMES[i], r))
        self.piece = Piece(Mode.of(self.system, "".join(signs)), state, z, time)

    def _arrival(self) -> FlowArrival:
        """The last mode; of a slide, from where z is near its limit."""
        regime, reason = ending(self.system, self.piece.mode.signs)
        if regime in (Regime.double_slide, Regime.single_slide):
            self._approach()
        first, second = self.system.nulls
        nulls = None if self.spoilt[0] else first, None if self.spoilt[1] else second
        pieces, legs = tuple(self.pieces), tuple(self.legs)
        return FlowArrival(regime, reason, pieces, legs, nulls, self.mirrored)

    def _approach(self) -> None:
        here, curve = self.piece, self.piece.curve
        assert curve.end is not None
        stray = exact(curve.end) / here.z - 1
        if abs(stray) < exact(_STRAY):
            return
        r = exact(float((abs(stray) * 4).log() / exact(curve.a)) * 1.01 + 0.01)
        state = here.moved(*curve.both(r))
        first, second = here.mode.margins(state)
        self.legs.append(FlowLeg("nothing", r))
        begin = here.begin + curve.duration(r)
        self.piece = Piece(here.mode, state, (first - second).exp(), begin)
        self.pieces.append(self.piece)
