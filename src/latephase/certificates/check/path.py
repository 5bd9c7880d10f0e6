"""The checker's own run: the problem, one step, many decoupled steps at once.

Source: docs/certificates.md, "entry", and docs/theory.md, section 4. It shares no code with what
writes the files, so that both would have to make the same mistake.
"""

from __future__ import annotations

import math
from functools import cache, lru_cache

from latephase.certificates.check.form import Body, Number, is_double, value, whole
from latephase.core.balls import arb, bits, plus_minus, precision
from latephase.core.shown import shown

Two = tuple[arb, arb]
Four = tuple[arb, arb, arb, arb]  # a11, a12, a21, a22
Signs = tuple[bool, ...]  # s11, s12, s21, s22

EXACT = 1 << 14  # bits that hold every sum of products of a few doubles
TERMS = 64  # of the Fatou coordinate, where the file does not say
_LEVEL = 50  # likewise
ZERO, ONE = arb(0), arb(1)


class Wrong(Exception):
    """What is claimed is not so, or not decided at the precision in force."""


def need(holds: object, wrong: str) -> None:
    """Raise Wrong unless it holds."""
    if not holds:
        raise Wrong(wrong)


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


def _later(u: arb, c: arb, n: int) -> arb:
    """u after n steps u + c exp(-u), however many."""
    for _ in range(_LEVEL + 1):
        if n == 0 or u.exp() >= c * _LEVEL:
            break
        u, n = u + c * (-u).exp(), n - 1
    if n == 0:
        return u
    phase = phi(u.exp() / c, TERMS, _LEVEL) + n + plus_minus(remainder(TERMS, _LEVEL))
    return (c * inverse(phase, TERMS, _LEVEL)).log()


def _added(a: arb, change: arb) -> arb:
    """a + change; what does not move keeps all its bits, however many."""
    return a if change.is_zero() else a + change


class StatedProblem:
    """Two points, two neurons and a step size in canonical order, exactly; and how they move."""

    def __init__(self, body: Body) -> None:
        points, neurons = _order(body["labels"]), _order(body["output_weights"])
        self.x1, self.x2 = x1, x2 = [_double(body["inputs"][i]) for i in points]
        (w1, w2), (b1, b2) = ([_double(body[n][j]) for j in neurons] for n in ("weights", "biases"))
        self.start = a11, a12, a21, a22 = w1 * x1 + b1, w1 * x2 + b1, w2 * x1 + b2, w2 * x2 + b2
        self.k11, self.k12, self.k22 = 1 + x1 * x1, 1 + x1 * x2, 1 + x2 * x2
        self.frame = 1 - x1 * x2
        self.gap, self.middle, self.flow = x1 - x2, (x1 + x2) / 2, body["method"] == "gradient_flow"
        need(self.flow == (body["step_size"] is None), "a step size is for descent, not for flow")
        self.eta = ONE if self.flow else _double(body["step_size"])
        need(self.eta > 0 and not self.gap.is_zero(), "no step, or one point twice")
        landed = a11, a12 if a12 <= 0 else ZERO, a21 if a21 <= 0 else ZERO, a22
        self.nulls = self.null(landed if self.flow else self.start)
        even = bool(self.k11 == self.k22)
        self.mirror = even and bool(a11 == a22) and bool(a12 == a21)
        self.balanced = even and bool(x1 * self.nulls[1] == x2 * self.nulls[0])
        self.twins = even and bool(self.k12 <= 0 and a11 == a22 and a12 <= 0 and a21 <= 0)

    def null(self, a: Four) -> Two:
        """null_1 and null_2, times x1 - x2."""
        return self.k12 * a[0] - self.k11 * a[1], self.k22 * a[2] - self.k12 * a[3]

    def _move(self, a: Four, s: Signs, pull1: arb, pull2: arb) -> Four:
        """The pre-activations once each point has pulled at the neurons that are active on it."""
        up1, down1 = pull1 if s[0] else ZERO, pull2 if s[1] else ZERO
        down2, up2 = pull1 if s[2] else ZERO, pull2 if s[3] else ZERO
        return (
            _added(a[0], up1 * self.k11 - down1 * self.k12),
            _added(a[1], up1 * self.k12 - down1 * self.k22),
            _added(a[2], up2 * self.k12 - down2 * self.k11),
            _added(a[3], up2 * self.k22 - down2 * self.k12),
        )

    def step(self, a: Four, s: Signs) -> Four:
        """One step of gradient descent."""
        u1, u2 = _margins(a, s)
        return self._move(a, s, self.eta * (-u1).exp(), self.eta * (-u2).exp())

    def orbit(self, a: Four, s: Signs, n: int) -> Four:
        """n steps of a decoupled pattern at once."""
        coupled = (s[0] and s[1]) or (s[2] and s[3])
        need(self.k12.is_zero() or not coupled, "an orbit whose pattern is coupled")
        pulls = []
        for u, k, active in zip(
            _margins(a, s), (self.k11, self.k22), (s[0] + s[2], s[1] + s[3]), strict=True
        ):
            later = _later(u, self.eta * k * active, n) if active else u
            pulls.append((later - u) / (k * max(active, 1)))
        return self._move(a, s, *pulls)


def _double(x: Number) -> arb:
    need(is_double(x), f"{shown(x['decimal'])} is not a double")
    return value(x)


def _order(signs: list[int]) -> tuple[int, int]:
    need(sorted(signs) == [-1, 1], "two labels or two output weights are the same")
    return signs.index(1), signs.index(-1)


def _margins(a: Four, s: Signs) -> Two:
    """u_1 and u_2: the margins at the two points."""
    r11, r12, r21, r22 = (x if on else ZERO for x, on in zip(a, s, strict=True))
    return r11 - r21, r22 - r12


def signs(a: Four) -> Signs:
    """Which pre-activations are positive. Raises Wrong where that is not decided."""
    need(all(x > 0 or x <= 0 for x in a), "a sign is not decided")
    return tuple(bool(x > 0) for x in a)


class FollowedPath:
    """Where the path leads: the step `t`, the state there, `since` when no sign has changed, and
    which neurons were ever active where (`crossed`).
    """

    def __init__(self, problem: StatedProblem, path: list[dict[str, str]]) -> None:
        need(not (problem.flow and path), "a flow is not walked")
        self.problem, self.a, self.t, self.since = problem, problem.start, 0, 0
        self.s = self.crossed = signs(self.a)
        for leg in path:
            n, orbit = whole(leg["steps"]), leg["by"] == "orbit"
            need(n > 0, "a leg of no steps")
            if orbit:
                self.a, self.t = problem.orbit(self.a, self.s, n - 1), self.t + n - 1
                need(signs(self.a) == self.s, "an orbit goes on after a sign has changed")
            for _ in range(1 if orbit else n):
                self._step()
            need(not orbit or self.since == self.t, "an orbit ends before a sign changes")

    def _step(self) -> None:
        self.a, self.t = self.problem.step(self.a, self.s), self.t + 1
        if (now := signs(self.a)) != self.s:
            self.s, self.since = now, self.t
            self.crossed = tuple(x or y for x, y in zip(self.crossed, now, strict=True))
