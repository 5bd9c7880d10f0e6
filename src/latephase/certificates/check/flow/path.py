"""The checker's own gradient flow on any two points: along the legs of the file, and after them.

Source: docs/certificates.md, "Flow on any two points". Nothing here is shared with what writes the
files.
"""

from __future__ import annotations

from latephase.certificates.check.claims import need
from latephase.certificates.check.enclosures import ONE, ZERO, Two, value
from latephase.certificates.check.flow.mode import PLACES, Rates, Stretch, clock, series
from latephase.certificates.check.form import Body
from latephase.certificates.check.pairs.path import StatedProblem
from latephase.core.balls import arb, exact, plus_minus


class FlowPath:
    """Where the legs lead: the pre-activations `a`, their signs `s`, the time `t`, and which
    neurons have been active where (`crossed`).
    """

    def __init__(self, problem: StatedProblem, path: list[Body]) -> None:
        self.problem, self.t, self.a = problem, ZERO, problem.start
        self.s = self._first_signs()
        self.crossed = tuple(x != "0" for x in self.s)
        self.released: tuple[int, ...] = ()
        self.of = (0, 1) if problem.mirror else (0, 1, 2, 3)
        for n, leg in enumerate(path, 1):
            need(leg["by"] == "mode", "a flow is not walked")
            lower, upper = value(leg["after"]["lower"]), value(leg["after"]["upper"])
            need(lower <= upper, "an interval with its ends exchanged")
            after = lower.union(upper)
            need(leg["ends"] != "nothing" or n == len(path), "a mode that nothing ends")
            self._leg(leg["ends"], after)
        self.stretch = self._stretch()

    def _stretch(self) -> Stretch:
        """The mode from here on."""
        rates = Rates(self.problem, self.s)
        u1, u2 = rates.margins(self.a)
        return Stretch(rates, self.a, ONE if self.problem.mirror else (u1 - u2).exp())

    def _leg(self, ends: str, after: arb) -> None:
        here = self._stretch()
        if ends == "nothing":
            need(after.is_exact() and after > 0, "no end, and not one number")
            for i in self.of:
                here.lasts(i, after, i in self.released)
            self._move(here, after, ())
            return
        i = PLACES.index(ends)
        need(i in self.of and not here.still(i), "what ends a mode does not move")
        end = here.ends(i, after)
        for j in self.of:
            if j != i:
                here.lasts(j, end, j in self.released)
        ended = (i, 3 - i) if self.problem.mirror else (i,)
        self._move(here, end, ended)
        # The signs there; a slide that lets go rises, as it does for as long as the mode lasts.
        z = self._stretch().z
        held = [j for j in ended if here.rates.s[j] == "s"]
        new = {j: "1" if j in held else self._arrived(here.rates.s, j, z) for j in ended}
        self.s = "".join(new.get(j, x) for j, x in enumerate(self.s))
        self.released = tuple(held)
        self.crossed = tuple(x or s != "0" for x, s in zip(self.crossed, self.s, strict=True))

    def _move(self, here: Stretch, r: arb, ended: tuple[int, ...]) -> None:
        losses = (r, r) if self.problem.mirror else here.losses(r)
        a11, a12, a21, a22 = (ZERO if j in ended else x for j, x in enumerate(here.moved(losses)))
        self.a, self.t = (a11, a12, a21, a22), self.t + here.time(losses)

    def _first_signs(self) -> str:
        """Those of the start, an exact 0 by where it goes."""
        a11, a12, a21, a22 = a = self.a
        s = "".join("1" if x > 0 else "0" for x in a)
        u1, u2 = a11.max(ZERO) - a21.max(ZERO), a22.max(ZERO) - a12.max(ZERO)
        for i in range(4):
            if a[i].is_zero() and s[i ^ 1] == "1":
                s = s[:i] + self._arrived(s, i, (u1 - u2).exp()) + s[i + 1 :]
        return s

    def _arrived(self, s: str, i: int, z: arb) -> str:
        """The sign of a pre-activation that is 0."""
        p, k12 = self.problem, self.problem.k12
        other = s[i ^ 1] == "1"  # of the same neuron on the other point
        # v_0 and v_1 - v_0, over the loss of the other point.
        if i in (0, 3):
            low = -k12 if other else ZERO
            return "0" if low <= 0 else "1"
        low = k12 if other else ZERO
        if low <= 0:
            return "0"
        high = low - (p.k22 * z if i == 1 else p.k11 / z)
        need(high > 0 or high < 0, "whether a kink holds is not decided")
        return "1" if high > 0 else "s"

    def settle(self) -> None:
        """Nothing ever ends the last mode.  Raises Wrong."""
        for i in self.of:
            self.stretch.for_ever(i, i in self.released)


class Approach:
    """A slide for all later times: z = l2/l1 on its way to its limit."""

    clock = "t ln t"

    def __init__(self, path: FlowPath) -> None:
        p, self.rates, here = path.problem, path.stretch.rates, path.stretch
        self.path, self.gap, self.half = path, p.gap, abs(p.gap) / 2
        limit = self.rates.limit
        assert limit is not None  # slides have a, b > 0
        self.z = exact(limit)
        self.p = exact((self.rates.alpha * self.rates.beta - self.rates.gamma**2) / self.rates.b)
        self.kappa = exact(self.rates.gamma / self.rates.b)
        self.power = exact(self.rates.a) / self.p
        u1, _ = self.begun = self.rates.margins(path.a)
        self.w = ZERO if p.mirror else self.z / here.z - 1
        need(abs(self.w) <= exact(0.25), "z is far from its limit")
        self.drift = self.w * (u1.exp() * (1 + self.w) ** self.kappa) ** self.power
        self.phase = clock(self.rates, u1, here.z if not p.mirror else ONE) - path.t
        # The law.
        self.zero, self.middle = limit == 1, p.middle
        self.lean = ZERO if self.zero else -self.z.log()
        self.pace, self.limit = 4 / p.gap, p.middle
        self.constant = self.lean / self.pace
        self.offset = self.p.log() - self.z.log() / 2
        # The neuron on both points, if there is one: its pre-activations and its own Gram number.
        self.wide = {"11s1": (0, 1), "1s11": (3, 2)}.get(path.s)
        gram = self.rates.k11 if path.s == "11s1" else self.rates.k22
        self.optimal = self.wide is None or self.rates.k12 <= 7 * gram

    def at(self, t: arb) -> Two:
        """w and X: Newton's interval steps for X G(w)/p = t + phase, dX/dt = p (1 + w)^kappa."""
        goal = t + self.phase
        need(goal > 0, "before the slide")
        x = self.p * goal / (1 + plus_minus(self._off(self.w.abs_upper())))
        for _ in range(200):
            w, middle = self._stray(x), x.mid()
            there = self.drift * middle ** (-self.power)
            need(abs(there) < exact(0.5), "w is not known well enough")
            miss = middle * series(self.rates, there) / self.p - goal
            closer = middle - miss * self.p * (1 + w) ** self.kappa
            if not closer.rad() < x.rad() * exact(0.9):
                break
            x = closer
        return self._stray(x), x

    def _stray(self, x: arb) -> arb:
        """w where X is x; it has only come nearer to 0."""
        w, most = self.drift * x ** (-self.power), plus_minus(self.w.abs_upper())
        return w if most.contains(w) else most

    def _off(self, size: arb) -> arb:
        """A bound of |G - 1|."""
        rates = self.rates
        if rates.gamma == 0:
            return ZERO
        span = exact(rates.alpha + rates.beta + 2 * rates.gamma)
        return self.p / span * size / (1 - size)

    def margins(self, w: arb, x: arb) -> Two:
        """u1 and u2."""
        y = w.log1p()
        u1 = x.log() - self.kappa * y
        return u1, u1 + y - self.z.log()

    def size(self, t: arb, log: arb) -> Two:
        """Bounds of |lean + y|, or of t |y| where lean is 0, from time t on."""
        w, x = self.at(t)
        most = w.abs_upper()
        self._only_zero(w, x)
        if not self.zero:
            y = -(1 - most).log()
            return abs(self.lean) - y, abs(self.lean) + y
        h, size = abs(self.phase) / t, abs(self.drift) / self.p
        need(h < 1, "log_from is too early")
        return size / (1 + h) / (1 + most), size / (1 - h) / (1 - most)

    def _only_zero(self, w: arb, x: arb) -> None:
        """From here on the neuron on both points falls to 0 no nearer than x* is."""
        if self.wide is None or not self.optimal:
            return
        u1, u2 = self.margins(w, x)
        r = self.rates
        own, other = (u1, u2) if self.wide == (0, 1) else (u2, u1)
        need(2 * own + other >= self._pair(u1, u2)[1], "N may vanish nearer than x* is")
        to_u1, to_u2 = (r.alpha, -r.gamma), (-r.gamma, r.beta)
        first, second = (to_u1, to_u2) if self.wide == (0, 1) else (to_u2, to_u1)
        wrong = r.of[self.wide[1]]
        p, q = (2 * x + y - v for x, y, v in zip(first, second, wrong, strict=True))
        now = exact(p) + exact(q) * self.z / (1 + w)
        assert r.limit is not None
        need(now >= 0 and p + q * r.limit >= 0, "N may vanish nearer than x* is")

    def _pair(self, u1: arb, u2: arb) -> Two:
        """Both pre-activations of the neuron on both points."""
        assert self.wide is not None
        r, a = self.rates, self.path.a
        moved = u1 - self.begun[0], u2 - self.begun[1]
        det, found = r.alpha * r.beta - r.gamma**2, []
        for i in self.wide:
            p, q = r.of[i]
            by = exact((p * r.beta + q * r.gamma) / det), exact((p * r.gamma + q * r.alpha) / det)
            found.append(a[i] + by[0] * moved[0] + by[1] * moved[1])
        return found[0], found[1]

    def strays(self, t: arb) -> arb:
        """E: how far e is from 0 at most, from time t on."""
        w, h = self.at(t)[0].abs_upper(), abs(self.phase) / t
        off = self._off(w)
        need(h < 1 and off < 1, "log_from is too early")
        share = abs(exact(0.5) - self.kappa)
        return -(1 - h).log() - (1 - off).log() - share * (1 - w).log()

    def deficit(self, t: int) -> tuple[arb, arb, arb]:
        """Bounds of the margin deficit at time t."""
        w, x = self.at(arb(t))
        u1, u2 = self.margins(w, x)
        off = self.half * abs(self.lean + w.log1p()) / (u1 + u2)
        if self.wide is not None:
            own, other = self._pair(u1, u2)
            need(other > 2 * own or other < 3 * own, "where the neuron on both points is 0")
            if other > 2 * own:
                off = off.max(2 * self.half * (exact(0.5) - own / (other - own)))
        return off.abs_lower(), off.abs_upper(), ZERO
