"""The bibliography of the package: a small reader of references.bib and the keys a text cites."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_ENTRY = re.compile(r"^@\w+\{(\w+),\n(.*?)^\}", re.M | re.S)
_FIELD = re.compile(r"^\s*(\w+)\s*=\s*\{(.*)\},?\s*$", re.M)
_ACCENTS = {r"{\'e}": "é", r"{\"u}": "ü", r"{\"o}": "ö", r"{\"a}": "ä", r"{\'a}": "á"}


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
    fields = {name: _unbraced(value) for name, value in fields.items()}
    people = fields["author"].split(" and ")
    venue = next((fields[n] for n in ("journal", "booktitle", "publisher") if n in fields), "")
    if "eprint" in fields:
        venue = ", ".join(filter(None, [venue, f"arXiv:{fields['eprint']}"]))
    return Reference(
        key=key,
        short=f"{_short(people)} {fields['year']}",
        authors=_listed([_first_name_first(person) for person in people]),
        title=fields["title"],
        venue=venue,
        year=fields["year"],
        link=_link(fields),
    )


def _unbraced(value: str) -> str:
    for written, letter in _ACCENTS.items():
        value = value.replace(written, letter)
    return value.replace("{", "").replace("}", "").replace("--", "–")


def _short(people: list[str]) -> str:
    names = [person.split(",")[0] for person in people]
    return f"{names[0]} et al." if len(names) > 2 else " and ".join(names)


def _first_name_first(person: str) -> str:
    return " ".join(reversed(person.split(", ")))


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _link(fields: dict[str, str]) -> str:
    if "doi" in fields:
        return f"https://doi.org/{fields['doi']}"
    return f"https://arxiv.org/abs/{fields['eprint']}" if "eprint" in fields else ""
