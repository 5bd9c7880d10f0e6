"""The single slide, made rigorous: one neuron serves both points, the other's kink is held.

In the order in which k12 >= k11: neuron 2 is kicked to and fro at x1, r = a21.  The mean level
ln s = omega ln s_1 + (1 - omega) ln s_2 of the two margins and their distance y = ln(s_2/s_1) - ...
obey maps of their own: s grows by 1 a step, y is pulled back at the rate lam/s, and r is kicked by
multiples of 1/s.  With N = sigma + n after n steps the following is shown by induction:

    theta N <= s <= top N;   -low <= N r <= up;   -low_y <= N y <= up_y.

Source: docs/certificates.md, "hold", which has the formulas and why they hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import isfinite

from latephase.certificates.prove.system import System
from latephase.core.balls import arb, exact, precision, whole_part

from .step import Balls

_ROUNDS = 12  # of widening the bounds until they imply themselves
_WIDER = 1.001
_GUESSED = 64  # bits: what is guessed is of float64
MOST_LOG = 600  # e-folds that a slide may last before the next


@dataclass(frozen=True)
class Hold:
    """The constants of the induction, exact; see the module.  since: the step of n = 0."""

    since: int
    sigma: Fraction
    theta: Fraction
    top: Fraction
    up: Fraction
    low: Fraction
    up_y: Fraction
    low_y: Fraction


@dataclass(frozen=True)
class Shape:
    """What two points decide, in balls; system: in the order of the module."""

    flipped: bool  # mirrored
    system: System
    step: arb
    alphas: tuple[arb, arb]
    omega: arb
    q: arb  # q1
    lam: arb
    rho: arb

    @staticmethod
    def of(system: System, step: arb, flipped: bool) -> Shape:
        """Of two points; mirrored if neuron 1 is on its kink."""
        s = system.mirrored if flipped else system
        k11, k12, k22, d = s.k11, s.k12, s.k22, s.determinant
        first, second = (k22 + d / k11 + k12) / (2 * d), (k11 + k12) / (2 * d)
        total = first + second
        rest = exact(first / total), exact(k12 * second), exact(1 + k12 * total), exact(k12 / k11)
        return Shape(flipped, s, step, (exact(first), exact(second)), *rest)

    @property
    def turn(self) -> arb:
        """What y costs a12, twice."""
        return self.rho * (1 - self.omega) + self.omega

    @property
    def least_level(self) -> arb:
        """Of s, below which a kick is not taken back."""
        return (1 + self.rho) * self.q * self.q

    def ordered(self, a: Balls) -> Balls:
        """The pre-activations in the order of the module, and back."""
        return ((a[1][1], a[1][0]), (a[0][1], a[0][0])) if self.flipped else a


@dataclass(frozen=True)
class Level:
    """ln s, y and r of a state, and a12."""

    log_s: arb
    y: arb
    r: arb
    a12: arb


def level(shape: Shape, a: Balls) -> Level:
    """Of the pre-activations of a walk."""
    (a11, a12), (a21, a22) = shape.ordered(a)
    first, second = (alpha.log() for alpha in shape.alphas)
    v = a22 - a12 - shape.rho * a21
    log_s = shape.omega * (first + a11) + (1 - shape.omega) * (second + v) - shape.step.log()
    return Level(log_s, v - a11 - (first - second), a21, a12)


def level_at(shape: Shape, start: Level, c: Hold, n: arb) -> Level:
    """Where the hold of this start has the run after n steps."""
    (down, slack), big = implied(shape, c).slack, exact(c.sigma) + n
    s, harmonic = start.log_s.exp(), 1 / exact(c.sigma) + (big / exact(c.sigma)).log()
    least = (s + n - down * harmonic).lower().max(s.lower())  # s only grows
    log_s = least.union((s + n + slack * harmonic).upper()).log()
    y = (-exact(c.low_y)).union(exact(c.up_y)) / big
    r = (-exact(c.low)).union(exact(c.up)) / big
    rise = (shape.rho - 1) * (log_s - start.log_s) - shape.turn * (y - start.y)
    return Level(log_s, y, r, start.a12 + rise / 2)


def sides(shape: Shape, now: Level) -> Balls:
    """The pre-activations, in canonical order."""
    first, second = (shape.step.log() + now.log_s - alpha.log() for alpha in shape.alphas)
    v = second + shape.omega * now.y
    a22 = v + now.a12 + shape.rho * now.r
    return shape.ordered(((first - (1 - shape.omega) * now.y, now.a12), (now.r, a22)))


@dataclass(frozen=True)
class Implied:
    """What the constants imply.  Per step and 1/N, lower and upper bounds: slack, of what s grows
    by more than 1;  fall, rise: of r above and below the kink.  lift: e^(E/sigma)."""

    slack: tuple[arb, arb]
    fall: tuple[arb, arb]
    rise: tuple[arb, arb]
    lift: arb


def implied(shape: Shape, c: Hold) -> Implied:
    """The rates that follow from the constants, one step of the induction."""
    sigma, theta, top = exact(c.sigma), exact(c.theta), exact(c.top)
    up, low, up_y, low_y = exact(c.up), exact(c.low), exact(c.up_y), exact(c.low_y)
    omega, rho, q, rest = shape.omega, shape.rho, shape.q, 1 - shape.omega
    # Exponents of the pulls, times N, and the growth of s.
    far = up_y.max(low_y)
    most = (up + rest * far).max(rho * up.max(low) + omega * far)
    lift, delta = (most / sigma).exp(), omega - rest * rho
    gain = delta.max(arb(0)) * up + rest * rho * low + most * most * lift / (2 * sigma)
    z = 1 + gain / sigma
    slack = gain + z * z * (z / (theta * sigma)).exp() / (2 * theta)
    # The kink.
    most_q = 1 + q * (1 - (-(up_y + (1 + rho) * up) / sigma).exp())
    least_q = 1 - q * ((low_y / sigma).exp() - 1)
    fall = (-rest * low_y / sigma).exp() * least_q / top, ((up + rest * up_y) / sigma).exp()
    rise = (-omega * up_y / sigma).exp() / top, ((rho * low + omega * low_y) / sigma).exp() / theta
    return Implied(
        ((-delta).max(arb(0)) * up, slack),
        (fall[0], fall[1] * most_q / theta),
        (q * rise[0], q * rise[1]),
        lift,
    )


def holds(shape: Shape, now: Level, c: Hold, steps: int | None = None) -> bool:
    """Whether the induction is proved from this state on, for ever or for so many steps."""
    if steps is None and shape.system.k12 < shape.system.k11:
        return False  # a12 falls
    if not (c.sigma > 1 and 0 < c.theta < 1 < c.top and min(c.up, c.low, c.up_y, c.low_y) >= 0):
        return False
    i, sigma, theta, top = implied(shape, c), exact(c.sigma), exact(c.theta), exact(c.top)
    up, low, up_y, low_y = exact(c.up), exact(c.low), exact(c.up_y), exact(c.low_y)
    omega, rho, lam, rest = shape.omega, shape.rho, shape.lam, 1 - shape.omega
    # The kink: at the start; after a crossing; and while it returns.
    after = 1 + 1 / sigma
    start = -low <= sigma * now.r and sigma * now.r <= up
    crossing = up >= after * i.rise[1] and low >= after * i.fall[1]
    returns = (sigma + 1) * i.fall[0] >= up and (sigma + 1) * i.rise[0] >= low
    if not (start and crossing and returns and i.fall[0] > 0):
        return False
    # The distance of the margins: at the start; it is pulled inward, without overshooting.
    start = -low_y <= sigma * now.y and sigma * now.y <= up_y
    inward = (
        lam * (up_y - rho * low) >= top * i.lift * up_y
        and lam * (low_y - (1 + rho) * up) >= top * i.lift * low_y
    )
    if not (start and inward and lam * i.lift <= theta * sigma):
        return False
    # The level: at n = 0, monotone from there.
    s, (down, slack) = now.log_s.exp(), i.slack
    above = s - theta * sigma - down / sigma >= 0 and sigma * (1 - theta) >= down
    below = top * sigma - s - slack / sigma >= 0 and sigma * (top - 1) >= slack
    # Both points on their sides, a22 > a21, a12 > 0: for ever, since s only grows.
    log_1, log_2 = (shape.step.log() + now.log_s - alpha.log() for alpha in shape.alphas)
    first = log_1 > (up + rest * up_y) / sigma
    second = log_2 - (rho * low + omega * low_y) / sigma > up / sigma
    lost = shape.turn * (up_y / sigma - now.y)
    if steps is not None:
        n = exact(steps)
        most = s + n + slack * (1 / sigma + ((sigma + n) / sigma).log())
        lost = lost + (1 - rho).max(arb(0)) * (most.log() - now.log_s)
    both = 2 * now.a12 > lost
    return bool(above and below and first and second and both)


def hold(shape: Shape, now: Level, since: int) -> Hold | None:
    """Constants for which the induction might hold from this state on, or None."""
    with precision(_GUESSED):
        return _guessed(shape, now, since)


def _guessed(shape: Shape, now: Level, since: int) -> Hold | None:
    sigma, rho, lam = (float(x.mid()) for x in (now.log_s.exp(), shape.rho, shape.lam))
    theta, top, bands = 0.99, 1.01, [0.0] * 4
    for _ in range(_ROUNDS):
        numbers = (sigma, theta, top, *bands)
        if not (all(map(isfinite, numbers)) and sigma > 1 and 0.125 < theta < 1 < top < 8):
            return None
        guess = Hold(since, *map(Fraction, numbers))
        # What one round of the induction asks for, a little wider.
        i, r, y = implied(shape, guess), sigma * float(now.r.mid()), sigma * float(now.y.mid())
        after, pull = 1 + 1 / sigma, lam - top * float(i.lift.mid())
        if not pull > 0:
            return None
        up = _WIDER * max(after * float(i.rise[1].mid()), r)
        low = _WIDER * max(after * float(i.fall[1].mid()), -r)
        up_y = _WIDER * max(lam * rho * low / pull, y)
        low_y = _WIDER * max(lam * (1 + rho) * up / pull, -y)
        down, more = (_WIDER * float(x.mid()) / sigma for x in i.slack)
        theta, top, bands = (1 - down) / _WIDER, (1 + more) * _WIDER, [up, low, up_y, low_y]
    return guess


def steps_held(shape: Shape, now: Level, c: Hold) -> int:
    """About how many steps a12 stays positive, where it falls; 0 if it does not, or too many."""
    room = 2 * now.a12 + shape.turn * (now.y - exact(c.up_y) / exact(c.sigma))
    growth = room / (1 - shape.rho)
    if not (shape.system.k12 < shape.system.k11 and growth > 0 and growth < MOST_LOG):
        return 0
    n, spread = now.log_s.exp() * growth.expm1(), implied(shape, c).slack[1]
    return max(0, whole_part((n - 3 * spread * (1 + (1 + n).log())).lower()) or 0)
