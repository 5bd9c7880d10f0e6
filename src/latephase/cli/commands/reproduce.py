"""`latephase reproduce`: the paper's claims, put to the test, with a report."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latephase.cli import flags, interrupt, kept, printing, surroundings
from latephase.cli.cluster import cluster
from latephase.cli.streams import has_bar

if TYPE_CHECKING:
    from distributed import Client

    from latephase.experiments import Bench, Claim, Finding
    from latephase.store.output import Output

    Examined = list[tuple[Claim, Finding]]

NAME = "reproduce"
_MOST_TRIALS = 10**6  # of each initializer: hours, and some 100 GB of runs
HELP = "Put the paper's claims to the test, print the verdicts and write a report."
EXAMPLES = """Examples

latephase reproduce

latephase reproduce --trials 1000 --out quick-report

latephase reproduce --all

latephase reproduce --all --dask local:2
"""
_COLOURS = {"SUPPORTED": "green", "NOT_SUPPORTED": "red", "UNDECIDED": "yellow"}


def command(
    out: flags.ReportFolder = "latephase-report",
    trials: flags.Trials = 10_000,
    seed: flags.Seed = 0,
    everything: flags.All = False,
    force: flags.Force = False,
    dask: flags.Dask = None,
) -> None:
    """Examine every claim, write the report, print the table."""
    began = time.monotonic()
    with kept.reserved(out, force, "report") as place:
        bench = _bench(trials, seed)
        with cluster(dask) as client:
            findings = _examine(bench, everything, client)
        _print(findings)  # before the report: a full disk must not take what was found
        page = _write(findings, place or Path(out), bench)
    interrupt.on_interruption(lambda: f"the report is complete: {page}")
    printing.line("report", str(page))
    printing.line("time", f"{time.monotonic() - began:.0f} s")


def _bench(trials: int, seed: int) -> Bench:
    from latephase.experiments import Bench
    from latephase.problem.checks import whole_number

    return Bench(whole_number(trials, "trials", 1, _MOST_TRIALS), seed, os.cpu_count() or 1)


def _examine(bench: Bench, everything: bool, client: Client | None) -> Examined:
    from latephase.experiments import BEYOND, CLAIMS
    from latephase.experiments.examine import examine, examine_on

    claims = (*CLAIMS, *(BEYOND if everything else ()))
    with _watched(len(claims)) as (begin, end):
        if client is not None:
            return examine_on(client, claims, bench, end)
        return examine(claims, bench, begin, end)


@contextmanager
def _watched(claims: int) -> Iterator[tuple[Callable[..., None], Callable[..., None]]]:
    """Yield what to call before and after each claim."""
    from rich import progress as rich
    from rich.console import Console

    stderr = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    columns = (
        rich.SpinnerColumn(),
        rich.MofNCompleteColumn(),
        rich.TextColumn("{task.description}", markup=False),
        rich.TimeElapsedColumn(),
    )
    with rich.Progress(*columns, console=stderr, transient=True, disable=not has_bar()) as bar:
        task = bar.add_task("", total=claims)

        def end(claim: Claim, finding: Finding) -> None:
            bar.advance(task)
            stderr.print(f"{claim.number:>2}/{claims} {_words(finding)}: {claim.title}")

        yield lambda claim: bar.update(task, description=claim.title), end


def _write(findings: Examined, place: Output | Path, bench: Bench) -> Path:
    surroundings.prepare_drawing()
    from latephase.report import write_report
    from latephase.store.provenance import provenance

    drawn = {"trials": bench.trials, "seed": bench.seed}
    made = {**provenance(), "command": kept.command_line(), **drawn}
    runs = bench.kept_runs()
    return write_report(findings, place, made, runs=runs, processes=os.cpu_count() or 1)


def _print(findings: Examined) -> None:
    from rich.text import Text

    table = printing.table(">", "claim", "verdict", "what was found")
    for claim, finding in findings:
        verdict = Text(_words(finding), style=_COLOURS[finding.verdict.name])
        verdict.append("\n" + claim.evidence.words.replace(", ", ",\n"), style="dim")
        table.add_row(str(claim.number), claim.title, verdict, finding.summary)
    printing.print_table(table)


def _words(finding: Any) -> str:
    return str(finding.verdict.name).replace("_", " ")
