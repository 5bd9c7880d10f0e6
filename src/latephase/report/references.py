"""The bibliography of the package: a small reader of references.bib and the keys a text cites."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_ENTRY = re.compile(r"^@\w+\{(\w+),\n(.*?)^\}", re.M | re.S)
_FIELD = re.compile(r"^\s*(\w+)\s*=\s*\{(.*)\},?\s*$", re.M)
_ACCENTS = {
    r"{\'a}": "á", r"{\`A}": "À", r"{\'e}": "é", r"{\"a}": "ä", r"{\"o}": "ö", r"{\"u}": "ü",
}  # fmt: skip


@dataclass(frozen=True)
class Reference:
    """One work: short name ("Lyu and Li 2020"), what is printed of it, and its address or ""."""

    key: str
    short: str
    authors: str
    title: str
    venue: str
    year: str
    link: str


@cache
def bibliography() -> dict[str, Reference]:
    """Every entry of the references.bib that ships with the package, by key."""
    text = files("latephase.report").joinpath("references.bib").read_text(encoding="utf-8")
    return {key: _reference(key, dict(_FIELD.findall(body))) for key, body in _ENTRY.findall(text)}


def cited(texts: Iterable[str]) -> list[Reference]:
    """Works whose keys stand in square brackets in `texts`, in the order of the bibliography."""
    found = {
        key
        for text in texts
        for bracket in re.findall(r"\[[^\[\]]*\]", text)
        for key in re.findall(r"\w+", bracket)
    }
    return [reference for key, reference in bibliography().items() if key in found]


def _reference(key: str, fields: dict[str, str]) -> Reference:
    for written, letter in (*_ACCENTS.items(), ("{", ""), ("}", ""), ("--", "–")):
        fields = {name: value.replace(written, letter) for name, value in fields.items()}
    people = fields["author"].split(" and ")
    surnames = [person.split(",")[0] for person in people]
    *others, last = [" ".join(reversed(person.split(", "))) for person in people]
    venue = next((fields[n] for n in ("journal", "booktitle", "publisher") if n in fields), "")
    link = f"https://doi.org/{fields['doi']}" if "doi" in fields else ""
    if "eprint" in fields:
        venue = ", ".join(filter(None, [venue, f"arXiv:{fields['eprint']}"]))
        link = link or f"https://arxiv.org/abs/{fields['eprint']}"
    short = f"{surnames[0]} et al." if len(people) > 2 else " and ".join(surnames)
    return Reference(
        key=key,
        short=f"{short} {fields['year']}",
        authors=f"{', '.join(others)} and {last}" if others else last,
        title=fields["title"],
        venue=venue,
        year=fields["year"],
        link=link,
    )
