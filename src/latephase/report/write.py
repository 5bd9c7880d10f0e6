"""The report as a folder: page, findings, figures, tables and data, put in place when complete."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latephase.core.workers import workers
from latephase.experiments.bench.finding import Figure
from latephase.report.data import Examined, write_runs
from latephase.store.directory import claim_output, publish, seal

if TYPE_CHECKING:
    import xarray as xr

PAGE = "report.html"
_WORTH_A_PROCESS = 12  # figures; a process takes as long to start as two of them to draw


def write_report(
    findings: Examined,
    out: Path,
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
    as data/runs.zarr.  Returns the path of the page.
    An earlier report in `out` is replaced once the new one is complete.  InputError if `out` holds
    what latephase did not write (unless `force`) or cannot be written.
    """
    _refuse_repeated_keys(findings)
    partial = claim_output(out, force=force)
    try:
        _build(partial, findings, provenance, lead, processes)
        if runs is not None:
            write_runs(runs, partial / "data" / "runs.zarr")
        seal(partial)
        return publish(partial, out) / PAGE
    except BaseException:  # a report is made again faster than resumed: leave nothing behind
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _build(
    folder: Path,
    findings: Examined,
    provenance: Mapping[str, Any],
    lead: str | None,
    processes: int,
) -> None:
    """Fill the empty folder."""
    from latephase.report import data, figures
    from latephase.report.page import page

    for name in ("figures", "tables", "data"):
        (folder / name).mkdir()
    drawn = [figure for _, finding in findings for figure in finding.figures]
    with _beside(processes, folder, drawn), figures.plot_style():
        (folder / PAGE).write_text(page(findings, provenance, lead), encoding="utf-8")
    for _, finding in findings:
        for table in finding.tables:
            data.write_csv(table, folder / data.csv_name(table))
    text = data.findings_json(findings, provenance)
    (folder / "findings.json").write_text(text, encoding="utf-8")


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
    from latephase.report import data, figures

    with figures.plot_style():
        for figure in drawn:
            (folder / data.pdf_name(figure)).write_bytes(figures.pdf(figure))
            data.write_zarr(figure, folder / data.zarr_name(figure))


def _refuse_repeated_keys(findings: Examined) -> None:
    """Two figures or tables of one key would overwrite each other's files."""
    for kind in ("figures", "tables"):
        keys = Counter(item.key for _, finding in findings for item in getattr(finding, kind))
        repeated = [key for key, count in keys.items() if count > 1]
        if repeated:
            raise ValueError(f"{kind} with the same key: {', '.join(repeated)}; rename all but one")
