"""The documentation site, without building it: what it leads to, and what it is made of."""

from __future__ import annotations

import json
import posixpath
import re
import sys
import warnings
from importlib import import_module
from pathlib import Path

import pytest

import latephase
from latephase.experiments import BEYOND, CLAIMS
from latephase.problem import initializers

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted(ROOT.glob("docs/notebooks/*.ipynb"))
FENCED = re.compile(r"^```.*?^```$", re.M | re.S)
LINK = re.compile(r"\]\(([^)\s]+)\)")
TREE = re.compile(r"^```\{toctree\}\n(.*?)^```$", re.M | re.S)


@pytest.fixture(scope="module")
def site():
    """The modules that make pages; they do without Sphinx until it calls them."""
    sys.path.insert(0, str(ROOT / "docs" / "extensions"))
    try:
        yield import_module
    finally:
        sys.path.remove(str(ROOT / "docs" / "extensions"))


@pytest.fixture(scope="module")
def pages(site) -> dict[str, str]:
    """Markdown of every page, as Sphinx reads it, by its path from the root."""
    links = site("links")
    found = dict(site("generated_pages").pages())
    for file in [*ROOT.glob("docs/*.md"), *ROOT.glob("docs/api/*.md")]:
        path = file.relative_to(ROOT).as_posix()
        found[path] = links.moved(file.read_text(), path, path)
    for file in NOTEBOOKS:
        cells = json.loads(file.read_text())["cells"]
        words = ["".join(one["source"]) for one in cells if one["cell_type"] == "markdown"]
        found[file.relative_to(ROOT).as_posix()] = "\n\n".join(words)
    return found


def test_every_page_is_reached_from_the_first(pages):
    """Ground truth: the files of the site; the gallery is Sphinx-Gallery's."""
    reached, todo = set(), ["docs/index.md"]
    while todo:
        page = todo.pop()
        if page in reached:
            continue
        reached.add(page)
        for tree in TREE.findall(pages[page]):
            names = [line for line in tree.splitlines() if line and not line.startswith(":")]
            for name in (re.sub(r".*<(.*)>", r"\1", line) for line in names):
                path = posixpath.normpath(posixpath.join(posixpath.dirname(page), name))
                kinds = [f"{path}.md", f"{path}.ipynb"]
                todo += [kind for kind in kinds if kind in pages]
                assert path == "docs/generated/gallery/index" or {*kinds} & {*pages}, (page, name)
    assert reached == set(pages)


def test_links_of_the_site_lead_to_its_pages(pages):
    """Ground truth: the pages, the labels of the bibliography, and the files of pictures."""
    labels = set(re.findall(r"^\((\w+)\)=$", pages["docs/generated/references.md"], re.M))
    for page, text in pages.items():
        for target in LINK.findall(FENCED.sub("", text)):
            path, _, anchor = target.partition("#")
            if "://" in path:
                continue
            if not path and page != "docs/glossary.md" and anchor in labels:
                continue
            file = posixpath.normpath(posixpath.join(posixpath.dirname(page), path))
            assert not path or file in pages or file.startswith("docs/images/"), (page, target)
    assert {key for key in labels if key.startswith("soudry")}


def test_links_are_moved(site):
    """Ground truth: what each link means on the site, by eye."""
    moved = site("links").moved
    text = "[Theory](docs/theory.md#laws), [more](CONTRIBUTING.md), [a](LICENSE), [b](src/x.py)"
    assert moved(text, "README.md", "docs/generated/start.md") == (
        "[Theory](../theory.md#laws), [more](contributing.md), a (`LICENSE`), b (`src/x.py`)"
    )
    assert moved("[x](../README.md)", "docs/a.md", "docs/a.md") == "[x](generated/start.md)"
    assert moved("so [soudry2018, Theorem 3]", "docs/a.md", "docs/a.md") == (
        "so [[soudry2018](#soudry2018), Theorem 3]"
    )
    fenced = "```python\n[x](LICENSE)\n```"
    assert moved(fenced, "README.md", "docs/generated/start.md") == fenced


def test_every_public_name_is_in_the_reference(pages):
    """Ground truth: `latephase.__all__`, and the names of the initializers."""
    reference = "".join(text for path, text in pages.items() if path.startswith("docs/api/"))
    listed = re.findall(r"^\.\. auto(?:class|function):: (\w+)$", reference, re.M)
    assert sorted([*listed, "initializers"]) == latephase.__all__
    assert {f"`{name}`" for name in initializers.names()} <= set(re.findall(r"`\w+`", reference))


def test_every_claim_has_its_page(pages):
    """Ground truth: the claims, each with its verdict."""
    for claim in (*CLAIMS, *BEYOND):
        (page,) = (t for t in pages.values() if t.startswith(f"# {claim.number}. "))
        plain = re.sub(r"\\(.)", r"\1", page)
        assert all(f"{text}\n" in plain for text in (claim.title, claim.statement, claim.criterion))
        assert re.search(r"^\*\*(NOT )?(SUPPORTED|UNDECIDED)\.\*\* ", page, re.M)
        assert ("--all" in page) == (claim in BEYOND)


def test_what_would_be_loaded_from_other_hosts_is_seen(site):
    """Ground truth: elements that a browser loads, and links that it does not, by eye."""
    loaded = site("local_only").loaded
    assert loaded('<script defer src="https://a.org/x.js">') == ["https://a.org/x.js"]
    assert loaded('<link rel="stylesheet" href="//b.org/y.css">') == ["//b.org/y.css"]
    assert loaded("@import 'https://c.org/z.css'; src: url(https://d.org/f.woff)") == [
        "https://c.org/z.css",
        "https://d.org/f.woff",
    ]
    assert loaded('<a href="https://e.org"><img src="_images/a.png">') == []


def test_formulas_in_code_and_line_breaks_in_text_end_the_build(site):
    """Ground truth: pages of a paragraph and of code, one of them wrong in each way, by hand."""
    check, code = site("mathml")._check, '<div class="highlight"><pre>{}</pre></div>'
    right = code.format('xlabel="log10 t"; print("\\n")') + "<p>of <math></math></p>"
    check(None, "page", "", {"body": right}, None)
    for wrong in (code.format("<math></math>"), "<p>the slow rate\\nslower</p>"):
        with pytest.raises(RuntimeError, match="on page"):
            check(None, "page", "", {"body": right + wrong}, None)


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_notebooks_run_from_the_first_cell_to_the_last(file, tmp_path, monkeypatch):
    """Ground truth: no error and no warning; what cells print is seen on the site."""
    monkeypatch.chdir(tmp_path)
    cells = [one for one in json.loads(file.read_text())["cells"] if one["cell_type"] == "code"]
    assert not any(one["outputs"] or one["execution_count"] for one in cells)  # made anew each time
    space: dict[str, object] = {"__name__": "__main__"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for cell in cells:
            exec(compile("".join(cell["source"]), str(file), "exec", dont_inherit=True), space)
    assert {"lp", "data"} <= set(space)


def test_lines_break_in_a_formula_before_relations_and_signs(site):
    """Ground truth: x = (a + b) − c, y ≤ −d, broken by hand; tables stay whole."""
    in_parts = site("line_breaks").in_parts
    signs = {"=", "+", "−", "≤", "(", ")", ","}
    told = [f"<mo>{one}</mo>" if one in signs else f"<mi>{one}</mi>" for one in "x=(a+b)−c,"]
    told += ['<mspace width="1em"></mspace>', *(f"<mi>{one}</mi>" for one in "y")]
    told += ["<mo>≤</mo>", "<mo>−</mo>", "<mi>d</mi>"]
    shown = in_parts(f"<math>{''.join(told)}</math>")
    assert re.sub("<[^>]*>", "", shown.replace("<wbr>", "|")) == "x|=(a+b)|−c,|y|≤−d"
    assert shown.count('form="infix"') == 3
    table = "<math><mtable><mtr><mtd><mi>x</mi><mo>=</mo></mtd></mtr></mtable></math>"
    assert in_parts(table) == table
