"""One mode of gradient flow: who is active, inactive or sliding where, and how all that moves.

In a mode the pre-activations move by constant multiples of the two losses.  Signs are in the order
s11 s12 s21 s22, each OFF, ON or SLIDING: on 0, for a share of the time, in Filippov's sense.
Source: docs/certificates.md, "Flow on any two points".
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from latephase.certificates.prove.system import System
from latephase.certificates.verdict import Undecided, Unprovable
from latephase.core import Regime
from latephase.core.balls import arb, exact

OFF, ON, SLIDING = "01s"
NAMES = ("a11", "a12", "a21", "a22")
Velocity = tuple[Fraction, Fraction]  # multiples of l1 and l2
State = tuple[arb, arb, arb, arb]  # a11, a12, a21, a22
_SINKING = {"1001": Regime.specialised, "1000": Regime.one_dead, "0001": Regime.one_dead}
_SLIDING = {
    "1s00": Regime.one_dead,
    "00s1": Regime.one_dead,
    "1ss1": Regime.double_slide,
    "11s1": Regime.single_slide,
    "1s11": Regime.single_slide,
}


@dataclass(frozen=True)
class Mode:
    """The signs, s11 s12 s21 s22, and what follows from them.

    velocities: of the pre-activations;  alpha, beta, gamma: u1' = alpha l1 - gamma l2 and
    u2' = beta l2 - gamma l1 of the margins.
    """

    signs: str
    velocities: tuple[Velocity, Velocity, Velocity, Velocity]
    alpha: Fraction
    beta: Fraction
    gamma: Fraction

    @staticmethod
    def of(system: System, signs: str) -> Mode:
        s11, s12, s21, s22 = tuple(signs)
        v11, v12 = _velocities(system, s11, s12, system.k11, system.k22)
        v22, v21 = (v[::-1] for v in _velocities(system, s22, s21, system.k22, system.k11))
        first = v11[0] * (s11 == ON) - v21[0] * (s21 == ON)
        second = v22[1] * (s22 == ON) - v12[1] * (s12 == ON)
        cross = v21[1] * (s21 == ON) - v11[1] * (s11 == ON)
        return Mode(signs, (v11, v12, v21, v22), first, second, cross)

    def margins(self, a: State) -> tuple[arb, arb]:
        """u1, u2."""
        a11, a12, a21, a22 = (x if s == ON else arb(0) for x, s in zip(a, self.signs, strict=True))
        return a11 - a21, a22 - a12


def _velocities(
    system: System, own: str, other: str, k_own: Fraction, k_other: Fraction
) -> tuple[Velocity, Velocity]:
    """Of a neuron on its own and on the other point, by the own and the other loss."""
    if other == SLIDING:
        return (system.determinant / k_other, Fraction(0)), (Fraction(0), Fraction(0))
    mine, spoilt, k12 = Fraction(own == ON), Fraction(other == ON), system.k12
    return (mine * k_own, -spoilt * k12), (mine * k12, -spoilt * k_other)


def arrived(system: System, signs: str, i: int, z: arb) -> str:
    """The sign of pre-activation i where it has arrived at 0; z = l2/l1.  Raises Undecided.

    It leaves upward if it does so when active, and is held if it would return either way.
    """
    k12, own = system.k12, NAMES[i] in ("a11", "a22")
    partner = signs[i ^ 1] == ON  # of the same neuron on the other point
    lift = 0 if not partner else -k12 if own else k12  # times the loss of the other point
    if lift <= 0:
        return OFF
    if own:
        return ON
    push = system.k22 / k12 if NAMES[i] == "a12" else system.k11 / k12
    ratio = exact(push) * (z if NAMES[i] == "a12" else 1 / z)
    if ratio < 1:
        return ON
    if ratio > 1:
        return SLIDING
    raise Undecided("whether a kink holds a pre-activation")


def start(system: System) -> tuple[State, str, arb]:
    """The pre-activations at t = 0, their signs, and z = l2/l1."""
    (a11, a12), (a21, a22) = system.start
    rational = (a11, a12, a21, a22)
    signs = [ON if x > 0 else OFF for x in rational]
    output = [x if x > 0 else Fraction(0) for x in rational]
    z = exact((output[0] - output[2]) - (output[3] - output[1])).exp()
    for i in (1, 2, 0, 3):
        if rational[i] == 0 and signs[i ^ 1] == ON:
            signs[i] = arrived(system, "".join(signs), i, z)
    state = exact(a11), exact(a12), exact(a21), exact(a22)
    return state, "".join(signs), z


def ending(system: System, signs: str) -> tuple[Regime, str]:
    """The regime of a mode that lasts for ever, and why it does.  Raises Unprovable."""
    if signs == "0000":
        return Regime.both_dead, "nothing moves"
    known = _SINKING if system.k12 < 0 else _SLIDING
    if signs not in known:
        raise Unprovable(f"a flow that stays in the mode {signs}")
    return known[signs], "wrong sides sink" if system.k12 < 0 else "kinks attract"
