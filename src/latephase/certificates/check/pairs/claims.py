"""Claims of two neurons on two points whose output weights are fixed, each derived again.

Source: docs/certificates.md, "The claims, and what proves them".
"""

from __future__ import annotations

from latephase.certificates.check.claims import need
from latephase.certificates.check.enclosures import ZERO, value
from latephase.certificates.check.form import Body, whole
from latephase.certificates.check.pairs.hold import HeldKink
from latephase.certificates.check.pairs.late import Slide
from latephase.certificates.check.pairs.law import LawCheck
from latephase.certificates.check.pairs.path import FollowedPath
from latephase.core.balls import arb

_ORDERS = {
    "specialised": "entry absorbed orbits constant( rate)+( deficit)*",
    "double_slide": "entry absorbed sandwich constant( rate)+( deficit)*",
    "single_slide": "entry absorbed hold constant( rate)+( deficit)*",
    "one_dead": "entry absorbed no_margin",
    "both_dead": "entry absorbed no_margin",
}


class PairCheck(LawCheck):
    """Those of output weights that are fixed."""

    def __init__(self, path: FollowedPath, body: Body) -> None:
        super().__init__(path, body, _ORDERS)
        self.path = path

    def _since(self) -> arb:
        return self._landing() if self.p.flow else arb(self.path.t)

    def _landing(self) -> arb:
        """When the last wrong side of a flow comes to rest."""
        p, (a11, a12, a21, a22), last = self.p, self.path.a, ZERO
        for right, wrong, k in ((a11, a21, p.k11), (a22, a12, p.k22)):
            if wrong > 0 and right > 0:
                last = last.max(right.exp() * wrong.sinh() / k)
            elif wrong > 0:
                last = last.max(-(-wrong).expm1() / k)
        return last

    def entry(self, claim: Body) -> None:
        path, late = self.path, self.argument in ("kicked back", "kinks held", "kink held")
        need(whole(claim["base"]) == path.t, "base is not where the path leads")
        pattern = "".join("01"[s] for s in path.s) or None
        pattern = None if self.p.flow else pattern
        need(claim.get("pattern") == pattern, "the pattern is another")
        need(isinstance(claim["entry"], dict) == self.p.flow, "the form of entry")
        begins = "gradient flow from the start" if self.p.flow else "the run is in its regime"
        need(claim["statement"].startswith(begins), "the statement is another")
        if self.p.flow:
            self._inside(claim["entry"], self._landing(), self._landing())
        else:
            first = path.t if late else path.since
            need(whole(claim["entry"]) == first, "the regime begins at another step")
        for claimed, a in zip(
            (x for row in claim["preactivations"] for x in row), path.a, strict=True
        ):
            self._inside(claimed, a, a)

    def _regime(self) -> str | None:
        """The regime that the argument proves, None if it does not hold."""
        k12, s = self.p.k12, "".join("01"[s] for s in self.path.s)
        alone = {"1001": "specialised", "1000": "one_dead", "0001": "one_dead"}.get(s)
        if self.p.flow:
            alive = ("both_dead", "one_dead", "specialised")[self.path.s[0] + self.path.s[3]]
            return alive if k12.is_zero() and self.argument == "closed form" else None
        proofs = {
            "nothing moves": "both_dead" if s == "0000" else None,
            "wrong sides frozen": alone if k12.is_zero() else None,
            "wrong sides sink": alone if k12 < 0 else None,
            "kicked back": alone if alone == "one_dead" and k12 > 0 and self._kicked() else None,
            "kinks held": "double_slide" if k12 > 0 else None,  # and the sandwich
            "kink held": "single_slide" if k12 > 0 else None,  # and the hold
        }
        return proofs.get(self.argument)

    def _kicked(self) -> bool:
        """The living neuron never turns off: its wrong side falls back in time."""
        p, (a11, a12, a21, a22) = self.p, self.path.a
        a, w, h = (a11, a12, p.k22) if a11 > 0 else (a22, a21, p.k11)
        kick = p.eta * p.k12
        low = a - p.k12 / h * w - kick * kick.exp()
        return bool(low > 0 and p.k12 * (-low).exp() < h)

    def no_margin(self, claim: Body) -> None:
        since = whole(claim["since"])
        entry = self.body["claims"][0]["entry"]
        if self.p.flow:  # the first whole time that the file knows to be late enough
            least = value(entry["upper"]) > since - 1
            need(least and self._landing() <= since, "since is not entry")
        else:
            need(since == whole(entry), "since is not entry")

    def sandwich(self, claim: Body) -> None:
        self.late = Slide(self.path, claim)

    def hold(self, claim: Body) -> None:
        self.late = HeldKink(self.path, claim)
