"""The claims of a certificate of a network that has settled, each derived again.

Source: docs/certificates-general.md.
"""

from __future__ import annotations

from latephase.certificates.check.claims import TIMES, Wrong, need
from latephase.certificates.check.enclosures import ZERO, BallClaims, value, within
from latephase.certificates.check.form import Body, whole
from latephase.certificates.check.settled.kinks import Kinks
from latephase.certificates.check.settled.late import GeneralLate
from latephase.certificates.check.settled.law import MarginLaws
from latephase.certificates.check.settled.limit import GeneralLimit
from latephase.certificates.check.settled.margin import margin_in
from latephase.certificates.check.settled.path import GeneralPath
from latephase.core.balls import arb, length

_CLAIMS = dict.fromkeys(
    ("settled", "idle"), "entry limit absorbed( values)* constant( rate)?( rate)?"
)
_WIDE = 16  # times what is derived again


class SettledCheck(BallClaims):
    """Those of any network."""

    opening, timed = ("entry", "limit", "absorbed"), "values"

    def __init__(self, path: GeneralPath, body: Body) -> None:
        super().__init__(body, _CLAIMS)
        self.path = path
        self.pattern: list[str] = []
        self.leads: GeneralLimit | None = None
        self.late: GeneralLate | None = None
        self.laws: MarginLaws | None = None

    def _due(self) -> list[str]:
        return sorted(name for name, t in TIMES.items() if t >= self.path.steps)

    def _truth(self, claims: list[Body]) -> bool:
        claim, trained = self.body["claim"], self.regime == "settled"
        if claim != "slow" or not trained:
            return bool({"settled": True, "trained": trained, "slow": False}[claim])
        ends = next(c for c in claims if c["kind"] == "constant")["margin_constant"]
        need(ends is not None, "slow, and no constant")
        need(not value(ends["lower"]) <= 0 <= value(ends["upper"]), "slow, and C may be 0")
        return True

    def entry(self, claim: Body) -> None:
        path = self.path
        need(whole(claim["base"]) == path.steps, "base is not where the path leads")
        since = path.since(claim["pattern"])
        need(whole(claim["entry"]) == since, "the pattern is so from another step on")
        self.pattern = claim["pattern"]
        self._rows(claim["parameters"], path.theta)
        self._each(claim["margins"], path.u)

    def limit(self, claim: Body) -> None:
        need(self.pattern, "what it rests on is wrong")
        found = GeneralLimit(Kinks(self.path, self.pattern), claim["support"])
        self._each(claim["multipliers"], [arb(x) for x in found.weights])
        self._each(claim["margins"], [arb(x) for x in found.margins])
        size = ZERO if found.idle else 1 / arb(found.square).sqrt()
        self._inside(claim["normalised_margin"], size, size)
        self.leads = found

    def absorbed(self, claim: Body) -> None:
        super().absorbed(claim)
        self.late = GeneralLate(self.path, self._leads(), claim)

    def _regime(self) -> str | None:
        leads = self._leads()
        due = "margins grow" if leads.support else "nothing moves"
        return ("idle" if leads.idle else "settled") if self.argument == due else None

    def values(self, claim: Body) -> None:
        need(claim["statement"].endswith(f"t = {claim['t']}"), "the statement is another")
        late = self._late()
        when = late.at(arb(TIMES[claim["t"]]))
        margins = late.margins(when)
        need(len(claim["margins"]) == len(margins), "as many margins as points")
        for claimed, u in zip(claim["margins"], margins, strict=True):
            self._near(claimed, u.lower(), u.upper())
        low, high = margins[0].lower(), margins[0].upper()
        for u in margins[1:]:
            low, high = low.min(u.lower()), high.min(u.upper())
        if not (low.is_zero() and high.is_zero()):
            size = length([x for row in late.parameters(when) for x in row])
            low, high = (low / size).lower(), (high / size).upper()
        self._near(claim["normalised_margin"], low, high)
        if (claimed := claim["robustness_margin"]) is not None:
            idle = self._leads().idle
            reach = value(claimed["upper"])
            self._near(claimed, *((ZERO, ZERO) if idle else margin_in(late, when, reach)))

    def constant(self, claim: Body) -> None:
        ends, slope = claim["limit_margin"], claim["margin_constant"]
        need((ends is None) == (slope is None), "a limit and no constant, or the other way")
        if ends is None:
            return
        if self._leads().idle:
            self._near(ends, ZERO, ZERO)
            self._near(slope, ZERO, ZERO)
            return
        laws = MarginLaws(self._late())
        self._near(ends, *laws.limit(value(ends["upper"])))
        found, size = laws.constant()
        self._near(slope, found.lower(), found.upper(), size)
        self.laws = laws

    def rate(self, claim: Body) -> None:
        if self.laws is None:
            raise Wrong("what it rests on is wrong")
        start = value(claim["log_from"])
        need(0 < start < 10**12, "log_from is too early or too late")
        low, high = self.laws.rate(start)
        need(value(claim["lower"]) <= low, "the lower bound is smaller")
        need(value(claim["upper"]) >= high, "the upper bound is larger")

    def _leads(self) -> GeneralLimit:
        if self.leads is None:
            raise Wrong("what it rests on is wrong")
        return self.leads

    def _late(self) -> GeneralLate:
        if self.late is None:
            raise Wrong("what it rests on is wrong")
        return self.late

    def _near(self, claimed: Body, low: arb, high: arb, size: arb = ZERO) -> None:
        """What is derived again is inside, and the interval not much wider.

        size: of what may have cancelled.
        """
        fine = (low.abs_upper() + high.abs_upper() + size) * arb(2) ** -40
        within(claimed, low, high, _WIDE * (high - low) + fine)

    def _each(self, claimed: list[Body], balls: list[arb]) -> None:
        need(len(claimed) == len(balls), "another number of entries")
        for interval, x in zip(claimed, balls, strict=True):
            self._inside(interval, x, x)

    def _rows(self, claimed: list[list[Body]], rows: list[list[arb]]) -> None:
        need(len(claimed) == len(rows), "another number of rows")
        for intervals, row in zip(claimed, rows, strict=True):
            self._each(intervals, row)
