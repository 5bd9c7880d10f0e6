"""`latephase reproduce`: the paper's claims, put to the test, with a report."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from latephase.cli import flags, interrupt, printing

if TYPE_CHECKING:
    from latephase.experiments import Claim, Finding

    Examined = list[tuple[Claim, Finding]]

NAME = "reproduce"
HELP = "Put the paper's claims to the test, print the verdicts and write a report."
EXAMPLES = """Examples

latephase reproduce

latephase reproduce --trials 1000 --out quick-report

latephase reproduce --all
"""
_COLOURS = {"SUPPORTED": "green", "NOT_SUPPORTED": "red", "UNDECIDED": "yellow"}


def command(
    out: Annotated[
        str, typer.Option(metavar="DIR", help="Folder of the report; an earlier one is replaced.")
    ] = "latephase-report",
    trials: flags.Trials = "10000",
    seed: flags.Seed = "0",
    everything: Annotated[
        bool,
        typer.Option(
            "--all",
            help="Also what goes beyond the paper: certificates, studies, remedies, arithmetic.",
        ),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace --out even if latephase did not write it.")
    ] = False,
) -> None:
    """Examine every claim, write the report, print the table."""
    began = time.monotonic()
    number, start = flags.whole(trials, "--trials"), flags.whole(seed, "--seed")
    with _reserved(out, force):
        findings = _examine(number, start, everything)
        page = _write(findings, out, number, start, force)
    interrupt.on_interruption(lambda: f"the report is complete: {page}")
    _print(findings)
    printing.line("report", str(page))
    printing.line("time", f"{time.monotonic() - began:.0f} s")


@contextmanager
def _reserved(out: str, force: bool) -> Iterator[None]:
    """Refuse an output that cannot be written before the work, not after it."""
    from latephase.store.directory import claim_output

    partial = claim_output(out, force=force)
    # Where compiled code keeps Python from unwinding, the interruption is all that cleans up.
    interrupt.on_interruption(lambda: _withdrawn(partial))
    try:
        yield
    finally:
        shutil.rmtree(partial, ignore_errors=True)  # gone already if the report was put in place


def _withdrawn(partial: Path) -> str:
    """Remove what was begun: a report is made again faster than resumed.  Returns what to say."""
    shutil.rmtree(partial, ignore_errors=True)
    return "no report was written and nothing was kept; start again to make it"


def _examine(trials: int, seed: int, everything: bool) -> Examined:
    from latephase.experiments import BEYOND, CLAIMS, Bench
    from latephase.experiments.examine import examine
    from latephase.problem.checks import whole_number

    bench = Bench(whole_number(trials, "trials", 1), seed, os.cpu_count() or 1)
    claims = (*CLAIMS, *(BEYOND if everything else ()))
    with _watched(len(claims)) as (begin, end):
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
    with rich.Progress(
        *columns, console=stderr, transient=True, disable=not stderr.is_terminal
    ) as bar:
        task = bar.add_task("", total=claims)

        def end(claim: Claim, finding: Finding) -> None:
            bar.advance(task)
            stderr.print(f"{claim.number:>2}/{claims} {_words(finding)}: {claim.title}")

        yield lambda claim: bar.update(task, description=claim.title), end


def _write(findings: Examined, out: str, trials: int, seed: int, force: bool) -> Path:
    from latephase.report import write_report
    from latephase.store.provenance import provenance

    made = {"command": shlex.join(["latephase", *sys.argv[1:]]), "trials": trials, "seed": seed}
    cores = os.cpu_count() or 1
    return write_report(findings, Path(out), {**provenance(), **made}, force=force, processes=cores)


def _print(findings: Examined) -> None:
    from rich.text import Text

    table = printing.table(
        ("", "right"), ("claim", "left"), ("verdict", "left"), ("what was found", "left")
    )
    for claim, finding in findings:
        verdict = Text(_words(finding), style=_COLOURS[finding.verdict.name])
        verdict.append("\n" + claim.evidence.words.replace(", ", ",\n"), style="dim")
        table.add_row(str(claim.number), claim.title, verdict, finding.summary)
    printing.console().print(table)
    printing.blank()


def _words(finding: Any) -> str:
    return str(finding.verdict.name).replace("_", " ")
