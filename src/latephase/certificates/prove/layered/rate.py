"""lower <= |x*(t) - x_inf| sqrt(ln t) <= upper for all later times: the exponent 1/2, proved.

For all t with ln t >= L each margin obeys q - ln q = ln t + ln(2 tau) + e with an e between bounds
that shrink as L grows, whence q/ln t -> 1, w_i^2/q -> 1/sqrt(k_ii), and q_2 - q_1 is bounded.
Source: docs/certificates.md, "Both layers".
"""

from __future__ import annotations

from dataclasses import dataclass

from latephase.certificates.prove.tails.rate import ProvedRate, constant
from latephase.certificates.verdict import Undecided, Unprovable
from latephase.core.balls import arb, exact

from .growth import Growth
from .tail import LateLayers, parted

CLOCK = "sqrt(ln t)"
_ROOM, _NEAR = exact(2.0**-8), exact(2.0**-40)
_FAR = 100  # times off the constant, beyond which a bound says little and hangs on rounding
_DOUBLINGS = 100  # of ln t, until a statement for all later times holds
_LATEST = 1e12  # ln t


@dataclass(frozen=True)
class _Later:
    """Of one margin at all times from one on: q >= least, and q - ln q - ln t in `shift`."""

    least: arb
    shift: arb


def layered_rate(tail: LateLayers, log_from: float | None = None) -> ProvedRate:
    """The rate from a time on; by default from the earliest of a sequence of ln t.

    Raises Unprovable if none will do, Undecided for one that was given.
    """
    if log_from is not None:
        found = _rate_from(tail, log_from)
        if found is None:
            raise Undecided("the rate from the time asked for")
        return found
    log = max(2.0, float(exact(tail.since + 1).log().upper()) * 1.0001)
    for _ in range(_DOUBLINGS):
        if log > _LATEST:
            break
        found = _rate_from(tail, log)
        if found is not None:
            return found
        log *= 1.5
    raise Unprovable("a time from which the rate holds: the constant is too small")


def _later(growth: Growth, t: arb) -> tuple[_Later, arb] | None:
    """What holds of a margin from t on, and the margin at t and at the first step after it."""
    n = t - growth.base
    least = growth.margin(n).lower()
    most = growth.margin(n + 1).upper()
    if not least > 2:
        return None
    rate, rho = 2 * growth.tau, growth.spread(least)
    # Below: e^q/rho(q) rises by at least `share` of what F does.
    share = (1 - 1 / least) / (1 + growth.plus * (-least).exp())
    kept = share.min(least.exp() / rho / (rate * t))
    # Above: it rises by no more than F does.
    ahead = growth.start.exp() / growth.spread(growth.start) / rate - growth.base
    pace = (most - growth.start) / t + growth.stride_at(least, rho)
    more = 1 + ahead.max(arb(0)) / t + growth.fast * pace
    apart = growth.leans / least
    above = more.log() + (apart * apart).log1p() / 2
    return _Later(least, rate.log() + kept.log().lower().union(above.upper())), least.union(most)


def _rate_from(tail: LateLayers, log_from: float) -> ProvedRate | None:
    log = exact(log_from)
    t = log.exp()
    if not t >= tail.since + 1:
        return None
    found = [_later(growth, t) for growth in tail.growths]
    if found[0] is None or found[1] is None:
        return None
    (first, here_1), (second, here_2) = found[0], found[1]
    if not _boundary_decides(tail, (here_1, here_2)):
        return None
    share = _share(first, log)
    scaled = _scaled_gap(tail, first, second)
    if share is None or not scaled.is_finite():
        return None
    size = abs(scaled)
    low, high = size.lower() / share.upper().sqrt(), size.upper() / share.lower().sqrt()
    room, known = (high - low) * _ROOM, abs(constant(tail))  # for whoever rounds otherwise
    low, high = low - room, high + room
    if not (low * _FAR > known and high < known * _FAR):
        return None
    return ProvedRate(CLOCK, log_from, low.lower(), high.upper())


def _share(later: _Later, log: arb) -> arb | None:
    """q/ln t at all times from `log` on."""
    low = 1 + ((later.least.log() + later.shift) / log).lower().min(arb(0))
    # q <= (1 + h) ln t, from then on, if h ln t - ln((1 + h) ln t) >= shift and h ln t >= 1 there.
    most = later.shift.upper()
    rise = exact(1)
    for _ in range(40):
        rise = ((log + rise).log() + most).upper().max(exact(1))
    rise = rise * (1 + _NEAR)
    if not (low > 0 and rise - (log + rise).log() >= most):
        return None
    return low.lower().union((1 + rise / log).upper())


def _scaled_gap(tail: LateLayers, first: _Later, second: _Later) -> arb:
    """(x* - x_inf) sqrt(q_1) at all times from the one that both are about on."""
    s, zero = tail.system, arb(0)
    least = first.least.min(second.least)
    steeper = 1 / (1 - 1 / least)
    apart = (second.shift - first.shift) * exact(1).union(steeper)  # q_2 - q_1
    ratio = 1 + zero.union(apart / first.least)  # q_2/q_1
    small = zero.union(1 / first.least.sqrt())  # q_1^(-1/2)
    w = []
    for growth, later in zip(tail.growths, (first, second), strict=True):
        lean = growth.leans / later.least
        part, _ = parted(exact(1), (1 + lean * lean).sqrt(), lean)  # (rho - d)/q, monotone in d/q
        w.append((exact(1).union(part) / growth.c).sqrt())
    w1, w2 = w[0], w[1] * ratio.sqrt()
    over = apart * small + tail.parts[0] * w2 + tail.parts[1] * w1
    nulls = tail.nulls[0] * w1 * small, tail.nulls[1] * w2 * small
    return over / exact(1 - s.x1 * s.x2) / tail.span(exact(1), ratio, *nulls)


def _boundary_decides(tail: LateLayers, q: tuple[arb, arb]) -> bool:
    """Whether both neurons are active at x* from where the margins are q on.

    a11 a22 - a12 a21 is bilinear in the own pre-activations, which only grow: positive with
    derivatives >= 0, it stays so.
    """
    own = []
    for growth, margin in zip(tail.growths, q, strict=True):
        _, large = parted(margin, growth.spread(margin), growth.leans)
        own.append((large * growth.c).sqrt())
    s, ((a11, a12), (a21, a22)) = tail.system, tail.sides((own[0], own[1]))
    by_first = a22 - exact(s.k12 / s.k11) * a21
    by_second = a11 - exact(s.k12 / s.k22) * a12
    return bool(a11 * a22 - a12 * a21 > 0 and by_first >= 0 and by_second >= 0)
