"""Many claims examined, those that share nothing with others in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager

from latephase.core.workers import workers

from .bench.base import Bench, Claim
from .bench.finding import Finding

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


@contextmanager
def _beside(claims: Sequence[Claim], bench: Bench) -> Iterator[list[Future[Finding]]]:
    if not claims:
        yield []
        return
    with workers(1) as pool:
        yield [pool.submit(_one, claim.key, bench.trials, bench.seed) for claim in claims]


def _one(key: str, trials: int, seed: int) -> Finding:
    from latephase.experiments import BEYOND, CLAIMS

    claim = next(c for c in (*CLAIMS, *BEYOND) if c.key == key)
    return claim.examine(Bench(trials, seed))
