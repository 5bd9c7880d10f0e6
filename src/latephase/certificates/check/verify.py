"""The independent checker of certificate files: it derives every claim again.

To be read beside docs/certificates.md, from which it was written, with `form` (the file),
`run` and `late` (all later times). None of them shares code with what writes
the files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from latephase.certificates.check.form import Body, NotACertificate, faults, read, value, whole
from latephase.certificates.check.late import Slide, Specialised
from latephase.certificates.check.path import EXACT, ZERO, FollowedPath, StatedProblem, Wrong, need
from latephase.core.balls import arb, bits, point, precision
from latephase.core.calls import public

__all__ = ["NotACertificate", "Report", "verify"]

_MANY = 1 << 13  # bits beyond which nothing is tried again with more
_WIDE = "the interval is much wider than the re-derived one"
_TIMES = {"1e6": 10**6, "1e100": 10**100, "1e1000": 10**1000}
_CLAIMS = {
    "specialised": "entry absorbed orbits constant( rate)+( deficit)*",
    "double_slide": "entry absorbed sandwich constant( rate)+( deficit)*",
    "one_dead": "entry absorbed no_margin",
    "both_dead": "entry absorbed no_margin",
}


@dataclass(frozen=True)
class Report:
    """What came of checking one file.

    Attributes
    ----------
    valid, faults
        Whether nothing is wrong, and a line for each thing that is.
    claims
        How many claims were derived again.
    claim, verdict, regime
        What the file says: the question, its answer, and how the run ends.
    """

    valid: bool
    faults: tuple[str, ...]
    claims: int
    claim: str
    verdict: str
    regime: str | None


@public
def verify(source: str | bytes | Path | Body) -> Report:
    """Derive the claims of a certificate again, by a program that shares nothing with `certify`.

    Parameters
    ----------
    source
        The JSON of a certificate, the path of its file, or the object.

    Returns
    -------
    Report
        A line for everything that is wrong; valid if there is none.

    Raises
    ------
    NotACertificate
        An InputError, on what is none or cannot be checked in reasonable time.

    Notes
    -----
    Rigour: proved, in balls of more bits than the file's.  Source: docs/certificates.md.
    """
    body, numbers = read(source)
    held, wrong = _derived(body)
    lines = (*faults(body, numbers), *wrong)
    regime = next((c["regime"] for c in body["claims"] if c["kind"] == "absorbed"), None)
    return Report(not lines, lines, held, body["claim"], body["verdict"], regime)


def _derived(body: Body) -> tuple[int, list[str]]:
    """How many claims hold, and what is wrong at every precision that is tried."""
    try:
        with precision(EXACT):
            problem = StatedProblem(body["problem"])
    except Wrong as error:
        return 0, [f"problem: {error}"]
    if body["verdict"] == "UNDECIDED":
        claimed = body["claims"] or body["path"]
        return 0, ["verdict: UNDECIDED, and yet something is claimed"] if claimed else []
    held, lines, more = 0, ["bits: null, and yet something is claimed"], body["bits"] or _MANY
    for double in (64 + more, 2 * more + 128, 4 * more + 256)[: 3 if body["bits"] else 0]:
        with precision(double):
            try:
                check = _Check(FollowedPath(problem, body["path"]), body)
                check.whole()
                lines = list(check.faults())
                held = len(body["claims"]) - len(lines)
            except Wrong as error:
                held, lines = 0, [f"path and claims: {error}"]
        if not lines or any(line.endswith(_WIDE) for line in lines) or double > _MANY:
            break  # what is too wide for the first precision is not seen by more of it
    return held, lines


class _Check:
    """A method for each kind of claim, in the order in which they stand."""

    def __init__(self, path: FollowedPath, body: Body) -> None:
        self.path, self.p, self.body = path, path.problem, body
        self.spare = point(1, bits() - body["bits"])  # what the precision of the file may cost
        self.late: Specialised | Slide | None = None

    def whole(self) -> None:
        """Nothing is missing or too much, and the verdict follows."""
        claims, kinds = self.body["claims"], [c["kind"] for c in self.body["claims"]]
        need(kinds[:2] == ["entry", "absorbed"], "the first are not entry and absorbed")
        self.regime, self.argument = claims[1]["regime"], claims[1]["argument"]
        order = _CLAIMS[self.regime]
        need(re.fullmatch(order, " ".join(kinds)) is not None, "one is missing or too many")
        if self.regime in ("specialised", "double_slide"):
            times = sorted(c["t"] for c in claims if c["kind"] == "deficit")
            begin = self._landing() if self.p.flow else self.path.t
            due = [t for t in sorted(_TIMES) if begin <= _TIMES[t]]
            need(times == due, f"deficits at {due} are due, each once")
        verdict = "PROVED" if self._truth(claims) else "REFUTED"
        need(self.body["verdict"] == verdict, f"the verdict is {verdict}")

    def _truth(self, claims: list[Body]) -> bool:
        claim, trained = self.body["claim"], self.regime in ("specialised", "double_slide")
        best = trained and claims[3]["optimal"]
        steps = {"settled": True, "trained": trained, "optimal_margin": best}
        steps["slow"] = best and not claims[3]["zero"]
        return bool(steps.get(claim, claim == self.regime))

    def faults(self) -> Iterator[str]:
        """A line for each claim that is wrong."""
        before: set[str] = set()
        for i, claim in enumerate(self.body["claims"], 1):
            try:
                need(before.issuperset(claim["rests_on"]), "it rests on what is not claimed before")
                getattr(self, claim["kind"])(claim)
            except Wrong as error:
                yield f"claim {i} ({claim['kind']}): {error}"
            before.add(claim["kind"])

    def _inside(self, claimed: Body, low: arb, high: arb, cost: arb = ZERO) -> None:
        """What is re-derived lies in the interval, which is not much wider than it must be."""
        lower, upper = value(claimed["lower"]), value(claimed["upper"])
        need(lower <= low and high <= upper, "the re-derived value is not in the interval")
        known = (high - low).abs_upper() * self.spare + cost
        # What a sum of terms of size 1 costs: tiny results of a cancellation are not known better.
        rounding = point(1, -self.body["bits"])
        fine = (low.abs_upper() + high.abs_upper()) * point(1, -80) + rounding
        wide = upper - lower > (known + fine) * (1 << 20)
        need(not wide, _WIDE)

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
        path, late = self.path, self.argument in ("kicked back", "kinks held")
        need(whole(claim["base"]) == path.t, "base is not where the path leads")
        pattern = None if self.p.flow else "".join("01"[s] for s in path.s)
        need(claim.get("pattern") == pattern, "the pattern is another")
        need(isinstance(claim["entry"], dict) == self.p.flow, "the form of entry")
        if self.p.flow:
            self._inside(claim["entry"], self._landing(), self._landing())
        else:
            first = path.t if late else path.since
            need(whole(claim["entry"]) == first, "the regime begins at another step")
        for claimed, a in zip(
            (x for row in claim["preactivations"] for x in row), path.a, strict=True
        ):
            self._inside(claimed, a, a)

    def absorbed(self, claim: Body) -> None:
        need(self._regime() == claim["regime"], "the argument does not give this regime")
        words = f"the run stays {self.regime} for ever: {self.argument}"
        need(claim["statement"] == words, "the statement is another")
        need(self.body["reason"] == self.argument, "the reason of the verdict is another")

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

    def orbits(self, claim: Body) -> None:
        late = self.late = Specialised(self.path, claim)
        need(not self.p.flow or claim["terms"] == claim["level"] == 0, "a flow has no terms")
        error = value(claim["remainder"])
        need(error >= late.error, "the remainder is larger than claimed")
        need(error <= late.error * (1 << 20), "the remainder is much smaller than claimed")
        for claimed, phase in zip(claim["phases"], late.phases, strict=True):
            self._inside(claimed, phase, phase)

    def sandwich(self, claim: Body) -> None:
        self.late = Slide(self.path, claim)

    def _tail(self) -> Specialised | Slide:
        if self.late is None:
            raise Wrong("what it rests on is wrong")
        return self.late

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
        begun = t >= self._landing() if self.p.flow else t >= self.path.t
        need(begun and t >= 3, "log_from is too early")
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
        self._inside(claim["deficit"], *self._tail().deficit(_TIMES[claim["t"]]))
