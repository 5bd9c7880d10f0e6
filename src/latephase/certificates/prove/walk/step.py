"""One step of gradient descent in balls, every sign of every pre-activation decided.

A second implementation of the dynamics, in pre-activations: neuron j moves by
sign * step * loss_p * (x_p, 1) for each point p it is active on, hence a_ji by that times k_pi.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from latephase.certificates.prove.system import System
from latephase.certificates.verdict import Undecided, Unprovable
from latephase.core.balls import arb, exact

Active = tuple[tuple[bool, bool], tuple[bool, bool]]
Balls = tuple[tuple[arb, arb], tuple[arb, arb]]
BOTH = (0, 1)
LARGEST_EXPONENT = 1e18  # beyond, e^u has an exponent that no decimal and no file has
TOO_LARGE = "a pre-activation beyond 10^18: its loss leaves the range of balls"


@dataclass(frozen=True)
class WalkState:
    """a (2 neurons, 2 points) balls;  active: their signs, decided;  nulls: w_j - x_j b_j as long
    as they are exact, i.e. until neuron j is active on the other point, else None;  time: updates
    done;  spread: how far all (w, b) are from the middle of `a`, None where `a` alone says it."""

    a: Balls
    active: Active
    nulls: tuple[Fraction | None, Fraction | None]
    time: int
    spread: arb | None = None


def start(system: System) -> WalkState:
    """The initial state; its signs are those of exact rational numbers."""
    (a11, a12), (a21, a22) = system.start
    a = (exact(a11), exact(a12)), (exact(a21), exact(a22))
    return WalkState(a, ((a11 > 0, a12 > 0), (a21 > 0, a22 > 0)), system.nulls, 0)


def positive(ball: arb) -> bool:
    """Whether a pre-activation is > 0.  Raises Undecided."""
    if ball > 0:
        return True
    if ball <= 0:
        return False
    raise Undecided("the sign of a pre-activation")


def margin(state: WalkState, p: int) -> arb:
    """u_p = y_p N(x_p)."""
    q = 1 - p
    right = state.a[p][p] if state.active[p][p] else 0
    return right - state.a[q][p] if state.active[q][p] else arb(right)


def loss_step(state: WalkState, p: int, step: arb) -> arb:
    """step * exp(-u_p).  Raises Unprovable where it leaves the range of balls."""
    u = margin(state, p)
    if not abs(u) < LARGEST_EXPONENT:
        raise Unprovable(TOO_LARGE)
    return step * (-u).exp()


def moving(active: Active, p: int) -> int:
    """How many neurons are active on point p."""
    return active[0][p] + active[1][p]


def step_once(system: System, state: WalkState, gram: Balls, pulls: list[arb | None]) -> WalkState:
    """The next state; pulls[p] = step * loss_p, None where no neuron is active on point p."""
    rows = []
    for j in BOTH:
        first, second = state.a[j]
        for p in BOTH:
            pull = pulls[p]
            if pull is None or not state.active[j][p]:
                continue
            change = pull if j == p else -pull
            if p == 0 or system.k12:  # else frozen, and stays exact
                first = first + change * gram[p][0]
            if p == 1 or system.k12:
                second = second + change * gram[p][1]
        rows.append((first, second))
    a = rows[0], rows[1]
    return WalkState(a, signs(a, state), nulls_after(state), state.time + 1)


def signs(a: Balls, before: WalkState) -> Active:
    """The activation pattern; what has not moved keeps its sign."""
    now = [
        [before.active[j][i] if a[j][i] is before.a[j][i] else positive(a[j][i]) for i in BOTH]
        for j in BOTH
    ]
    return (now[0][0], now[0][1]), (now[1][0], now[1][1])


def nulls_after(state: WalkState) -> tuple[Fraction | None, Fraction | None]:
    """The null components, lost where a neuron has just been moved by the other point."""
    first = None if state.active[0][1] else state.nulls[0]
    second = None if state.active[1][0] else state.nulls[1]
    return first, second
