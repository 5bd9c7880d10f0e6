"""Many decoupled steps at once, in rationals: Phi(s) = s - ln(s)/2 + sum a_k s^-k, and back.

Source: docs/certificates.md, "entry" and "orbits", and docs/theory.md, section 4.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache

from latephase.certificates.check.claims import Wrong, need
from latephase.certificates.check.rational.interval import Interval

TERMS = 64  # of Phi, where the file does not say
_LEVEL = 50  # from which on Phi is used, likewise
_FINE = 512  # bits of coefficients and remainders


@cache
def coefficients() -> tuple[Fraction, ...]:
    """a_1, a_2, ..., exactly."""
    a: list[Fraction] = []
    while len(a) < TERMS:
        j = len(a) + 2
        sums = sum((x * _share(-k, j - k) for k, x in enumerate(a, 1)), Fraction(0))
        a.append((Fraction(1, math.factorial(j + 1)) + sums) / (j - 1))
    return tuple(a)


def _share(k: int, n: int) -> Fraction:
    """k^n/n!."""
    return Fraction(k**n, math.factorial(n))


@cache
def _rounded(bits: int) -> tuple[Interval, ...]:
    """The coefficients as intervals."""
    one = Interval.of(1, bits)
    return tuple(one * x for x in coefficients())


@cache
def remainder(terms: int, level: int) -> Interval:
    """R_K, for s >= level.  Raises Wrong where Phi is not known to rise at least by 1 - 1/s."""
    need(level >= 2, "the level is too low")
    a = coefficients()[:terms]
    # |e_j| level^-j for j up to `last`; from there on each bound of it is less than half of the one
    # before, as k/(j + 1 - k) < 1 and level >= 2.
    last = 2 * terms + 40
    size = Interval.of(0, _FINE)
    for j in range(terms + 2, last + 1):
        moved = sum((x * _share(-k, j - k) for k, x in enumerate(a, 1)), Fraction(0))
        size += _of_level(abs(Fraction(1, math.factorial(j + 1)) + moved), level, j)
    j = last + 1
    rest = sum((abs(x) * _share(k, j - k) for k, x in enumerate(a, 1)), Fraction(0))
    size += 2 * _of_level(Fraction(1, math.factorial(j + 1)) + rest, level, j)
    found = size * (1 + Fraction(level, terms + 1))
    steep = sum((_of_level(k * abs(x), level, k) for k, x in enumerate(a, 1)), 0 * size)
    need(found <= Fraction(1, 2) and steep <= Fraction(1, 2), "the level is too low")
    return found


def _of_level(x: Fraction, level: int, power: int) -> Interval:
    """x level^-power; rounded before it is divided, as level^power has 1700 bits."""
    return Interval.of(1, _FINE) * x / level**power


def sigma(s: Interval, terms: int, level: int) -> Interval:
    """sum a_k s^-k, s >= level; what its last terms add below the precision is enclosed.

    k |a_k| level^-k is at most 1/2 for each k, so that the terms from n on are less than
    (level/s)^n, if s is twice the level.
    """
    few, z = terms, 1 / s
    if s > 2 * level:
        few = min(terms, 2 + 2 * s.bits // (s.low.top - level.bit_length() + 1))
    total = Interval.of(0, s.bits)
    for a in reversed(_rounded(s.bits)[:few]):
        total = (total + a) * z
    if few == terms:
        return total
    rest = Interval.of(1, s.bits)
    for _ in range(few + 1):
        rest = rest * z * level
    return total.widened(rest)


def phi(s: Interval, terms: int, level: int) -> Interval:
    """Phi_K(s)."""
    need(s >= level, "an orbit is not above its level")
    return s - s.log() / 2 + sigma(s, terms, level)


def inverse(phase: Interval, terms: int, level: int) -> Interval:
    """The s >= level with Phi_K(s) in the interval, if there is one.

    Newton's steps lead near it, whatever they are; there Phi rises by 1 - 1/level at least.
    """
    need(phase > 1, "a phase cannot be inverted")
    x = (phase + phase.log() / 2).middle.at_least(level)
    for _ in range(99):
        off = phi(x, terms, level) - phase
        closer = (x - off * x / (x - Fraction(1, 2))).middle.at_least(level)
        if abs(closer - x) <= off.width:
            return x.widened(off * Fraction(level, level - 1)).at_least(level)
        x = closer
    raise Wrong("a phase cannot be inverted")


def later(u: Interval, c: Interval, n: int) -> Interval:
    """u after n steps u + c exp(-u), however many."""
    while n > 0 and not u.exp() >= c * _LEVEL:
        u, n = u + c * (-u).exp(), n - 1
    if n == 0:
        return u
    phase = (phi(u.exp() / c, TERMS, _LEVEL) + n).widened(remainder(TERMS, _LEVEL))
    return (c * inverse(phase, TERMS, _LEVEL)).log()
