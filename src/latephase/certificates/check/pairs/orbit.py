"""Many decoupled steps at once: the checker's own Fatou coordinate.

Source: docs/certificates.md, "entry" and "orbits", and docs/theory.md, section 4.
"""

from __future__ import annotations

import math
from functools import cache, lru_cache

from latephase.certificates.check.claims import Wrong, need
from latephase.certificates.check.enclosures import ONE, ZERO
from latephase.core.balls import arb, bits, plus_minus, precision

TERMS = 64  # of the Fatou coordinate, where the file does not say
_LEVEL = 50  # likewise


def _defect(j: int, a: tuple[arb, ...], sign: int = -1) -> arb:
    """e_j for coefficients a_1, a_2, ...; for their moduli and sign 1 a bound of |e_j|."""
    terms = (x * arb((sign * k) ** (j - k)) / math.factorial(j - k) for k, x in enumerate(a, 1))
    return sum(terms, ONE / math.factorial(j + 1))


@lru_cache(maxsize=32)
def _coefficients(accuracy: int) -> tuple[arb, ...]:
    """a_1, a_2, ... to this many bits, 1024 at most."""
    a: tuple[arb, ...] = ()
    with precision(1024):
        while len(a) < TERMS:
            a += (_defect(len(a) + 2, a) / (len(a) + 1),)
    with precision(accuracy):
        return tuple(+x for x in a)


@cache
def remainder(terms: int, level: int) -> arb:
    """R_K for s >= level, where also |Phi' - 1| <= 1/s, on which all uses of Phi rely."""
    need(level >= 2, "the level is too low")
    last = 2 * terms + 40  # beyond it, each bound is less than half of the one before
    with precision(1024):
        z, a = ONE / level, _coefficients(1024)[:terms]
        moduli = tuple(abs(x) for x in a)
        tail = 2 * _defect(last + 1, moduli, 1) * z ** (last - terms - 1)
        sizes = (abs(_defect(j, a)) * z ** (j - terms - 2) for j in range(terms + 2, last + 1))
        error = sum(sizes, tail) * z ** (terms + 1) * (z + ONE / (terms + 1))
        steep = sum((k * x * z**k for k, x in enumerate(moduli, 1)), ZERO)
        need(2 * error <= 1 and 2 * steep <= 1, "the level is too low for so many terms")
        return error.upper()


def phi(s: arb, terms: int, level: int) -> arb:
    """Phi_K(s); what its late terms add below the precision, at most (level/s)^k, is enclosed."""
    need(s >= level, "an orbit is not above its level")
    log, z, total = s.log(), 1 / s, ZERO
    few = 1 + int(0.7 * bits() / max(float(log) - math.log(level), 0.01))
    for a in reversed(_coefficients(bits())[: min(few, terms)]):
        total = (total + a) * z
    rest = plus_minus((level * z) ** (few + 1)) if few < terms else ZERO
    return s - log / 2 + total + rest


def inverse(phase: arb, terms: int, level: int) -> arb:
    """The s >= level with Phi_K(s) in the ball: Newton's steps, then a slope >= 1 - 1/s."""
    x = (phase + phase.log() / 2).mid().max(arb(level))
    for _ in range(99):
        off, z = phi(x, terms, level) - phase, 1 / x
        move = (off / (1 - z / 2 - z * z / 6 - z * z * z / 8)).mid()
        if abs(move) <= off.rad():
            need(4 * off.abs_upper() <= x, "a phase is not known well enough")
            return x + plus_minus(off * x / (x - 2))
        x = (x - move).mid()
    raise Wrong("a phase cannot be inverted")


def later(u: arb, c: arb, n: int) -> arb:
    """u after n steps u + c exp(-u), however many."""
    for _ in range(_LEVEL + 1):
        if n == 0 or u.exp() >= c * _LEVEL:
            break
        u, n = u + c * (-u).exp(), n - 1
    if n == 0:
        return u
    phase = phi(u.exp() / c, TERMS, _LEVEL) + n + plus_minus(remainder(TERMS, _LEVEL))
    return (c * inverse(phase, TERMS, _LEVEL)).log()
