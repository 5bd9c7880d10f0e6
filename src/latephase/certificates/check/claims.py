"""The claims of a certificate of any kind: in order, whole, and each derived again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager

from latephase.certificates.check.form import Body

TIMES = {"1e6": 10**6, "1e100": 10**100, "1e1000": 10**1000}
"""At which a certificate has the deficit."""
WIDE = "the interval is much wider than the re-derived one"
_MANY = 1 << 13  # bits beyond which nothing is tried again with more


class Wrong(Exception):
    """What is claimed is not so, or not decided at the precision in force."""


def need(holds: object, wrong: str) -> None:
    """Raise Wrong unless it holds."""
    if not holds:
        raise Wrong(wrong)


class ClaimsCheck:
    """A method for each kind of claim, in the order in which they stand.

    opening: the kinds of the first, of which the last has the regime;  timed: that of each time.
    """

    opening: tuple[str, ...] = ("entry", "absorbed")
    timed = "deficit"

    def __init__(self, body: Body, orders: Mapping[str, str]) -> None:
        """orders: of each regime, the kinds of its claims as a regular expression."""
        self.body, self.orders = body, orders
        self.regime, self.argument = "", ""

    def whole(self) -> None:
        """Nothing is missing or too much, and the verdict follows."""
        claims, kinds = self.body["claims"], [c["kind"] for c in self.body["claims"]]
        first = len(self.opening)
        need(kinds[:first] == [*self.opening], f"the first are not {' and '.join(self.opening)}")
        self.regime, self.argument = (claims[first - 1][name] for name in ("regime", "argument"))
        need(self.regime in self.orders, "no run of this kind is proved to end so")
        order = re.fullmatch(self.orders[self.regime], " ".join(kinds))
        need(order is not None, "one is missing or too many")
        times = sorted(c["t"] for c in claims if c["kind"] == self.timed)
        due = self._due() if self.timed in self.orders[self.regime] else []
        need(times == due, f"{self.timed}s at {due} are due, each once")
        verdict = "PROVED" if self._truth(claims) else "REFUTED"
        need(self.body["verdict"] == verdict, f"the verdict is {verdict}")

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

    def absorbed(self, claim: Body) -> None:
        """The regime that is never left."""
        need(self._regime() == claim["regime"], "the argument does not give this regime")
        words = f"the run stays {self.regime} for ever: {self.argument}"
        need(claim["statement"] == words, "the statement is another")
        need(self.body["reason"] == self.argument, "the reason of the verdict is another")

    def _due(self) -> list[str]:
        """The times of which there are deficits, sorted."""
        return sorted(TIMES)

    def _truth(self, claims: list[Body]) -> bool:
        """Whether what the certificate claims is true."""
        raise NotImplementedError

    def _regime(self) -> str | None:
        """The regime that the argument proves, None if it does not hold."""
        raise NotImplementedError


def derived(
    body: Body, checked: Callable[[int], AbstractContextManager[ClaimsCheck]]
) -> tuple[int, list[str]]:
    """How many claims hold, and what is wrong at every precision that is tried.

    checked: the check at a precision, in which it then works.
    """
    if body["verdict"] == "UNDECIDED":
        claimed = body["claims"] or body["path"]
        return 0, ["verdict: UNDECIDED, and yet something is claimed"] if claimed else []
    held, lines, more = 0, ["bits: null, and yet something is claimed"], body["bits"] or _MANY
    for double in (64 + more, 2 * more + 128, 4 * more + 256)[: 3 if body["bits"] else 0]:
        try:
            with checked(double) as check:
                check.whole()
                lines = list(check.faults())
                held = len(body["claims"]) - len(lines)
        except Wrong as error:
            held, lines = 0, [f"path and claims: {error}"]
        if not lines or any(line.endswith(WIDE) for line in lines) or double > _MANY:
            break  # what is too wide for the first precision is not seen by more of it
    return held, lines
