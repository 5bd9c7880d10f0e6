"""The report as a folder: page, findings, figures, tables and data, put in place when complete."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latephase.core.workers import workers
from latephase.draw.panels.canvas import plot_style
from latephase.experiments.bench.finding import Figure
from latephase.report import data, figures
from latephase.report.data import Examined
from latephase.report.page import page
from latephase.store.marker import Marker
from latephase.store.output import Output

if TYPE_CHECKING:
    import xarray as xr

PAGE, FINDINGS = "report.html", "findings.json"
MARKER = Marker("report")
_WORTH_A_PROCESS = 12  # figures; a process takes as long to start as two of them to draw


def write_report(
    findings: Examined,
    out: Path | Output,
    provenance: Mapping[str, Any],
    *,
    lead: str | None = None,
    force: bool = False,
    runs: xr.Dataset | None = None,
    processes: int = 1,
) -> Path:
    """Write report.html, findings.json, figures/, tables/ and data/ into the folder `out`.

    provenance: what the footer says (versions, seed, trials, git commit, command), in order;
    lead: the result in a sentence or two, for the head of the page;  runs: what was measured, kept
    as data/runs.zarr;  out: the folder, or what was claimed for it.  Returns the path of the page.
    An earlier report in `out` is replaced once the new one is complete.  InputError if `out` holds
    what latephase did not write (unless `force`) or cannot be written.
    """
    for kind in ("figures", "tables"):  # of one key they would overwrite each other's files
        keys = Counter(item.key for _, finding in findings for item in getattr(finding, kind))
        repeated = [key for key, count in keys.items() if count > 1]
        if repeated:
            raise ValueError(f"{kind} with the same key: {', '.join(repeated)}; rename all but one")
    with nullcontext(out) if isinstance(out, Output) else Output(out, force=force) as output:
        with output.told():
            _fill(output.begin(MARKER), findings, provenance, lead, runs, processes)
        return output.publish(MARKER) / PAGE


def _fill(
    folder: Path,
    findings: Examined,
    provenance: Mapping[str, Any],
    lead: str | None,
    runs: xr.Dataset | None,
    processes: int,
) -> None:
    """Write all files of a report into its folder."""
    for name in data.FOLDERS.values():
        (folder / name).mkdir()
    drawn = [figure for _, finding in findings for figure in finding.figures]
    with _beside(processes, folder, drawn), plot_style():
        (folder / PAGE).write_text(page(findings, provenance, lead), encoding="utf-8")
    for _, finding in findings:
        for table in finding.tables:
            data.write_csv(table, folder / data.place(table, "csv"))
    text = data.findings_json(findings, provenance)
    (folder / FINDINGS).write_text(text, encoding="utf-8")
    if runs is not None:
        data.write_runs(runs, folder / "data" / "runs.zarr")


@contextmanager
def _beside(processes: int, folder: Path, drawn: list[Figure]) -> Iterator[None]:
    """The files of the figures, written in a process of their own, or after the block."""
    if processes == 1 or len(drawn) < _WORTH_A_PROCESS:
        yield
        _write_figures(folder, drawn)
        return
    with workers(1) as pool:
        written = pool.submit(_write_figures, folder, drawn)
        yield
        written.result()


def _write_figures(folder: Path, drawn: list[Figure]) -> None:
    """PDF and Zarr of each figure."""
    with plot_style():
        for figure in drawn:
            (folder / data.place(figure, "pdf")).write_bytes(figures.pdf(figure))
            data.write_zarr(figure, folder / data.place(figure, "zarr"))
