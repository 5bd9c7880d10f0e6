"""Pages made of what stands elsewhere: files of the root, the bibliography, and the claims.

They are written before Sphinx looks for its pages, and only where they have changed.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import links

from latephase.experiments import BEYOND, CLAIMS, Claim
from latephase.report.references import bibliography

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
CLAIM_PAGES = "docs/generated/claims"
TABLES = ("README.md", "docs/studies.md")  # of verdicts
GROUPS = {
    "paper": "The paper",
    "beyond": "Beyond the paper",
    "remedies": "Remedies",
}


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("builder-inited", lambda app: write())
    app.connect("source-read", _read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def write() -> None:
    """All pages of `generated/` that this file makes."""
    for path, text in pages():
        file = ROOT / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")


def pages() -> Iterator[tuple[str, str]]:
    """(path from the root, Markdown)."""
    for name, path in links.PAGES.items():
        yield path, links.moved((ROOT / name).read_text(encoding="utf-8"), name, path)
    yield "docs/generated/references.md", references()
    yield from claim_pages()


def _read(app: Sphinx, name: str, source: list[str]) -> None:
    """The links of a page that is written by hand, as the site has them."""
    path = Path(app.env.doc2path(name)).resolve().relative_to(ROOT).as_posix()
    if path.endswith(".md") and "/generated/" not in path:
        source[0] = links.moved(source[0], path, path)


def references() -> str:
    """The bibliography, each work under its key."""
    works = [
        f"({one.key})=\n**{one.key}**: {one.authors}. *{one.title}*. "
        + ", ".join(filter(None, (one.venue, one.year)))
        + (f". <{one.link}>" if one.link else ".")
        for one in bibliography().values()
    ]
    return (
        "\n\n".join(["# References", "What these pages and the code cite, by its key.", *works])
        + "\n"
    )


def claim_pages() -> Iterator[tuple[str, str]]:
    """A page for each claim, one for each group of them, and one for all."""
    found = _verdicts()
    grouped = {group: [] for group in GROUPS}
    for claim in (*CLAIMS, *BEYOND):
        grouped[_group(claim)].append(claim)
        yield f"{CLAIM_PAGES}/{_slug(claim)}.md", claim_page(claim, found.get(claim.number))
    head = """# All claims

Each statement is put to the test by one file, whose criterion was fixed before its numbers were
seen. The verdict is computed from the numbers by that criterion. `latephase reproduce` examines
claims 1 to 10 and `latephase reproduce --all` all of them; the report has the numbers, tables and
figures of each.
"""
    parts = [head]
    for group, title in GROUPS.items():
        parts.append(f"## {title}\n\n{_table(grouped[group], found)}\n")
        parts.append(_tree(f"{_slug(claim)}" for claim in grouped[group]))
    yield f"{CLAIM_PAGES}/index.md", "\n".join(parts)


def claim_page(claim: Claim, found: tuple[str, str] | None) -> str:
    """What is claimed, how it is decided, and what was found where that is known here."""
    module = inspect.getmodule(claim.examine)
    file = Path(inspect.getfile(claim.examine)).resolve().relative_to(ROOT).as_posix()
    whole = "" if claim in CLAIMS else " --all"
    lines = [
        f"# {claim.number}. {_plain(claim.title)}",
        f"**Claim.** {_plain(claim.statement)}",
        f"**Criterion.** {_plain(claim.criterion)}",
        f"**Evidence.** *{claim.evidence.words}*: {_plain(claim.evidence.value)}.",
        f"**Source.** {_sourced(claim.source)}",
    ]
    if found:
        lines.insert(1, f"**{found[0]}.** {found[1]}")
    described = inspect.getdoc(module).partition("\n")[2].strip()
    if described:
        lines += ["## How it is examined", _plain(described)]
    lines += [
        "## Run it",
        f"```console\n$ latephase reproduce{whole} --out report\n```",
        f"Section {claim.number} of `report/report.html` has figure, numbers, tables and settings. "
        f"The experiment is `{file}`.",
    ]
    return "\n\n".join(lines) + "\n"


def _table(claims: Iterable[Claim], found: dict[int, tuple[str, str]]) -> str:
    rows = ["| no. | claim | verdict | evidence |", "|---|---|---|---|"]
    for claim in claims:
        verdict, _ = found.get(claim.number, ("", ""))
        link = f"[{_plain(claim.title)}]({_slug(claim)}.md)"
        rows.append(f"| {claim.number} | {link} | {verdict} | {claim.evidence.words} |")
    return "\n".join(rows)


def _tree(names: Iterable[str]) -> str:
    return "\n".join(["```{toctree}", ":hidden:", "", *names, "```", ""])


def _verdicts() -> dict[int, tuple[str, str]]:
    """(verdict, what was found) by number: the tables of README and of the studies, which reports
    have printed."""
    text = "".join((ROOT / page).read_text(encoding="utf-8") for page in TABLES)
    rows = re.findall(r"^\| (\d+) \| .+? \| (.+?) \| .+? \| (.+) \|$", text, re.M)
    return {int(number): (verdict, text) for number, verdict, text in rows}


def _group(claim: Claim) -> str:
    return claim.examine.__module__.split(".")[2]


def _slug(claim: Claim) -> str:
    return f"{claim.number:02d}-{claim.key.replace('_', '-')}"


def _plain(text: Any) -> str:
    """Text that is no Markdown, as Markdown."""
    return re.sub(r"([\\*_<>|\[\]`#])", r"\\\1", str(text))


def _sourced(source: str) -> str:
    """A source with its pages, their sections and works linked."""
    here = f"{CLAIM_PAGES}/index.md"
    before, theory, after = source.partition("docs/theory.md")
    for title in re.findall(r"^#+ (.+)$", (ROOT / "docs/theory.md").read_text(), re.M):
        number, _, words = title.rpartition(". ")
        anchor = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        cited = rf'"{words}"|(?<!\[)\b{words}\b(?!\])' + (rf"|\b{number}\b" if number else "")
        after = re.sub(cited, f"[\\g<0>](../../theory.md#{anchor})", after, count=1)
    linked = before + (theory and "[Theory](../../theory.md)") + after
    linked = re.sub(r"\bdocs/(\w+)\.md", r"[\1](../../\1.md)", linked)
    return links.moved(linked.replace("*", r"\*"), here, here)
