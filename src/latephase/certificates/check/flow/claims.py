"""The claims of a gradient flow on any two points, each derived again.

Source: docs/certificates.md, "Flow on any two points".
"""

from __future__ import annotations

from latephase.certificates.check.claims import need
from latephase.certificates.check.enclosures import value
from latephase.certificates.check.flow.path import Approach, FlowPath
from latephase.certificates.check.form import Body, whole
from latephase.certificates.check.pairs.law import LawCheck
from latephase.core.balls import arb

_FLOWS = {
    "specialised": "entry absorbed orbits constant( rate)+( deficit)*",
    "double_slide": "entry absorbed approach constant( rate)+( deficit)*",
    "single_slide": "entry absorbed approach constant( rate)+( deficit)*",
    "one_dead": "entry absorbed no_margin",
    "both_dead": "entry absorbed no_margin",
}
_SINKING = {"1001": "specialised", "1000": "one_dead", "0001": "one_dead"}
_SLIDING = {
    "1s00": "one_dead",
    "00s1": "one_dead",
    "1ss1": "double_slide",
    "11s1": "single_slide",
    "1s11": "single_slide",
}


class FlowCheck(LawCheck):
    """Those of a gradient flow on any two points.

    Source: docs/certificates.md, "Flow on any two points".
    """

    def __init__(self, path: FlowPath, body: Body) -> None:
        super().__init__(path, body, _FLOWS)
        self.flow = path

    def _since(self) -> arb:
        return self.flow.t

    def _first(self, claimed: str) -> None:
        """It is the first whole time that the file knows to be late enough."""
        entry = value(self.body["claims"][0]["entry"]["upper"])
        need(self.flow.t <= whole(claimed) and entry > whole(claimed) - 1, "not a first whole time")

    def entry(self, claim: Body) -> None:
        need(isinstance(claim["entry"], dict), "the form of entry")
        need(claim.get("pattern") == self.flow.s, "the pattern is another")
        need(claim["statement"].startswith("gradient flow: from"), "the statement is another")
        self._inside(claim["entry"], self.flow.t, self.flow.t)
        self._first(claim["base"])
        sides = (x for row in claim["preactivations"] for x in row)
        for claimed, a in zip(sides, self.flow.a, strict=True):
            self._inside(claimed, a, a)

    def _regime(self) -> str | None:
        """The regime that the argument proves, None if it does not hold."""
        self.flow.settle()
        s, k12 = self.flow.s, self.p.k12
        if self.argument == "nothing moves":
            return "both_dead" if s == "0000" else None
        if self.argument == "wrong sides sink":
            return _SINKING.get(s) if k12 < 0 else None
        return _SLIDING.get(s) if self.argument == "kinks attract" and k12 > 0 else None

    def no_margin(self, claim: Body) -> None:
        self._first(claim["since"])

    def approach(self, claim: Body) -> None:
        late = self.late = Approach(self.flow)
        self._inside(claim["phase"], late.phase, late.phase)
        self._inside(claim["drift"], late.drift, late.drift)
