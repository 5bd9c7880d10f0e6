"""Many claims examined: here, those that share nothing with others beside, or on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING

from latephase.core.cluster import over
from latephase.core.workers import workers

from .bench.base import Bench, Claim, Runs
from .bench.finding import Finding

if TYPE_CHECKING:
    from distributed import Client

Begin = Callable[[Claim], None]
End = Callable[[Claim, Finding], None]


def examine(
    claims: Sequence[Claim], bench: Bench, begin: Begin, end: End
) -> list[tuple[Claim, Finding]]:
    """Examine all claims; begin and end are called around each, in the order of the work.

    With more than one process (which needs a main module that can be imported) the claims that
    stand apart are worked on beside the others. Returns the findings in the order of the claims.
    """
    found: dict[str, Finding] = {}
    beside = [c for c in claims if c.apart] if bench.processes > 1 else []

    def done(claim: Claim, finding: Finding) -> None:
        found[claim.key] = finding
        end(claim, finding)

    with _beside(beside, bench) as futures:
        for claim in claims:
            if claim not in beside:
                begin(claim)
                done(claim, claim.examine(bench))
        for claim, future in zip(beside, futures, strict=True):
            begin(claim)
            done(claim, future.result())
    return [(claim, found[claim.key]) for claim in claims]


def examine_on(
    client: Client, claims: Sequence[Claim], bench: Bench, end: End
) -> list[tuple[Claim, Finding]]:
    """The same by the workers of a cluster, a claim at a time on each; end: as they are done.

    Each claim has a bench of its own there, and the runs that a report keeps come back in the order
    of the claims: findings and report are the same whichever worker examines what.
    """
    first = sorted(range(len(claims)), key=lambda k: not claims[k].apart)  # these take longest
    found: dict[int, tuple[Finding, Runs]] = {}
    done = over(
        client,
        _one_with_runs,
        first,
        "nothing was kept: start again",
        lambda k: (claims[k].key, bench.trials, bench.seed),
        called=lambda k: f"claim {claims[k].number} has",
    )
    for k, examined in done:
        found[k] = examined
        end(claims[k], examined[0])
    for k, claim in enumerate(claims):
        if not claim.apart:
            bench.adopt(found[k][1])
    return [(claim, found[k][0]) for k, claim in enumerate(claims)]


@contextmanager
def _beside(claims: Sequence[Claim], bench: Bench) -> Iterator[list[Future[Finding]]]:
    if not claims:
        yield []
        return
    with workers(1) as pool:
        yield [pool.submit(_one, claim.key, bench.trials, bench.seed) for claim in claims]


def _one(key: str, trials: int, seed: int) -> Finding:
    return _one_with_runs(key, trials, seed)[0]


def _one_with_runs(key: str, trials: int, seed: int) -> tuple[Finding, Runs]:
    from latephase.experiments import BEYOND, CLAIMS

    claim, bench = {c.key: c for c in (*CLAIMS, *BEYOND)}[key], Bench(trials, seed)
    return claim.examine(bench), bench.runs_to_keep()
