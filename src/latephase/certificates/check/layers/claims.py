"""The claims of a certificate of both layers, each derived again.

Source: docs/certificates.md, "Both layers".
"""

from __future__ import annotations

from latephase.certificates.check.claims import TIMES, Wrong, need
from latephase.certificates.check.enclosures import BallClaims, value, within
from latephase.certificates.check.form import Body, whole
from latephase.certificates.check.layers.late import Layers
from latephase.certificates.check.layers.path import LayeredPath

_CLAIMS = {
    "specialised": "entry absorbed growth constant( rate)+( deficit)*",
    "one_dead": "entry absorbed no_margin",
    "both_dead": "entry absorbed no_margin",
}


class LayersCheck(BallClaims):
    """Those of two trained layers."""

    def __init__(self, path: LayeredPath, body: Body) -> None:
        super().__init__(body, _CLAIMS)
        self.path = path
        self.late: Layers | None = None

    def _truth(self, claims: list[Body]) -> bool:
        claim, trained = self.body["claim"], self.regime == "specialised"
        best = trained and claims[3]["optimal"]
        known = {"settled": True, "trained": trained, "optimal_margin": best, "slow": best}
        return bool(known.get(claim, claim == self.regime))

    def entry(self, claim: Body) -> None:
        path = self.path
        need(whole(claim["base"]) == path.t, "base is not where the path leads")
        need(claim["pattern"] == "".join("01"[s] for s in path.s), "the pattern is another")
        need(path.since == whole(claim["entry"]), "the regime begins at another step")
        sides = (x for row in claim["preactivations"] for x in row)
        for claimed, a in zip(sides, path.a, strict=True):
            self._inside(claimed, a, a)
        for claimed, v in zip(claim["output_weights"], path.v, strict=True):
            self._inside(claimed, v, v)

    def _regime(self) -> str | None:
        """The regime that the argument proves, None if it does not hold."""
        path, k12 = self.path, self.path.problem.k12
        if not any(path.s):
            return "both_dead" if self.argument == "nothing moves" and k12 <= 0 else None
        holds = {"wrong sides frozen": k12.is_zero(), "wrong sides sink": bool(k12 < 0)}
        if path.since is None or not holds.get(self.argument):
            return None
        served = [path.served(point) is not None for point in (0, 1)]
        if all(served):
            return "specialised"
        dead = not any(path.s[:2]) or not any(path.s[2:])
        return "one_dead" if any(served) and dead else None

    def no_margin(self, claim: Body) -> None:
        need(whole(claim["since"]) == self.path.since, "since is not entry")

    def growth(self, claim: Body) -> None:
        late = self.late = Layers(self.path, claim)
        for name, kind in (("margins", "start"), ("imbalances", "d")):
            for claimed, margin in zip(claim[name], late.margins, strict=True):
                x = getattr(margin, kind)
                self._inside(claimed, x, x)

    def _tail(self) -> Layers:
        if self.late is None:
            raise Wrong("what it rests on is wrong")
        return self.late

    def constant(self, claim: Body) -> None:
        late = self._tail()
        need(claim["optimal"] == late.optimal, "optimal is the opposite")
        need(not late.constant.contains(0), "the sign of the constant is not decided")
        self._inside(claim["limit"], late.limit, late.limit)
        self._inside(claim["constant"], late.constant, late.constant)

    def rate(self, claim: Body) -> None:
        low, high = self._tail().rate(value(claim["log_from"]))
        lower = value(claim["lower"])
        need(lower > 0, "a lower bound that says nothing of the exponent")
        need(lower <= low, "the lower bound is smaller")
        need(value(claim["upper"]) >= high, "the upper bound is larger")

    def deficit(self, claim: Body) -> None:
        need(claim["statement"].endswith(f"t = {claim['t']}"), "the statement is another")
        low, high, width = self._tail().deficit(TIMES[claim["t"]])
        within(claim["deficit"], low, high, 16 * width)
