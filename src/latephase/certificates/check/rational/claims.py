"""The claims of a run that specialises or dies, each derived again in rationals.

Written from docs/certificates.md, "The claims, and what proves them": x1 x2 <= -1, output weights
that are fixed, gradient descent, and gradient flow where it has a closed form.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction

from latephase.certificates.check import claims
from latephase.certificates.check.claims import TIMES, WIDE, ClaimsCheck, Wrong, need
from latephase.certificates.check.form import (
    LAYERED_FORMAT,
    SETTLED_FORMAT,
    Body,
    Uncheckable,
    whole,
)
from latephase.certificates.check.rational.interval import Interval
from latephase.certificates.check.rational.late import Late
from latephase.certificates.check.rational.path import BOTH, RationalPath, RationalProblem, number

_WORK = 1 << 22  # single steps times bits, some seconds; an orbit costs a hundred steps
_MOST_BITS = 1 << 11  # a logarithm of 10,000 bits takes a hundredth of a second
_ORBIT = 100
_ORDERS = {
    "specialised": "entry absorbed orbits constant( rate)+( deficit)*",
    "one_dead": "entry absorbed no_margin",
    "both_dead": "entry absorbed no_margin",
}


def derived(body: Body) -> tuple[int, list[str]]:
    """How many claims hold, and what is wrong.  Raises Uncheckable on other kinds of runs."""
    if body["format"] in (LAYERED_FORMAT, SETTLED_FORMAT):
        raise Uncheckable("one of both layers, or of other networks than a pair")
    try:
        problem = RationalProblem(body["problem"])
    except Wrong as error:
        return 0, [f"problem: {error}"]
    if problem.flow and problem.k12 != 0:
        raise Uncheckable("a flow with x1 x2 other than -1")
    if problem.k12 > 0:
        raise Uncheckable("one with x1 x2 > -1")
    legs = [whole(leg["steps"]) if leg["by"] == "steps" else _ORBIT for leg in body["path"]]
    bits = body["bits"] or 0
    if sum(legs) * bits > _WORK or bits > _MOST_BITS:
        raise Uncheckable(f"one of {sum(legs):,} steps at {bits:,} bits, which takes too long")

    @contextmanager
    def checked(bits: int) -> Iterator[ClaimsCheck]:
        try:
            yield RationalCheck(RationalPath(problem, body["path"], bits), body)
        except (ArithmeticError, ValueError) as error:
            raise Wrong(f"{error}, which is not decided") from None

    return claims.derived(body, checked)


class RationalCheck(ClaimsCheck):
    """A method for each kind of claim."""

    def __init__(self, path: RationalPath, body: Body) -> None:
        super().__init__(body, _ORDERS)
        self.path, self.bits, self.p = path, path.bits, path.problem
        self.late: Late | None = None

    def _inside(self, claimed: Body, x: Interval, cost: Interval | int = 0) -> None:
        """x lies in the interval, which is not much wider than it must be: 2^20 times as wide as
        the precision of the file makes it, and as terms of size 1 are known there.
        """
        lower, upper = number(claimed["lower"], self.bits), number(claimed["upper"], self.bits)
        low, high = (Interval(end, end, self.bits) for end in (x.low, x.high))
        need(lower <= low and high <= upper, "the re-derived value is not in the interval")
        file_bits = self.body["bits"]
        spare = x.width * 2 ** (self.bits - file_bits) + Fraction(1, 2**file_bits)
        spare += abs(x) / 2**79 + cost
        need(not upper - lower > spare * 2**20, WIDE)

    def _exact(self, x: Fraction) -> Interval:
        return Interval.of(x, self.bits)

    def _since(self) -> Interval:
        """The time from which the law holds."""
        return self._landing() if self.p.flow else self._exact(Fraction(self.path.t))

    def _landing(self) -> Interval:
        """When the last wrong side of a flow comes to rest: e^a sinh(w)/k if the own neuron is
        active, (1 - e^-w)/k if it is not.
        """
        last = self._exact(Fraction(0))
        for j, (k, a) in enumerate(zip((self.p.k11, self.p.k22), self.path.a, strict=True)):
            own, wrong = a[j], self.path.a[1 - j][j]
            if wrong > 0 and own > 0:
                last = last.at_least(own.exp() * (wrong.exp() - (-wrong).exp()) / (2 * k))
            elif wrong > 0:
                last = last.at_least((1 - (-wrong).exp()) / k)
        return last

    def _due(self) -> list[str]:
        begin = self._since()
        return [t for t in super()._due() if begin <= TIMES[t]]

    def _truth(self, claims: list[Body]) -> bool:
        claim, trained = self.body["claim"], self.regime == "specialised"
        best = trained and claims[3]["optimal"]
        answers = {"settled": True, "trained": trained, "optimal_margin": best}
        answers["slow"] = best and not claims[3]["zero"]
        return bool(answers.get(claim, claim == self.regime))

    def entry(self, claim: Body) -> None:
        path, flow = self.path, self.p.flow
        need(whole(claim["base"]) == path.t, "base is not where the path leads")
        need(claim.get("pattern") == (None if flow else path.pattern), "the pattern is another")
        need(isinstance(claim["entry"], dict) == flow, "the form of entry")
        begins = "gradient flow from the start" if flow else "the run is in its regime"
        need(claim["statement"].startswith(begins), "the statement is another")
        if flow:
            self._inside(claim["entry"], self._landing())
        else:
            need(whole(claim["entry"]) == path.since, "the regime begins at another step")
        for j in BOTH:
            for claimed, a in zip(claim["preactivations"][j], path.a[j], strict=True):
                self._inside(claimed, a)

    def _regime(self) -> str | None:
        s, k12 = self.path.pattern, self.p.k12
        if self.p.flow:
            alive = sum(self.path.s[j][j] for j in BOTH)
            words = ("both_dead", "one_dead", "specialised")
            return words[alive] if self.argument == "closed form" else None
        if self.argument == "nothing moves":
            return "both_dead" if s == "0000" else None
        due = "wrong sides frozen" if k12 == 0 else "wrong sides sink"
        names = {"1001": "specialised", "1000": "one_dead", "0001": "one_dead"}
        return names.get(s) if self.argument == due else None

    def no_margin(self, claim: Body) -> None:
        since, entry = whole(claim["since"]), self.body["claims"][0]["entry"]
        if self.p.flow:  # the first whole time that the file knows to be late enough
            upper = number(entry["upper"], self.bits)
            need(upper > since - 1 and self._landing() <= since, "since is not entry")
        else:
            need(since == whole(entry), "since is not entry")

    def _law(self) -> Late:
        if self.late is None:
            raise Wrong("what it rests on is wrong")
        return self.late

    def orbits(self, claim: Body) -> None:
        late = Late(self.path, claim)
        need(not self.p.flow or claim["terms"] == claim["level"] == 0, "a flow has no terms")
        error = number(claim["remainder"], self.bits)
        need(error >= late.error, "the remainder is larger than claimed")
        need(error <= late.error * 2**20, "the remainder is much smaller than claimed")
        for claimed, phase in zip(claim["phases"], late.phases, strict=True):
            self._inside(claimed, phase)
        self.late = late

    def constant(self, claim: Body) -> None:
        late = self._law()
        need(claim["optimal"] == late.optimal, "optimal is the opposite")
        need(claim["zero"] == late.zero, "zero is the opposite")
        decided = late.zero or late.lean > 0 or late.lean < 0
        need(decided, "the sign of the constant is not decided")
        self._inside(claim["limit"], self._exact(late.limit))
        self._inside(claim["constant"], late.constant)

    def rate(self, claim: Body) -> None:
        late, log = self._law(), number(claim["log_from"], self.bits)
        clock = "t ln t" if late.zero else "ln t"
        need(claim["clock"] == clock and f"({clock})" in claim["statement"], "the clock is another")
        need(log > 0, "log_from is too early")
        t = log.exp()
        need(t >= self._since() and t >= 3, "log_from is too early")
        low, high = late.size(t)
        if high > 0:
            stray, pace = late.strays(t), abs(late.pace)
            least = 1 + ((late.offset - stray) / log).at_most(0)
            need(least > 0, "log_from is too early")
            low = low / (1 + ((late.offset + stray) / log).at_least(0)) / pace
            high = high / least / pace
        claimed = number(claim["lower"], self.bits)
        need(claimed <= 0 or claimed <= low, "the lower bound is smaller")
        need(number(claim["upper"], self.bits) >= high, "the upper bound is larger")

    def deficit(self, claim: Body) -> None:
        need(claim["statement"].endswith(f"t = {claim['t']}"), "the statement is another")
        self._inside(claim["deficit"], *self._law().deficit(TIMES[claim["t"]]))
