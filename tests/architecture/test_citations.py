"""What is cited can be found: every key in the code and the docs stands in references.bib."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KEY = re.compile(r"\b[a-z]{2,}(?:19|20)\d\d\b")


def cited_keys(text: str) -> set[str]:
    """Keys in square brackets, as in [smorodinsky2026] and [lyuli2020, Theorem 4.1]."""
    return {key for bracket in re.findall(r"\[[^\[\]]*\]", text) for key in KEY.findall(bracket)}


def known_keys() -> set[str]:
    """Keys of the entries of references.bib."""
    return set(re.findall(r"^@\w+\{(\w+),", (ROOT / "references.bib").read_text(), re.M))


def test_every_cited_key_is_in_the_bibliography():
    """Ground truth: the entries of references.bib."""
    files = [*ROOT.glob("src/**/*.py"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*.md")]
    unknown = {
        str(file.relative_to(ROOT)): missing
        for file in files
        if (missing := cited_keys(file.read_text()) - known_keys())
    }
    assert unknown == {}


def test_citations_are_recognised():
    """Ground truth: a sentence with two citations and an index, read by eye."""
    text = "Balls [johansson2017]; directions [lyuli2020, Theorem 4.1]; not x[i2000], nor run2020."
    assert cited_keys(text) == {"johansson2017", "lyuli2020"}
