"""The documentation holds: blocks run and print what is shown, links and citations lead on."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from helpers import relative_error
from latephase.problem import initializers, losses
from latephase.training.methods import table as methods

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
EXECUTED = ["README.md"]
EXECUTED += [
    f"docs/{page}.md"
    for page in ("tutorial", "extending", "studies", "not-supported", "certificates-general")
]
LONG = pytest.mark.campaign  # pages that take ten seconds each
EXECUTED += [pytest.param(page, marks=LONG) for page in ("docs/how-to.md", "docs/certificates.md")]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
HEADING = re.compile(r"^#+ +(.+)$", re.M)
LINK = re.compile(r"\]\(([^)\s]+)\)")
SHORT = (
    "run",
    "predict",
    "ensemble",
    "compare",
    "certify",
    "verify",
    "--version",
)  # that are quick


def blocks(text: str) -> list[tuple[str, str]]:
    """(language, content) of the fenced blocks, in order."""
    return [(found[1], found[2]) for found in BLOCK.finditer(text)]


def headings(text: str) -> list[str]:
    """Headings without their numbers; what stands in fenced blocks is none."""
    return [re.sub(r"^\d+\. ", "", title) for title in HEADING.findall(BLOCK.sub("", text))]


def anchors(text: str) -> set[str]:
    """Targets of #links, as the usual renderers make them."""
    titles = HEADING.findall(BLOCK.sub("", text))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def cited_sections(text: str) -> tuple[set[str], set[int]]:
    """Titles and numbers that a text cites of docs/theory.md, across line breaks."""
    plain = re.sub(r"[\s#]+", " ", re.sub(r"[\"']\s*\n\s*[\"']", "", text))
    titles, numbers = set(), set()
    for rest in plain.split("docs/theory.md")[1:]:
        listed = re.match(r', ((?:(?:, | and )?"[^"]+")+)', rest)
        titles |= set(re.findall(r'"([^"]+)"', listed[1])) if listed else set()
        counted = re.match(r", sections? ((?:(?:, | and )?\d+)+)", rest)
        numbers |= {int(n) for n in re.findall(r"\d+", counted[1])} if counted else set()
    return titles, numbers


@pytest.fixture
def recipes():
    """What a recipe registers must not outlive it: other tests list what is known."""
    tables = (initializers._KNOWN, methods.METHODS, losses.LOSSES)
    before = [dict(table) for table in tables]
    yield
    for table, known in zip(tables, before, strict=True):
        table.clear()
        table.update(known)


@pytest.mark.parametrize("page", EXECUTED)
@pytest.mark.usefixtures("recipes")
def test_python_blocks_run_and_print_what_is_shown(page, tmp_path, monkeypatch):
    """Ground truth: the text block after a Python block, where there is one."""
    monkeypatch.chdir(tmp_path)
    listed = [*blocks((ROOT / page).read_text()), ("", "")]
    space: dict[str, object] = {"__name__": "documentation"}
    monkeypatch.setitem(sys.modules, "documentation", type(sys)("documentation"))
    ran = 0
    for (language, code), (after, shown) in pairwise(listed):
        if language == "python":
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(code, page, "exec", dont_inherit=True), space)
            ran += 1
            if after == "text":
                assert printed.getvalue().rstrip() == shown.rstrip()
    assert ran > 0


def console_commands(page: Path) -> list[tuple[str, str]]:
    """(command, output) of the console blocks of a page; a backslash continues a command."""
    found = []
    for language, text in blocks(page.read_text()):
        parts = re.split(r"^\$ ", text, flags=re.M)[1:] if language == "console" else []
        for part in parts:
            command, _, output = part.replace("\\\n", "").partition("\n")
            found.append((command, output))
    return found


def same(printed: str, shown: str) -> bool:
    """Equal words, and numbers equal to 5 digits; those of the size of rounding may differ."""
    words = [re.findall(r"[^\s,\[\]{}]+", text) for text in (printed, shown)]
    return len(words[0]) == len(words[1]) and all(map(alike, *words))


def alike(printed: str, shown: str) -> bool:
    """Whether two words are equal, or stand for about the same number.

    A rule is as long as its table is wide, which digits of the size of rounding decide.
    """
    if set(printed) == set(shown) == {"─"}:
        return True
    try:
        one, other = float(printed), float(shown)
    except ValueError:
        return printed == shown
    tiny = abs(one) < 1e-12 and abs(other) < 1e-12
    return tiny or one == other or relative_error(one, other) < 1e-5


def test_numbers_are_compared():
    """Ground truth: pairs of outputs, judged by eye."""
    assert same("x 1.000001  7.1e-15 (a)", "x 1  7.4e-15 (a)")
    assert not same("x 1.001", "x 1")
    assert not same("x -inf", "y -inf")
    assert same("─────", "────")
    assert not same("─────", "")


@pytest.mark.parametrize(
    "page", [page for page in PAGES if console_commands(page)], ids=lambda page: page.name
)
def test_console_commands_print_what_is_shown(page, latephase, monkeypatch, tmp_path):
    """Ground truth: the output below each command of a page, in one folder, one after the other.

    `make` and `reproduce` take too long here; a file shown by `cat` is put into the folder.
    """
    monkeypatch.setenv("COLUMNS", "100")
    for command, output in console_commands(page):
        words = shlex.split(command)
        if words[0] == "cat":
            (tmp_path / words[1]).write_text(output)
            continue
        if words[0] != "latephase" or words[1] not in SHORT:
            assert words[:2] in (
                ["make", "reproduce"],
                ["make", "test"],
                ["latephase", "reproduce"],
            )
            continue
        ended = latephase(*words[1:])
        assert same(ended.out, output), command + ended.out + ended.err


ROW = re.compile(r"^\| (\d+) \| (.+?) \| (.+?) \| (.+?) \| (.+) \|$", re.M)


def rows_of_claims(*pages: str) -> list[tuple[str, ...]]:
    """Number, title, verdict, evidence and finding of the claims that pages have in tables."""
    return [row for page in pages for row in ROW.findall((ROOT / page).read_text())]


def test_the_tables_of_claims_are_complete():
    """Ground truth: the lists of claims; README shows the paper's and those on both layers, the
    studies the others, in order, with a verdict each."""
    from latephase.experiments import BEYOND, CLAIMS

    layers = [claim for claim in BEYOND if claim.number in (24, 25, 26)]
    rest = [claim for claim in BEYOND if claim not in layers]
    for page, shown in (("README.md", [*CLAIMS, *layers]), ("docs/studies.md", rest)):
        rows = rows_of_claims(page)
        assert [(int(n), title) for n, title, *_ in rows] == [(c.number, c.title) for c in shown]
        assert [evidence for *_, evidence, _ in rows] == [c.evidence.words for c in shown]
        assert {row[2] for row in rows} <= {"SUPPORTED", "NOT SUPPORTED", "UNDECIDED"}


@pytest.mark.campaign
def test_the_tables_of_claims_are_what_reproduce_finds(latephase, tmp_path):
    """Ground truth: `latephase reproduce --all`, all words and the numbers to two digits."""
    ended = latephase("reproduce", "--all", "--out", str(tmp_path / "report"))
    assert ended.code == 0, ended.err
    found = json.loads((tmp_path / "report" / "findings.json").read_text())["claims"]
    shown = {int(row[0]): row for row in rows_of_claims("README.md", "docs/studies.md")}
    assert_tables_match(found, shown)


def assert_tables_match(found: list[dict], shown: dict[int, tuple[str, ...]]) -> None:
    """Fail where a verdict, a word or a number of a finding is not what a page shows."""
    assert {claim["number"] for claim in found} == set(shown)
    for claim in found:
        _, _, verdict, evidence, told = shown[claim["number"]]
        assert verdict == claim["verdict"].replace("_", " "), claim["number"]
        assert evidence == claim["evidence"], claim["number"]
        words = [re.split(r"(\d[\d,.]*(?:e[+-]\d+)?)", text) for text in (told, claim["summary"])]
        plain, summary = words[0], words[1]
        assert [w.replace("\\|", "|") for w in plain[::2]] == summary[::2], claim["number"]
        for one, other in zip(plain[1::2], summary[1::2], strict=True):
            a, b = (float(number.strip(",.").replace(",", "")) for number in (one, other))
            assert abs(a - b) <= 0.05 * max(abs(a), abs(b)), (claim["number"], one, other)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    """Ground truth: the files of the repository and the headings in them."""
    text = BLOCK.sub("", page.read_text())
    targets = [*LINK.findall(text), *re.findall(r'src(?:set)?="([^"]+)"', text)]
    for target in (t for t in targets if "://" not in t):
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file.read_text()), target


def test_cited_sections_exist():
    """Ground truth: the headings of docs/theory.md."""
    text = (ROOT / "docs" / "theory.md").read_text()
    numbered = {int(n) for n in re.findall(r"^## (\d+)\. ", text, re.M)}
    for file in [*ROOT.glob("src/**/*.py"), *ROOT.glob("tests/**/*.py"), *PAGES]:
        if file != Path(__file__).resolve():
            titles, numbers = cited_sections(file.read_text())
            assert titles <= set(headings(text)), file
            assert numbers <= numbered, file


def test_code_that_pages_name_exists():
    """Ground truth: the files under src/latephase, which pages name as `late/pair/`."""
    package = ROOT / "src" / "latephase"
    rooms = {found.parent.name for found in package.glob("*/__init__.py")}
    for page in (
        ROOT / "docs" / "theory.md",
        ROOT / "docs" / "glossary.md",
        ROOT / "ARCHITECTURE.md",
    ):
        named = re.findall(r"`(?:src/latephase/)?(\w+/[\w/.]*)`", BLOCK.sub("", page.read_text()))
        inside = [name for name in named if name.split("/")[0] in rooms]
        missing = [
            n for n in inside if not any(package.glob(n.rstrip("/") + end) for end in ("", ".py"))
        ]
        assert not missing, page
        assert inside, page


def test_citations_are_recognised():
    """Ground truth: citations as docstrings write them, read by eye."""
    text = '(docs/theory.md,\n    "The system" and "Patterns"). docs/theory.md, sections 2 and 3.'
    assert cited_sections(text) == ({"The system", "Patterns"}, {2, 3})
