"""Certificates of many networks drawn from an initializer: counted, and kept in a folder if asked.

Work is cut into parts of `PART` trials, done by processes of one thread each; this process writes
them, so that none is written after its death, and an interrupted folder goes on where it stopped.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from contextlib import nullcontext
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from latephase.certificates.file.record import FORMAT, record
from latephase.core.cluster import over
from latephase.core.workers import workers
from latephase.problem import Dataset, Initializer, ShallowReLU
from latephase.problem import initializers as known
from latephase.problem.checks import MOST, seed_number, whole_number
from latephase.problem.methods import Method
from latephase.store.lines import Lines, as_lines
from latephase.store.work import Work

from .certificate import Certificate
from .entrance import certify
from .general import GeneralCertificate

if TYPE_CHECKING:
    from distributed import Client

PART = 256
MOST_TRIALS = 10**7  # days of work; what is counted of each, a few hundred bytes, stays in memory
Progress = Callable[[int, int], None]
Part = tuple[list["Counted"], bytes]  # what is counted of its trials; its certificates as lines


class Counted(NamedTuple):
    """What is counted of a certificate: names of verdict and regime ("" if none), the reason, the
    middle of the enclosed constant, and the width of the enclosure relative to it (NaN if none)."""

    verdict: str
    regime: str
    reason: str
    constant: float
    constant_width: float


@dataclass(frozen=True)
class Plan:
    """Settings of an ensemble of certificates, to be shared by processes: initializers by name."""

    initializer: str
    data: Dataset
    method: Method
    trials: int
    seed: int
    claim: str

    def record(self) -> dict[str, Any]:
        """The settings as a JSON object."""
        return {
            "format": FORMAT,
            "initializer": self.initializer,
            "inputs": self.data.inputs[:, 0].tolist(),
            "labels": self.data.labels.tolist(),
            "method": type(self.method).__name__,
            **({"step_size": self.method.step_size} if self.method.discrete else {}),
            **{"trials": self.trials, "seed": self.seed, "claim": self.claim},
        }

    @property
    def starts(self) -> range:
        """The first trial of every part."""
        return range(0, self.trials, PART)


def certify_ensemble(
    initializer: Initializer | str,
    data: Dataset,
    method: Method,
    *,
    trials: int,
    seed: int,
    claim: str = "settled",
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    force: bool = False,
    processes: int = 1,
    progress: Progress | None = None,
    client: Client | None = None,
) -> list[Counted]:
    """Certify `trials` networks of an initializer: what is counted of each, in their order.

    Trial i of a seed is the same network as in `ensemble`.  out: a folder of certificate files,
    one line a certificate, written as `<out>.partial` and renamed once complete;  resume: keep the
    finished parts of an interrupted or damaged one;  force: replace a folder that latephase did not
    write;  processes: how many work at once; more than 1 needs a main module that can be imported;
    client: a Dask cluster that works instead.
    Raises InputError;  LatephaseError if the folder cannot be written on.
    """
    counts = whole_number(trials, "trials", 1, MOST_TRIALS), seed_number(seed)
    drawn, at_once = known.get(initializer), whole_number(processes, "processes", 1, MOST)
    # The settings are checked on the first network before any work is done.
    weights, biases = drawn(trials=1, seed=counts[1])
    first = certify(ShallowReLU(weights[0], biases[0]), data, method, claim=claim, max_steps=0)
    plan = Plan(drawn.name, data, method, *counts, first.claim)
    form = Lines("certificates", plan.trials, PART)
    with (
        nullcontext()
        if out is None
        else Work(out, form, plan.record(), resume=resume, force=force) as work
    ):
        left = list(plan.starts if work is None else work.left())
        parts: dict[int, list[Counted]] = {}
        if work is not None:
            kept = [start for start in plan.starts if start not in left]
            parts = {start: list(map(_counted_in, form.read(work.folder, start))) for start in kept}
        go_on = "nothing was kept: start again"
        if work is not None:
            go_on = f"finished parts are kept in {work.folder}: go on with resume"
        run = partial(run_part, plan, lines=out is not None)
        done = _done(run, left, at_once, go_on)
        if client is not None:
            done = over(client, run, left, go_on)
        for start, (rows, lines) in done:
            parts[start] = rows
            if work is not None:
                work.add(start, work.pen()(start, lines))
            if progress:
                progress(sum(map(len, parts.values())), plan.trials)
        if work is not None and not work.complete:
            work.publish()
    return [row for start in plan.starts for row in parts[start]]


def _done(
    run: Callable[[int], Part], starts: list[int], processes: int, go_on: str
) -> Iterator[tuple[int, Part]]:
    """The parts that begin with the trials `starts`, as they are finished."""
    if processes == 1:
        for start in starts:
            yield start, run(start)
        return
    with workers(processes, go_on) as pool:
        waiting = {pool.submit(run, start): start for start in starts}
        for future in as_completed(waiting):
            yield waiting.pop(future), future.result()


def run_part(plan: Plan, start: int, *, lines: bool) -> Part:
    """Certify one part;  lines: also write the certificates, for a folder of files."""
    count = min(PART, plan.trials - start)
    weights, biases = known.get(plan.initializer)(trials=count, seed=plan.seed, start=start)
    found = [
        certify(ShallowReLU(w, b), plan.data, plan.method, claim=plan.claim)
        for w, b in zip(weights, biases, strict=True)
    ]
    return [counted(one) for one in found], as_lines(map(record, found)) if lines else b""


def counted(found: Certificate | GeneralCertificate) -> Counted:
    """What is counted of a certificate of two neurons on two points."""
    assert isinstance(found, Certificate)
    regime = found.regime.name if found.regime else ""
    return Counted(found.verdict.name, regime, found.reason, *_middle(found.constant))


def _counted_in(body: dict[str, Any]) -> Counted:
    claims = {claim["kind"]: claim for claim in body["claims"]}
    regime = claims["absorbed"]["regime"] if "absorbed" in claims else ""
    ends = None
    if "constant" in claims:
        ends = tuple(
            int(x["mantissa"]) * Fraction(2) ** int(x["exponent"])
            for x in (claims["constant"]["constant"][end] for end in ("lower", "upper"))
        )
    return Counted(body["verdict"], regime, body["reason"], *_middle(ends))


def _middle(ends: Sequence[Fraction | Decimal] | None) -> tuple[float, float]:
    """Middle and relative width of an enclosure, exact before they are rounded."""
    if ends is None:
        return math.nan, math.nan
    lower, upper = (Fraction(end) for end in ends)
    if lower == upper:
        return float(lower), 0.0
    size = min(abs(lower), abs(upper))
    return float((lower + upper) / 2), float((upper - lower) / size) if size else math.inf
