"""The HTML pages: what their templates need, gathered from claims and findings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

import numpy as np
from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from latephase.core import Rigour
from latephase.draw.panels import typeset
from latephase.draw.panels.palette import THEME
from latephase.experiments.bench.base import Evidence, Statement
from latephase.experiments.bench.finding import Finding, Support, Table
from latephase.report import glossary, references, setting, tables
from latephase.report.data import Examined, place, runs_of, store
from latephase.report.datasets import places
from latephase.report.figures import front_svgs, panel_svgs
from latephase.report.story import compared, effects, told

MARKS = {Support.SUPPORTED: "✓", Support.NOT_SUPPORTED: "✗", Support.UNDECIDED: "?"}


def page(
    findings: Examined,
    provenance: Mapping[str, Any],
    lead: str | None = None,
    runs: Sequence[str] = (),
) -> str:
    """The whole page of a report.

    lead: the answer on its first screen, in a sentence or two;  runs: the names of those that are
    kept as data.
    """
    story = told(findings, lead)
    kinds = [kind for kind in Evidence if kind is not Evidence.both]
    rests = [kind for claim, _ in findings for kind in claim.evidence.words.split(", ")]
    return _rendered(
        "report.html.j2",
        findings,
        provenance,
        story=story,
        tally={v: [claim for claim, finding in findings if finding.verdict is v] for v in Support},
        evidence_counts={kind: rests.count(kind.words) for kind in kinds},
        runs=[runs_of(name) for name in runs],
        both=sum(claim.evidence is Evidence.both for claim, _ in findings),
    )


def comparison_page(claim: Statement, finding: Finding, provenance: Mapping[str, Any]) -> str:
    """The whole page of a comparison: what is held against the law, and what was found."""
    return _rendered(
        "compare.html.j2",
        [(claim, finding)],
        provenance,
        story=compared(claim, finding),
        claim=claim,
        finding=finding,
        effects=effects(finding),
        runs=[],
    )


def _rendered(template: str, findings: Examined, provenance: Mapping[str, Any], **more: Any) -> str:
    """A page by its template, with what every page has."""
    works = references.cited(_texts(findings, more["story"]))
    names = {work.key: work.short for work in works}
    environment = Environment(
        loader=FunctionLoader(_resource),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["typeset"] = lambda text: typeset.html(text, names)
    environment.filters["number"] = lambda value: typeset.html(typeset.number(value))
    environment.filters["words"] = glossary.linked
    kinds = [kind for kind in Evidence if kind is not Evidence.both]
    environment.globals |= {
        "badge": _badge,
        "css": _css,
        "drawing": setting.drawing,
        "evidence": {kind.words: kind for kind in kinds},
        "first_table": _first_table,
        "fitted": tables.shown,
        # The labels inside were escaped by matplotlib.
        "front_svgs": lambda figure: _marked(front_svgs(figure)),
        "glossary_words": glossary.WORDS,
        "groups": places,
        "inside": _inside,
        "kinds": kinds,
        "made": {name.replace("_", " "): _setting(entry) for name, entry in provenance.items()},
        "marks": MARKS,
        "new_words": set,
        "place": place,
        "rigours": list(Rigour),
        "setting": _setting,
        "short": _short,
        "store": store,
        "svgs": lambda figure: _marked(panel_svgs(figure)),
        "words_of": _words,
        "works": works,
    }
    looks = {"theme": THEME, "style": Markup(_resource("style.css"))}
    looks |= {"script": Markup(_resource("page.js"))}
    return environment.get_template(template).render(findings=findings, **looks, **more)


def _resource(name: str) -> str:
    return files("latephase.report").joinpath(name).read_text(encoding="utf-8")


def _marked(drawn: list[tuple[str, str]]) -> list[tuple[str, Markup]]:
    return [(name, Markup(element)) for name, element in drawn]


def _texts(findings: Examined, story: Any) -> Iterator[str]:
    """Every text that may cite."""
    yield from (story.asked, story.answer)
    for claim, finding in findings:
        yield from (claim.statement, claim.source, claim.criterion)
        yield from (finding.summary, finding.run, *finding.deviations)
        yield from (figure.caption for figure in finding.figures)
        yield from (table.caption for table in finding.tables)


def _words(verdict: Support) -> str:
    return verdict.name.replace("_", " ").lower()


def _css(verdict: Support) -> str:
    return verdict.name.replace("_", "-").lower()


def _badge(verdict: Support) -> Markup:
    badge = '<span class="badge {}" title="{}">{} {}</span>'
    name = verdict.name.replace("_", " ")
    return Markup(badge).format(_css(verdict), verdict.value, MARKS[verdict], name)


def _short(title: str) -> str:
    """A title as it stands in the side bar: up to its colon."""
    return title.split(":")[0]


def _inside(finding: Finding) -> str:
    """What the details of a claim hold, in a few words."""
    counts = [(len(finding.numbers), "number"), (len(finding.tables), "table")]
    counts.append((len(finding.figures[1:]), "more figure"))
    kinds = [f"{n} {name}{'s' if n > 1 else ''}" for n, name in counts if n]
    return ", ".join(["what was run", "criterion", *kinds, "settings", "data"])


def _first_table(finding: Finding) -> Table | None:
    """The short table that stands where a claim has no figure."""
    if finding.figures:
        return None
    return next((table for table in finding.tables if tables.is_short(table)), None)


def _setting(value: Any) -> str:
    """A setting as one line; digits as given, since they are there to be typed again."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_setting(entry)}" for name, entry in value.items())
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return ", ".join(_setting(entry) for entry in value)
    return str(value)
