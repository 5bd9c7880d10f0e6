"""The report: complete, self-contained, the same bytes twice, and true to the findings."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import samples.report as sample
from helpers import read_formulas
from latephase.core import InputError
from latephase.draw.panels.palette import THEME
from latephase.draw.panels.typeset import html, number, plain
from latephase.report import write_comparison, write_report
from latephase.report.references import bibliography, cited
from latephase.store.marker import read_marker

ROOT = Path(__file__).resolve().parents[2]
VOID = {"meta", "link", "br", "hr", "img", "input"}


class Reader(HTMLParser):
    """What a browser would meet: tags with attributes, ids, text, and whether tags are closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, name: str) -> list[str]:
        """Every value of an attribute."""
        return [attributes[name] for _, attributes in self.tags if name in attributes]


def more() -> dict[str, Any]:
    """What is said and kept beside the findings."""
    runs = sample.comparison()[2]
    return {"lead": "It is 1/ln t slow.", "runs": {"he_normal": runs, "uniform": runs}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of the made-up findings."""
    out = tmp_path_factory.mktemp("report") / "out"
    page = write_report(sample.findings(), out, sample.PROVENANCE, **more())
    assert page == out / "report.html"
    return out


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


def test_page_asks_no_host_for_anything(page: str):
    """Ground truth: the only addresses in HTML that a browser follows by itself, none of them."""
    for tag, attributes in Reader(page).tags:
        for name in ("src", "href", "xlink:href", "data", "poster", "srcset", "action"):
            value = attributes.get(name, "data:")
            followed = name != "href" or tag != "a"
            assert not followed or value.startswith(("#", "data:")), (tag, name, value)
    loads = re.findall(r"url\(\s*['\"]?(?!#)|@import|<script\s|<iframe|@font-face|fetch\(", page)
    assert loads == []
    assert "default-src 'none'" in page
    assert "http://" not in page


def test_page_is_well_formed_and_ids_are_unique(page: str):
    """Ground truth: HTML's rules: every tag closed in order, no id twice, no link into nothing."""
    reader = Reader(page)
    assert reader.open == []
    ids = reader.values("id")
    assert len(ids) == len(set(ids))
    targets = {value[1:] for value in reader.values("href") if value.startswith("#")}
    targets |= set(re.findall(r"url\(#([^)]+)\)", page))
    assert targets
    assert targets <= set(ids)


def test_page_links_to_files_that_exist(page: str, folder: Path):
    """Ground truth: the files of the folder."""
    anchors = [a["href"] for tag, a in Reader(page).tags if tag == "a" and "href" in a]
    local = [link for link in anchors if not link.startswith(("#", "https://"))]
    assert len(local) > 10
    assert [link for link in local if not (folder / link).exists()] == []


def test_every_claim_stands_on_the_page(page: str):
    """Ground truth: the made-up findings."""
    reader = Reader(page)
    for claim, finding in sample.findings():
        assert reader.text.count(claim.title) == 3  # in side bar, table and over its section
        assert claim.key in reader.values("id")
        assert finding.verdict.name.replace("_", " ") in reader.text
    for kind, claims in (("independent", 2), ("consistency", 2)):  # one of three rests on both
        chips = re.findall(rf'<a class="evidence {kind}" href="#word-{kind}" title="[^"]+">', page)
        assert len(chips) == 2 * claims  # in the table of claims and at the verdict
    assert reader.text.index("What the numbers say") < reader.text.index("What was run")


def test_the_first_screen_says_what_was_asked_and_counts_verdicts(page: str):
    """Ground truth: the made-up findings, one of each verdict, and the lead that was given."""
    front = page[page.index('<section class="front"') : page.index('<section id="claims"')]
    said = Reader(front).text
    assert "What gradient descent converges to" in said
    assert "It is 1/ln\u2009t slow." in said
    for count in ("1 supported", "1 not supported: claim 3", "1 undecided: claim 2"):
        assert count in " ".join(said.split())
    assert "<svg" in front


def test_details_hold_what_a_first_look_does_not_need(page: str):
    """Ground truth: the order of the made-up claim: statement, verdict, figure, then details."""
    section = page[page.index('<section class="claim" id="law"') :]
    screen, rest = section.split('<details class="more">', 1)
    assert screen.count("<figure") == 1
    assert "What was run" not in screen
    assert "<table" not in screen
    assert rest[: rest.index("</section>")].count("<figure") == 2


def test_numbers_carry_their_rigour(page: str):
    """Ground truth: the made-up findings, row by row."""
    rows = re.findall(r'<tr><th scope="row">.*?</tr>', page)
    rows = [row for row in rows if 'class="rigour' in row]
    expected = [n for _, finding in sample.findings() for n in finding.numbers]
    assert len(rows) == len(expected)
    for row, entry in zip(rows, expected):
        assert f">{entry.rigour.name}</span>" in row
        assert f">{html(number(entry.value))}" in row


def test_svg_takes_its_colours_from_the_page(page: str):
    """Ground truth: the palette; a colour that is not exchanged is illegible on a dark page."""
    drawn = "".join(re.findall(r"<svg.*?</svg>", page, re.S))
    assert drawn
    assert [light for light, _ in THEME.values() if light in drawn] == []
    assert not re.search(r"#000000|fill: black", drawn)
    for style in re.findall(r'<text style="([^"]*)"', drawn):
        assert "fill: var(--" in style
        assert "DejaVu" not in style


def test_labels_are_text(page: str):
    """Ground truth: the axis labels of the made-up findings, with powers and signs set."""
    for label in ("log₁₀ t", "measured C (input units)", "x1 x2 = −1", "10⁻⁶", "x2 (label −1)"):
        assert f">{label}</text>" in page


def test_every_panel_has_a_title_and_those_of_several_a_letter(page: str):
    """Ground truth: the made-up figures: panels with a title, or with what is on their y axis."""
    claims = page[page.index('<section class="claim"') :]
    assert re.findall(r">(\([a-z]\).*?)</text>", claims) == [
        "(a) He initialisation",
        "(b) Constant of the law",
        "(a) trials",
        "(b) |C| (input units)",
        "(a) Limiting margin",
        "(b) Rate",
    ]
    bold = re.findall(r'<text style="[^"]*font-weight: 700[^"]*"[^>]*>([^<]*)</text>', claims)
    panels = re.findall(r'<div class="plot \w+">', claims)
    assert len(bold) == len(panels)
    assert "fraction" in bold


def test_the_same_findings_give_the_same_bytes(folder: Path, tmp_path: Path):
    """Ground truth: a second report from the same findings."""
    again = write_report(sample.findings(), tmp_path / "b", sample.PROVENANCE, **more())
    assert digests(again.parent) == digests(folder)


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    assert len(files) > 50
    return {str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def test_findings_are_kept_as_json(folder: Path):
    """Ground truth: the made-up findings; infinities are strings, since JSON has no token."""

    def refuse(token: str) -> None:
        raise AssertionError(token)

    text = (folder / "findings.json").read_text(encoding="utf-8")
    stored = json.loads(text, parse_constant=refuse)
    assert {claim["evidence"] for claim in stored["claims"]} == {
        "consistency",
        "independent",
        "independent, consistency",
    }
    assert [claim["verdict"] for claim in stored["claims"]] == [
        finding.verdict.name for _, finding in sample.findings()
    ]
    values = [entry["value"] for entry in stored["claims"][0]["numbers"]]
    assert values == [2497, 3.217e-13, 0.0, 1e-1004, "10^6021", "inf"]
    assert stored["claims"][0]["numbers"][1]["rigour"] == "estimated"
    assert stored["claims"][0]["settings"]["step_sizes"] == [1e-6, 0.1]
    assert stored["provenance"]["seed"] == 0


def test_tables_are_kept_as_csv(folder: Path):
    """Ground truth: the made-up table, to the last digit."""
    table = sample.long_table()
    with (folder / "tables" / "trials.csv").open(newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    assert head == list(table.columns)
    assert [row[1] for row in rows] == list(table.columns["regime"])
    got = [float(row[2]) for row in rows]
    assert got[:-1] == table.columns["C (input units)"][:-1]
    assert np.isnan(got[-1])


def test_claims_are_kept_as_zarr(folder: Path):
    """Ground truth: the made-up numbers and paths, bit by bit, by the names of their axes."""
    import xarray as xr

    path = folder / "data/law.zarr"
    numbers = xr.open_zarr(path, consolidated=False).load()
    assert numbers.attrs["verdict"] == "SUPPORTED"
    assert numbers.written.values.tolist() == [str(n.value) for n in sample.numbers()]
    assert numbers.sel(label="trials that specialise").value == 2497
    panel = xr.open_zarr(path, group="margin/a", consolidated=False).load()
    series = sample.margin_figure().panels[0].series
    np.testing.assert_array_equal(panel.single_trials.values, [one.y for one in series[:25]])
    np.testing.assert_array_equal(panel["log10_t"].values, series[0].x)
    assert panel["median"].attrs["units"] == "input units"
    listed = json.loads((folder / "findings.json").read_text())["claims"][0]
    assert listed["data"] == "data/law.zarr"
    groups = [place for figure in listed["figures"] for place in figure["groups"]]
    assert groups == ["margin/a", "margin/b", "regimes", "exponents"]
    for group in groups:
        assert xr.open_zarr(path, group=group, consolidated=False).data_vars


def test_runs_are_kept_as_they_are(folder: Path):
    """Ground truth: the made-up runs, bit by bit, with their names."""
    import xarray as xr

    runs = sample.comparison()[2]
    stored = xr.open_zarr(folder / "data/runs/uniform.zarr", consolidated=False).load()
    np.testing.assert_array_equal(stored.limit_gap.values, runs.limit_gap.values)
    assert stored.algorithm.values.tolist() == runs.algorithm.values.tolist()


def test_a_comparison_has_a_page_of_its_own_and_its_runs(tmp_path: Path):
    """Ground truth: the made-up comparison; the same findings and runs give the same bytes."""
    claim, finding, runs = sample.comparison()
    out = tmp_path / "out"
    asked = {"seed": 0}
    path = write_comparison(claim, finding, runs, out, sample.PROVENANCE, settings=asked)
    assert (path, (out / "data/runs.zarr").is_dir()) == (out / "report.html", True)
    page = path.read_text(encoding="utf-8")
    assert "Which training methods escape the slow rate?" in page
    front = " ".join(Reader(page[page.index("<main") : page.index('id="methods"')]).text.split())
    assert "own clock, same C 2loss_scaled, normalized_gd" in front
    assert finding.summary.split(". ")[0] in front
    first = digests(out)
    write_comparison(claim, finding, runs, out, sample.PROVENANCE, settings=asked)
    assert digests(out) == first
    marker = read_marker(out)
    assert marker is not None
    assert marker.settings == asked


def test_figures_are_kept_as_pdf(folder: Path):
    """Ground truth: the keys of the made-up figures, and PDF's first bytes."""
    keys = {figure.key for _, finding in sample.findings() for figure in finding.figures}
    assert {path.stem for path in (folder / "figures").iterdir()} == keys
    assert all(path.read_bytes()[:5] == b"%PDF-" for path in (folder / "figures").iterdir())


def test_a_foreign_folder_is_left_alone(tmp_path: Path):
    """Ground truth: a folder with somebody's notes, which must survive."""
    notes = tmp_path / "notes.txt"
    notes.write_text("mine")
    with pytest.raises(InputError, match=r"expected .*, got .*; "):
        write_report(sample.findings()[1:2], tmp_path, sample.PROVENANCE)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    assert notes.read_text() == "mine"


def test_an_earlier_report_is_replaced_whole(tmp_path: Path):
    """Ground truth: a report with other tables, of which nothing may be left."""
    out = tmp_path / "out"
    write_report(sample.findings()[:1], out, sample.PROVENANCE)
    assert list((out / "tables").iterdir())
    write_report(sample.findings()[1:2], out, sample.PROVENANCE)
    assert list((out / "tables").iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_figures_with_one_key_are_refused_before_anything_is_written(tmp_path: Path):
    """Ground truth: two figures that would share a PDF."""
    claim, finding = sample.findings()[1]
    twice = replace(finding, figures=[*finding.figures, *finding.figures])
    with pytest.raises(ValueError, match="constants"):
        write_report([(claim, twice)], tmp_path / "out", sample.PROVENANCE)
    assert list(tmp_path.iterdir()) == []


def test_drawing_leaves_no_global_state(tmp_path: Path):
    """Ground truth: matplotlib's settings before, a reader's own among them."""
    import matplotlib

    with matplotlib.rc_context({"font.size": 23, "axes.grid": False}):
        before = dict(matplotlib.rcParams)
        write_report(sample.findings()[1:2], tmp_path / "out", sample.PROVENANCE)
        assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize(
    ("typed", "page", "figure"),
    [
        ("t = 10^1000", "[t = 10^1000]", "t = 10¹⁰⁰⁰"),
        ("from 10^1000 on", "from 10<sup>1000</sup> on", "from 10¹⁰⁰⁰ on"),
        (
            "within 1e-6, not 2.5e+3",
            "within 10<sup>−6</sup>, not 2,500",
            None,
        ),
        ("e^{-40} < x*", "[e^−40 < x^∗]", "e⁻⁴⁰ < x*"),
        ("x_inf, he_normal, C_GD", "[x_∞], he_normal, [C_GD]", None),
        ("log10 t, eta <= -1", "[log_10 t], [η ≤ −1]", "log₁₀ t, η ≤ −1"),
        ("half-line, x - y, 5-7", "half-line, [x − y], 5-7", "half-line, x − y, 5-7"),
        ("max_j |Delta|, x2 = -x1, 41 x 41", "[max_j |Δ|], [x_2 = −x_1], 41 × 41", None),
        ("`a_b` & <b>", "<code>a_b</code> &amp; &lt;b&gt;", None),
        ("`--trials 10000` -> x", "<code>--trials 10000</code> → [x]", None),
        ("9.1\u00a0×\u00a010^{-6}", "9.1\u00a0×\u00a010<sup>−6</sup>", None),
        ("a\u202eb", "a\\u202eb", None),
        ("1.9e-03, 2.2e-07, 2e+04", "0.0019, 2.2\u00a0×\u00a010<sup>−7</sup>, 20,000", None),
        ("12345 of 1253 trials, 25.08%", "12,345 of 1,253 trials, 25.08\u00a0%", None),
        ("in 2026, 10^100000, x12345", "in 2026, 10<sup>100000</sup>, x12345", None),
        ("raise --trials", "raise <code>--trials</code>", None),
        ("1/sqrt(ln t)", "[1/√ln t]", "1/√(ln t)"),
    ],
)
def test_words_are_typeset(typed: str, page: str, figure: str | None):
    """Ground truth: written by hand; what is in brackets is MathML."""
    assert read_formulas(str(html(typed))) == page
    assert figure is None or plain(typed) == figure


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (12345, "12,345"),
        (0.123456, "0.1235"),
        (-3.217e-13, "−3.217\u00a0×\u00a010^{-13}"),
        (12345.6, "12,350"),
        (10**5000, "10^{5000}"),
        (-3 * 10**40, "−3\u00a0×\u00a010^{40}"),
        (np.float64(0.25), "0.25"),
        (float("nan"), "undefined"),
        (float("-inf"), "−∞"),
        (True, "yes"),
        ("10^6021", "10^6021"),
    ],
    ids=lambda value: type(value).__name__,  # pytest cannot print 10**5000 either
)
def test_numbers_are_shown_to_four_digits(value: object, shown: str):
    """Ground truth: written by hand."""
    assert number(value) == shown


def test_the_bibliography_of_the_package_is_that_of_the_repository():
    """Ground truth: references.bib at the root, of which the package ships a copy.

    When it fails: cp references.bib src/latephase/report/references.bib
    """
    shipped = ROOT / "src" / "latephase" / "report" / "references.bib"
    assert shipped.read_bytes() == (ROOT / "references.bib").read_bytes()


def test_the_bibliography_is_read_whole():
    """Ground truth: the entries of references.bib counted by their @, one of them by eye."""
    text = (ROOT / "references.bib").read_text(encoding="utf-8")
    assert set(bibliography()) == set(re.findall(r"^@\w+\{(\w+),", text, re.M))
    lyuli = bibliography()["lyuli2020"]
    assert (lyuli.short, lyuli.authors) == ("Lyu and Li 2020", "Kaifeng Lyu and Jian Li")
    assert lyuli.link == "https://arxiv.org/abs/1906.05890"
    assert not any(set("{}\\") & set(work.authors + work.title) for work in bibliography().values())


def test_works_that_are_cited_are_listed(page: str):
    """Ground truth: the keys in the made-up findings."""
    assert [work.key for work in cited(["[wilson1927, p. 3] he2015"])] == ["wilson1927"]
    listed = {i for i in Reader(page).values("id") if i.startswith("ref-")}
    assert listed == {"ref-smorodinsky2026", "ref-lyuli2020", "ref-wilson1927"}
