"""Draw the pictures of the README, each in a light and a dark version; print its table of claims.

    python docs/images/draw.py [latephase-report]

One shows a run and needs nothing.  The figure of claim 5 and the table come from a report.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import latephase as lp
from latephase.draw.panels.canvas import plot_style
from latephase.draw.panels.palette import THEME
from latephase.draw.resolved import resolved
from latephase.draw.run import panels
from latephase.experiments import Bench
from latephase.experiments.bench.finding import Figure
from latephase.experiments.paper import he_initialisation
from latephase.report.figures import panel_svgs

HERE = Path(__file__).parent
LOST_AND_REGAINED = slice(1, 3)  # the panels to 10^20 and to 10^1000
GAP = 14.0
HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
    'font-family="DejaVu Sans, Verdana, sans-serif">'
)


def main(report: Path | None) -> None:
    """Write run-*.svg; with a report he-margin-*.svg, too, and print the table in Markdown."""
    write(run_figure(), "run")
    if report is None:
        return
    findings = json.loads((report / "findings.json").read_text())
    settings = findings["provenance"]
    bench = Bench(int(settings["trials"]), int(settings["seed"]))
    figure = he_initialisation.CLAIM.examine(bench).figures[0]
    write(replace(figure, panels=figure.panels[LOST_AND_REGAINED]), "he-margin")
    print(table(findings["claims"]))


def run_figure() -> Figure:
    """`run.plot()` of a run that starts with the largest possible margin."""
    net = lp.ShallowReLU(weights=[2.0, -0.4], biases=[0.0, 0.0])
    data = lp.Dataset(inputs=[1.0, -1.0], labels=[1, -1])
    run = lp.simulate(net, data, lp.GradientDescent(step_size=0.1))
    return Figure("run", "", panels(run, resolved(run), run.law))


def write(figure: Figure, name: str) -> None:
    """The figure in both schemes."""
    for scheme, kind in enumerate(("light", "dark")):
        (HERE / f"{name}-{kind}.svg").write_text(drawn(figure, scheme), encoding="utf-8")


def drawn(figure: Figure, scheme: int) -> str:
    """Two panels side by side in one file, in the colours of scheme 0 (light) or 1 (dark)."""
    with plot_style():
        svgs = [text for _, text in panel_svgs(figure)]
    placed, left, height = [], 0.0, 0.0
    for text in svgs:
        size = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text)
        if size is None:
            raise ValueError("a panel without a viewBox; see draw/panels/svg.py")
        width, height = float(size[1]), max(height, float(size[2]))
        place = f'<svg x="{left:g}" width="{size[1]}" height="{size[2]}" '
        placed.append(text.replace("<svg ", place, 1))
        left += width + GAP
    colours = {name: values[scheme] for name, values in THEME.items()}
    text = re.sub(r"var\((--\w+)\)", lambda found: colours[found[1]], "\n".join(placed))
    return f"{HEAD.format(width=left - GAP, height=height)}\n{text}\n</svg>\n"


def table(claims: list[dict[str, Any]]) -> str:
    """Number, title, verdict, evidence and summary of every claim."""
    rows = ["| | claim | verdict | evidence | what was found |", "|---|---|---|---|---|"]
    for claim in claims:
        verdict = claim["verdict"].replace("_", " ")
        cells = (str(claim["number"]), claim["title"], verdict, claim["evidence"], claim["summary"])
        rows.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    return "\n".join(rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else None)
