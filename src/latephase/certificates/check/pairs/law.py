"""The claims of a law, each derived again, of descent and of flow.

Source: docs/certificates.md, "The claims, and what proves them".
"""

from __future__ import annotations

from typing import Protocol

from latephase.certificates.check.claims import TIMES, Wrong, need
from latephase.certificates.check.enclosures import ZERO, BallClaims, Two, value
from latephase.certificates.check.form import Body
from latephase.certificates.check.pairs.late import Specialised
from latephase.certificates.check.pairs.path import Trail
from latephase.core.balls import arb

_TRAINED = ("specialised", "double_slide", "single_slide")


class Tail(Protocol):
    """All later times of a run with a law: its limit and constant, and bounds from a time on.

    size: of |lean + y|, of what `clock` makes of it where `zero`;  strays: E;  deficit: with what
    the error of the file's own method may add.
    """

    clock: str
    zero: bool
    optimal: bool
    limit: arb
    lean: arb
    constant: arb
    pace: arb
    offset: arb

    def size(self, t: arb, log: arb) -> Two: ...

    def strays(self, t: arb) -> arb: ...

    def deficit(self, t: int) -> tuple[arb, arb, arb]: ...


class LawCheck(BallClaims):
    """Those of a run with a law."""

    def __init__(self, path: Trail, body: Body, orders: dict[str, str]) -> None:
        super().__init__(body, orders)
        self.trail, self.p = path, path.problem
        self.late: Tail | None = None

    def _since(self) -> arb:
        """The time from which the law holds."""
        raise NotImplementedError

    def _due(self) -> list[str]:
        begin = self._since()
        return [t for t in super()._due() if begin <= TIMES[t]]

    def _truth(self, claims: list[Body]) -> bool:
        claim, trained = self.body["claim"], self.regime in _TRAINED
        best = trained and claims[3]["optimal"]
        steps = {"settled": True, "trained": trained, "optimal_margin": best}
        steps["slow"] = best and not claims[3]["zero"]
        return bool(steps.get(claim, claim == self.regime))

    def _tail(self) -> Tail:
        if self.late is None:
            raise Wrong("what it rests on is wrong")
        return self.late

    def orbits(self, claim: Body) -> None:
        late = self.late = Specialised(self.trail, claim)
        need(not self.p.flow or claim["terms"] == claim["level"] == 0, "a flow has no terms")
        error = value(claim["remainder"])
        need(error >= late.error, "the remainder is larger than claimed")
        need(error <= late.error * (1 << 20), "the remainder is much smaller than claimed")
        for claimed, phase in zip(claim["phases"], late.phases, strict=True):
            self._inside(claimed, phase, phase)

    def constant(self, claim: Body) -> None:
        late = self._tail()
        need(claim["optimal"] == late.optimal, "optimal is the opposite")
        need(claim["zero"] == late.zero, "zero is the opposite")
        need(late.zero or not late.lean.contains(0), "the sign of the constant is not decided")
        self._inside(claim["limit"], late.limit, late.limit)
        self._inside(claim["constant"], late.constant, late.constant)

    def rate(self, claim: Body) -> None:
        late, log = self._tail(), value(claim["log_from"])
        need(claim["clock"] == (late.clock if late.zero else "ln t"), "the clock is another")
        need(f"({claim['clock']})" in claim["statement"], "the statement is another")
        t = log.exp()
        need(t >= self._since() and t >= 3, "log_from is too early")
        low, high = late.size(t, log)
        if not high.is_zero():
            stray, pace = late.strays(t), abs(late.pace)
            least = 1 + ((late.offset - stray) / log).min(ZERO)
            need(least > 0, "log_from is too early")
            low = low / pace / (1 + ((late.offset + stray) / log).max(ZERO))
            high = high / pace / least
        claimed = value(claim["lower"])
        need(claimed <= 0 or claimed <= low, "the lower bound is smaller")
        need(value(claim["upper"]) >= high, "the upper bound is larger")

    def deficit(self, claim: Body) -> None:
        need(claim["statement"].endswith(f"t = {claim['t']}"), "the statement is another")
        self._inside(claim["deficit"], *self._tail().deficit(TIMES[claim["t"]]))
