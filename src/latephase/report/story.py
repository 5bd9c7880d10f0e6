"""What the first screen says: the question, and the answer that the findings give."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from latephase.draw.panels import typeset
from latephase.experiments.bench.base import Statement
from latephase.experiments.bench.finding import Figure, Finding, Support
from latephase.report.data import Examined

HE, RATE, BOTH = "he_initialisation", "rate", "both_layers"  # the claims that it is told by
QUESTION = "Does gradient descent find the largest margin?"
ANY_QUESTION = "What gradient descent converges to, and how fast"
ASKED = """A network that separates two points best puts its boundary in the middle between them.
    [smorodinsky2026] say that gradient descent gets there from almost every start, but far too
    slowly for anybody to see. Here that is put to the test, on runs that are followed from the
    first step to step 10^1000."""
CAPTION = """He's initialisation, over the decimal logarithm of the step: (a) the margin, (b) what
    it lacks to the largest one. Line: median; band: 5 % to 95 % of the runs; thin lines: single
    runs."""
COMPARED = "Which training methods escape the slow rate?"
EACH = "of each kind the method that leaves the least"
_MIDDLE = "median"  # of a band, in the legend


@dataclass(frozen=True)
class Story:
    """question, asked: what was asked, in a line and in a few;  answer: in two sentences;  figure:
    the one to look at first;  title: of the page;  setting: whether that of the paper is drawn."""

    question: str
    asked: str
    answer: str
    figure: Figure | None
    title: str
    setting: bool


def told(findings: Examined, lead: str | None = None) -> Story:
    """The story of the paper where its claims are among the findings, else of the first one.

    lead: an answer in the place of the one that is made of the findings.
    """
    found = {claim.key: finding for claim, finding in findings}
    if RATE in found:
        figure = _late(found[HE].figures[0]) if HE in found else None
        answer = lead or f"{_reaches(found)} {_how_slow(found)}"
        title = f"{QUESTION} · latephase"
        return Story(QUESTION, " ".join(ASKED.split()), answer, figure, title, True)
    claim, finding = findings[0]
    figures = [figure for _, one in findings for figure in one.figures]
    alone = len(findings) == 1
    question = claim.title if alone else ANY_QUESTION
    asked = claim.statement if alone else f"{len(findings)} claims are put to the test."
    title = f"{question} · latephase"
    figure = figures[0] if figures else None
    return Story(question, asked, lead or finding.summary, figure, title, False)


def compared(claim: Statement, finding: Finding) -> Story:
    """The story of a comparison: its first figure is over the updates."""
    title = f"{claim.title} · latephase"
    return Story(COMPARED, finding.run, finding.summary, _one_of_each(finding), title, False)


def effects(finding: Finding) -> dict[str, list[str]]:
    """Methods by what they do, from the first columns of a comparison's first table."""
    found: dict[str, list[str]] = {}
    for method, effect in zip(*list(finding.tables[0].columns.values())[:2], strict=True):
        found.setdefault(effect, []).append(method)
    return found


def _one_of_each(finding: Finding) -> Figure:
    """The first figure with one curve for each effect: of the method that leaves the least."""
    figure = finding.figures[0]
    drawn = {one.label: one for panel in figure.panels for one in panel.series}
    chosen = []
    for methods in effects(finding).values():
        curves = [drawn[m] for m in methods if m in drawn and len(np.asarray(drawn[m].y))]
        if curves:
            chosen.append(min(curves, key=lambda one: float(np.asarray(one.y)[-1])))
    panel = replace(figure.panels[0], title=EACH, series=chosen)
    return replace(figure, panels=[panel])


def _late(figure: Figure) -> Figure:
    """The figure without its beginning: of three panels, the last two."""
    return replace(figure, caption=CAPTION, panels=tuple(figure.panels)[-2:])


def _reaches(found: dict[str, Finding]) -> str:
    """Whether the optimal margin is reached, and what is left of the way, both by the findings."""
    verdict = found[RATE].verdict
    if verdict is Support.NOT_SUPPORTED:
        return "Not as stated: these runs contradict that it gets there like 1/ln t."
    if verdict is Support.UNDECIDED:
        return "These runs do not decide it."
    missing = _missing(found[HE]) if HE in found else None
    if missing is None:
        return "Yes, but only like 1/ln t."
    step, share = missing
    return (
        f"Yes, but only like 1/ln t: after {step} steps the median He network still lacks {share}."
    )


def _how_slow(found: dict[str, Finding]) -> str:
    """The second sentence: both layers where they were trained, else what the slow rate takes."""
    if BOTH in found and found[BOTH].verdict is Support.SUPPORTED:
        return "With both layers trained it is slower still, like 1/sqrt(ln t)."
    return found[RATE].summary.split(". ")[0].removesuffix(".") + "."


def _missing(finding: Finding) -> tuple[str, str] | None:
    """(a step, the share of the largest margin that the median network lacks there)."""
    panel = finding.figures[0].panels[-1]
    median = next((one for one in panel.series if one.label == _MIDDLE), None)
    if median is None or not len(np.asarray(median.x)):
        return None
    x, y = np.asarray(median.x, float), np.asarray(median.y, float)
    at = int(np.argmin(np.abs(x - 20)))
    percent = typeset.number(float(f"{100 * y[at]:.2g}"))
    return f"10^{x[at]:.0f}", f"{percent} % of the largest margin"
