"""The HTML page: what its template needs, gathered from claims and findings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

import numpy as np
from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from latephase.core import Rigour
from latephase.draw.panels import typeset
from latephase.draw.panels.palette import THEME
from latephase.experiments.bench.base import Evidence
from latephase.experiments.bench.finding import Support, Table
from latephase.report import references
from latephase.report.data import Examined, place
from latephase.report.figures import panel_svgs

LEAD = (
    "What two ReLU neurons learn from two points: every statement tested by its own numbers, on "
    "runs followed from initialisation to t = 10^1000."
)
TITLE = "What gradient descent converges to, and how fast"
MARKS = {Support.SUPPORTED: "✓", Support.NOT_SUPPORTED: "✗", Support.UNDECIDED: "?"}
_LONG = 12  # rows from which on a table starts folded


def page(findings: Examined, provenance: Mapping[str, Any], lead: str | None = None) -> str:
    """The whole page; lead: the result in a sentence or two, put before the count of verdicts."""
    works = references.cited(_texts(findings))
    names = {work.key: work.short for work in works}
    tally = {v: [claim for claim, finding in findings if finding.verdict is v] for v in Support}
    environment = Environment(
        loader=FunctionLoader(_resource),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["typeset"] = lambda text: typeset.html(text, names)
    environment.filters["number"] = lambda value: typeset.html(typeset.number(value))
    environment.globals |= {
        "badge": _badge,
        # The labels inside were escaped by matplotlib.
        "svgs": lambda figure: [(name, Markup(svg)) for name, svg in panel_svgs(figure)],
        "table": _table,
        "setting": _setting,
        "place": place,
    }
    return environment.get_template("report.html.j2").render(
        title=TITLE,
        theme=THEME,
        style=Markup(_resource("style.css")),
        lead=lead or LEAD,
        tally=tally,
        findings=findings,
        rigours=list(Rigour),
        kinds=[kind for kind in Evidence if kind is not Evidence.both],
        provenance={name.replace("_", " "): _setting(entry) for name, entry in provenance.items()},
        works=works,
    )


def _resource(name: str) -> str:
    return files("latephase.report").joinpath(name).read_text(encoding="utf-8")


def _texts(findings: Examined) -> Iterator[str]:
    """Every text that may cite."""
    for claim, finding in findings:
        yield from (claim.statement, claim.source, claim.criterion)
        yield from (finding.summary, finding.run, *finding.deviations)
        yield from (figure.caption for figure in finding.figures)
        yield from (table.caption for table in finding.tables)


def _badge(verdict: Support) -> Markup:
    words = verdict.name.replace("_", " ")
    kind = verdict.name.lower().replace("_", "-")
    return Markup('<span class="badge {}" title="{}">{} {}</span>').format(
        kind, verdict.value, MARKS[verdict], words
    )


def _table(table: Table) -> dict[str, Any]:
    """Head, rows of (text, is a number) and whether the table is long enough to be folded."""
    columns = [list(column) for column in table.columns.values()]
    rows = [
        [(typeset.html(typeset.cell(value)), _is_number(value)) for value in row]
        for row in zip(*columns, strict=True)
    ]
    numeric = [all(map(_is_number, column)) for column in columns]
    head = list(zip(table.columns, numeric, strict=True))
    return {"head": head, "rows": rows, "folded": len(rows) > _LONG and not table.opened}


def _is_number(value: Any) -> bool:
    real = (int, float, np.integer, np.floating)
    return value is None or (isinstance(value, real) and not isinstance(value, bool))


def _setting(value: Any) -> str:
    """A setting as one line; digits as given, since they are there to be typed again."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_setting(entry)}" for name, entry in value.items())
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return ", ".join(_setting(entry) for entry in value)
    return str(value)
