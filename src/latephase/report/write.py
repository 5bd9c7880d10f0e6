"""The report as a folder: page, findings, figures, tables and data, put in place when complete."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latephase.core.workers import workers
from latephase.draw.panels.canvas import plot_style
from latephase.experiments.bench.base import Statement
from latephase.experiments.bench.finding import Finding
from latephase.report import data, figures
from latephase.report.data import Examined
from latephase.report.page import comparison_page, page
from latephase.store.marker import Marker
from latephase.store.output import Output

if TYPE_CHECKING:
    import xarray as xr

PAGE, FINDINGS, RUNS = "report.html", "findings.json", "data/runs.zarr"
MARKER = Marker("report")
_WORTH_A_PROCESS = 12  # figures; a process takes as long to start as two of them to draw


def write_report(
    findings: Examined,
    out: Path | Output,
    provenance: Mapping[str, Any],
    *,
    lead: str | None = None,
    force: bool = False,
    runs: Mapping[str, xr.Dataset] | None = None,
    processes: int = 1,
) -> Path:
    """Write report.html, findings.json, figures/, tables/ and data/ into the folder `out`.

    provenance: what the footer says (versions, seed, trials, git commit, command), in order;
    lead: the answer on the first screen, in a sentence or two, where it is not to be told from the
    findings;  runs: what was measured, by name, kept as data/runs/NAME.zarr;  out: the folder, or
    what was claimed for it.  Returns the path of the page.  An earlier report in `out` is replaced
    once the new one is complete.  InputError if `out` holds
    what latephase did not write (unless `force`) or cannot be written.
    """
    _refuse_repeated(findings)
    with _claimed(out, force) as output, output.told():
        folder = output.begin(MARKER)
        with _written(folder, findings, provenance, processes), plot_style():
            text = page(findings, provenance, lead, [*(runs or ())])
            (folder / PAGE).write_text(text, encoding="utf-8")
        for name, dataset in (runs or {}).items():
            data.write_runs(dataset, folder / data.runs_of(name))
        return output.publish(MARKER) / PAGE


def write_comparison(
    statement: Statement,
    finding: Finding,
    runs: xr.Dataset,
    out: Path | Output,
    provenance: Mapping[str, Any],
    *,
    settings: Mapping[str, Any] | None = None,
    force: bool = False,
) -> Path:
    """The same with the page of a comparison, and its runs as data/runs.zarr.

    settings: all that decides the runs, as JSON values, by which `kept_runs` knows them again.
    """
    _refuse_repeated([(statement, finding)])
    marker = replace(MARKER, settings=dict(settings or {}))
    with _claimed(out, force) as output, output.told():
        folder = output.begin(marker)
        with _written(folder, [(statement, finding)], provenance, 1), plot_style():
            text = comparison_page(statement, finding, provenance)
            (folder / PAGE).write_text(text, encoding="utf-8")
        data.write_runs(runs, folder / RUNS)
        return output.publish(marker) / PAGE


def _claimed(out: Path | Output, force: bool) -> AbstractContextManager[Output]:
    return nullcontext(out) if isinstance(out, Output) else Output(out, force=force)


def _refuse_repeated(findings: Examined) -> None:
    """Raise ValueError where two figures, tables or claims would overwrite each other's files."""
    keys = [("claim", claim.key) for claim, _ in findings]
    for _, finding in findings:
        keys += [("figure", figure.key) for figure in finding.figures]
        keys += [("table", table.key) for table in finding.tables]
    repeated = [f"{kind} {key}" for (kind, key), count in Counter(keys).items() if count > 1]
    if repeated:
        raise ValueError(f"the same key twice: {', '.join(repeated)}; rename all but one")


@contextmanager
def _written(
    folder: Path, findings: Examined, provenance: Mapping[str, Any], processes: int
) -> Iterator[None]:
    """All files of a report but its page, which is written within."""
    for name in data.FOLDERS.values():
        (folder / name).mkdir()
    with _beside(processes, folder, findings):
        yield
    for _, finding in findings:
        for table in finding.tables:
            data.write_csv(table, folder / data.place(table, "csv"))
    text = data.findings_json(findings, provenance)
    (folder / FINDINGS).write_text(text, encoding="utf-8")


@contextmanager
def _beside(processes: int, folder: Path, findings: Examined) -> Iterator[None]:
    """PDF and Zarr of the figures, written in a process of their own, or after the block."""
    if processes == 1 or sum(len(finding.figures) for _, finding in findings) < _WORTH_A_PROCESS:
        yield
        _write_figures(folder, findings)
        return
    # Without its experiment, which may be a function that no other process can import.
    names = [field.name for field in fields(Statement)]
    said = [Statement(**{name: getattr(claim, name) for name in names}) for claim, _ in findings]
    sent = [(one, finding) for one, (_, finding) in zip(said, findings, strict=True)]
    with workers(1) as pool:
        written = pool.submit(_write_figures, folder, sent)
        yield
        written.result()


def _write_figures(folder: Path, findings: Examined) -> None:
    """A PDF of each figure, and the data of each claim."""
    with plot_style():
        for claim, finding in findings:
            for figure in finding.figures:
                (folder / data.place(figure, "pdf")).write_bytes(figures.pdf(figure))
            data.write_claim(claim, finding, folder / data.store(claim))
