"""The words of the glossary: found where they stand, linked once, never inside of something."""

from __future__ import annotations

import re

import pytest
from markupsafe import Markup

from latephase.draw.panels.typeset import html
from latephase.report.glossary import WORDS, linked


def keys(text: str) -> list[str]:
    """The words that are linked in a text, in order."""
    return re.findall(r'href="#word-(\w+)"', linked(html(text), set()))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A specialised run whose neuron is dead.", ["specialised", "dead"]),
        ("both wrong sides positive", ["side"]),
        ("x* = |C|/(ln t + beta)", ["boundary"]),  # a formula is one link at most
        ("x* and |C|, x* and C", ["boundary", "law"]),
        ("with k12 > 0", ["k12"]),
        ("leaves 1011 for 1001", ["pattern"]),
        ("Over 1000 trials, 1100.5 and 10^1000", []),
        ("all 10,011 runs", []),
        ("GD and GF on he_normal", ["gd", "he"]),
        ("a deadline, unspecialised, MKKTS", []),
        ("`dead` code", []),
    ],
)
def test_words_are_found_whole_and_once(text: str, found: list[str]):
    """Ground truth: written by hand; 1000 is a number of trials, not a pattern."""
    assert keys(text) == found


def test_a_word_is_linked_once_for_all_texts_of_a_section():
    """Ground truth: the same word in two texts."""
    seen: set[str] = set()
    first, second = (linked(html("a dead neuron is dead"), seen) for _ in range(2))
    assert first.count("<a ") == 1
    assert second == "a dead neuron is dead"


def test_nothing_but_text_is_touched():
    """Ground truth: tags, attributes, entities and links as they were."""
    marked = Markup('<a href="#x" title="dead">dead</a> &#39;dead&#39; <sup>dead</sup> &lt;')
    done = linked(marked, set())
    assert done.count('class="term"') == 1
    assert re.sub(r'<a class="term"[^>]*>(dead)</a>', r"\1", done) == marked


def test_every_word_is_found_by_its_own_name():
    """Ground truth: the names of the glossary."""
    for word in WORDS:
        first = word.name.split(",")[0].split(" and ")[0]
        first = {"trained": "trained runs", "law": "C is"}.get(first, first)
        assert keys(first) == [word.key], first
