"""The claims of a certificate of every kind, derived again in ball arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from latephase.certificates.check import claims
from latephase.certificates.check.claims import ClaimsCheck, Wrong, need
from latephase.certificates.check.enclosures import EXACT
from latephase.certificates.check.flow.claims import FlowCheck
from latephase.certificates.check.flow.path import FlowPath
from latephase.certificates.check.form import LAYERED_FORMAT, SETTLED_FORMAT, Body, whole
from latephase.certificates.check.layers.claims import LayersCheck
from latephase.certificates.check.layers.path import LayeredPath, LayeredProblem
from latephase.certificates.check.pairs.claims import PairCheck
from latephase.certificates.check.pairs.path import FollowedPath, StatedProblem
from latephase.certificates.check.pairs.slides import after_slide
from latephase.certificates.check.settled.claims import SettledCheck
from latephase.certificates.check.settled.path import GeneralPath, GeneralProblem
from latephase.core.balls import precision

Follow = Callable[[], ClaimsCheck]


def derived(body: Body) -> tuple[int, list[str]]:
    """How many claims hold, and what is wrong."""
    kinds = {LAYERED_FORMAT: _followed_layers, SETTLED_FORMAT: _followed_settled}
    try:
        with precision(EXACT):
            follow = kinds.get(body["format"], _followed)(body)
    except Wrong as error:
        return 0, [f"problem: {error}"]

    @contextmanager
    def checked(bits: int) -> Iterator[ClaimsCheck]:
        with precision(bits):
            yield follow()

    return claims.derived(body, checked)


def _followed(body: Body) -> Follow:
    """The problem, exactly; then the path, at the precision in force."""
    problem = StatedProblem(body["problem"])
    if problem.flow and not problem.k12.is_zero():
        return lambda: FlowCheck(FlowPath(problem, body["path"]), body)
    return lambda: PairCheck(after_slide(FollowedPath(problem, body["path"]), body["path"]), body)


def _followed_layers(body: Body) -> Follow:
    """The same where both layers are trained."""
    problem = LayeredProblem(body["problem"])
    return lambda: LayersCheck(LayeredPath(problem, body["path"]), body)


def _followed_settled(body: Body) -> Follow:
    """The same of any network."""
    problem, steps = GeneralProblem(body["problem"]), sum(whole(x["steps"]) for x in body["path"])
    need(all(x["steps"] != "0" for x in body["path"]), "a leg of no steps")
    return lambda: SettledCheck(GeneralPath(problem, steps), body)
