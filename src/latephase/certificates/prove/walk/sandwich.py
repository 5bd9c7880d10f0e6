"""The double slide, made rigorous: both kinks are held for ever, between two explicit curves.

k12 > 0.  A = a11 - (k12/k22) a12 and B = a22 - (k12/k11) a21 obey, in *every* pattern with both
right sides active, s_A <- s_A exp(e^dA / s_A), s_A = e^A / c_A, c_A = step D/k22, and likewise B
with c_B = step D/k11; dA = max(a21, 0) - (k12/k22) a12 and dB are of the size of the chatter.
With N = sigma + n after n steps the following is shown by induction:

    theta N <= s_A <= top N;   theta N <= s_B <= top_b N;
    -low_p <= N a12 <= up_p;   -low_r <= N a21 <= up_r.

Hence step * loss_1 = (k22/D) e^dA / s_A and step * loss_2 = (k11/D) e^dB / s_B lie between
multiples of 1/N, a kink above 0 falls by between two multiples of 1/N and one below 0 rises
likewise, which gives back the bounds of a12 and a21; and s_A grows by 1 up to a multiple of 1/N in
each step, so it stays within s_A(0) + n + multiples of the harmonic sum H(n) <= 1/sigma +
ln(N/sigma).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import isfinite

from latephase.certificates.prove.system import System
from latephase.core.balls import arb, exact

from .step import WalkState

_ROUNDS = 12  # of widening the bounds until they imply themselves
_WIDER = 1.001


@dataclass(frozen=True)
class Sandwich:
    """The constants of the induction, exact; see the module.  since: the step of n = 0."""

    since: int
    sigma: Fraction
    theta: Fraction
    top: Fraction
    top_b: Fraction
    up_p: Fraction
    low_p: Fraction
    up_r: Fraction
    low_r: Fraction


@dataclass(frozen=True)
class Growth:
    """What the constants imply.  slack (2, lower and upper): s_A after n steps lies within
    s_A(0) + n + [-lower, upper] H(n), and likewise s_B;  fall, rise: per step and 1/N of a12, a21
    above and below the kink, lower and upper bounds."""

    slack_a: tuple[arb, arb]
    slack_b: tuple[arb, arb]
    fall_p: tuple[arb, arb]
    rise_p: tuple[arb, arb]
    fall_r: tuple[arb, arb]
    rise_r: tuple[arb, arb]


def start_levels(system: System, state: WalkState, step: arb) -> tuple[arb, arb]:
    """s_A, s_B now."""
    ratio_p, ratio_r = exact(system.k12 / system.k22), exact(system.k12 / system.k11)
    a = state.a[0][0] - ratio_p * state.a[0][1]
    b = state.a[1][1] - ratio_r * state.a[1][0]
    rate = step * exact(system.determinant)
    return a.exp() / (rate / exact(system.k22)), b.exp() / (rate / exact(system.k11))


def growth(system: System, c: Sandwich) -> Growth:
    """The rates that follow from the constants, one step of the induction."""
    sigma, theta, tops = exact(c.sigma), exact(c.theta), (exact(c.top), exact(c.top_b))
    q, d = exact(system.k12), exact(system.determinant)
    k11, k22 = exact(system.k11), exact(system.k22)
    # N dA lies in [-down_a, up_a], N dB in [-down_b, up_b]
    down_a, up_a = q / k22 * exact(c.up_p), exact(c.up_r) + q / k22 * exact(c.low_p)
    down_b, up_b = q / k11 * exact(c.up_r), exact(c.up_p) + q / k11 * exact(c.low_r)
    loss1 = k22 / d * (-down_a / sigma).exp() / tops[0], k22 / d * (up_a / sigma).exp() / theta
    loss2 = k11 / d * (-down_b / sigma).exp() / tops[1], k11 / d * (up_b / sigma).exp() / theta
    return Growth(
        slack_a=(down_a, excess(up_a, sigma, theta)),
        slack_b=(down_b, excess(up_b, sigma, theta)),
        fall_p=(k22 * loss2[0] - q * loss1[1], k22 * loss2[1] - q * loss1[0]),
        rise_p=(q * loss1[0], q * loss1[1]),
        fall_r=(k11 * loss1[0] - q * loss2[1], k11 * loss1[1] - q * loss2[0]),
        rise_r=(q * loss2[0], q * loss2[1]),
    )


def excess(up: arb, sigma: arb, theta: arb) -> arb:
    """N (s' - s - 1) at most: e^d - 1 <= d e^d and s e^(z/s) - s - z <= z^2 e^(z/s) / (2 s)."""
    z = (up / sigma).exp()
    return up * z + z * z * (z / (theta * sigma)).exp() / (2 * theta)


def holds(system: System, state: WalkState, step: arb, c: Sandwich) -> bool:
    """Whether the induction is proved from this state on: its start and its step."""
    form = c.sigma > 1 and 0 < c.theta < 1 < min(c.top, c.top_b)
    if not (form and system.k12 > 0 and state.time == c.since):
        return False
    g, sigma, theta = growth(system, c), exact(c.sigma), exact(c.theta)
    # Kinks: -low <= N a <= up for ever: at the start; after a crossing; and while a returns.
    after = 1 + 1 / sigma  # (N + 1) / N at most
    for a, up, low, fall, rise in (
        (state.a[0][1], exact(c.up_p), exact(c.low_p), g.fall_p, g.rise_p),
        (state.a[1][0], exact(c.up_r), exact(c.low_r), g.fall_r, g.rise_r),
    ):
        start = -low <= sigma * a and sigma * a <= up
        crossing = up >= after * rise[1] and low >= after * fall[1]
        return_ = (sigma + 1) * fall[0] >= up and (sigma + 1) * rise[0] >= low
        if not (start and crossing and return_):
            return False
    # Levels: theta N <= s_A(0) + n -+ slack H(n) <= top N: at n = 0, monotone from there.
    levels = start_levels(system, state, step)
    tops = exact(c.top), exact(c.top_b)
    for s, top, (less, more) in zip(levels, tops, (g.slack_a, g.slack_b), strict=True):
        above = s - theta * sigma - less / sigma >= 0 and sigma * (1 - theta) >= less
        below = top * sigma - s - more / sigma >= 0 and sigma * (top - 1) >= more
        if not (above and below):
            return False
    # Right sides: a11 = A + (k12/k22) a12 > 0 for ever, since A only grows; and its mirror image.
    # Moreover a11 > a21, a22 > a12 and a11 a22 > a12 a21 for ever: both points are on their sides,
    # and x* is defined; and a11 > a12, a22 > a21: each neuron grows towards its own point, so N has
    # no zero beyond the points.
    ratio_p, ratio_r = exact(system.k12 / system.k22), exact(system.k12 / system.k11)
    a = state.a[0][0] - ratio_p * state.a[0][1] - ratio_p * exact(c.low_p) / sigma
    b = state.a[1][1] - ratio_r * state.a[1][0] - ratio_r * exact(c.low_r) / sigma
    up_p, low_p, up_r, low_r = (exact(x) / sigma for x in (c.up_p, c.low_p, c.up_r, c.low_r))
    leads = a > 0 and b > 0 and a > up_r and b > up_p and a > up_p and b > up_r
    return bool(leads and a * b > up_p * up_r and a * b > low_p * low_r)


def sandwich(system: System, state: WalkState, step: arb) -> Sandwich | None:
    """Constants for which the induction holds from this state on, or None.

    The search is in floats and free to guess: `holds` decides.
    """
    levels = start_levels(system, state, step)
    least = min(float(s.lower()) for s in levels)
    theta, tops, bands, sigma = 0.99, [1.01, 1.01], [0.0] * 4, least
    for _ in range(_ROUNDS):
        numbers = (sigma, theta, *tops, *bands)
        if not (all(map(isfinite, numbers)) and theta > 0.125 and max(tops) < 8):
            return None
        if not sum(bands) < least:
            return None
        guess = Sandwich(state.time, *map(Fraction, numbers))
        # What one round of the induction asks for, a little wider.
        g = growth(system, guess)
        p, r = (sigma * state.a[j][1 - j] for j in (0, 1))
        asked = ((g.rise_p, p), (g.fall_p, -p), (g.rise_r, r), (g.fall_r, -r))
        bands = [
            _WIDER * max((1 + 1 / sigma) * float(x[1].mid()), float(here.upper()))
            for x, here in asked
        ]
        less = [_WIDER * float(slack[0].mid()) / sigma for slack in (g.slack_a, g.slack_b)]
        more = [_WIDER * float(slack[1].mid()) / sigma for slack in (g.slack_a, g.slack_b)]
        theta = min(1 - max(less), (least - max(less)) / sigma) / _WIDER
        tops = [
            _WIDER * max(1 + up, (float(s.upper()) + up) / sigma)
            for up, s in zip(more, levels, strict=True)
        ]
    return guess if holds(system, state, step, guess) else None
