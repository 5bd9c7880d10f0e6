"""The words that the page takes for granted: what they mean, and where they stand in a text."""

from __future__ import annotations

import re
from dataclasses import dataclass

from markupsafe import Markup, escape

from latephase.draw.panels import mathml


@dataclass(frozen=True)
class Word:
    """One word: key of its place on the page, how it is printed, what it means, how it is found.

    pattern: in text;  symbol: in a formula.
    """

    key: str
    name: str
    meaning: str
    pattern: str = ""
    symbol: str = ""


WORDS = (
    Word(
        "margin",
        "robustness margin",
        "the smallest distance from a point to the decision boundary, which is how far an input "
        "can be moved before its class changes; 0 if a point is misclassified",
        r"robustness margins?",
    ),
    Word(
        "deficit",
        "margin deficit",
        "the largest possible robustness margin less the one measured",
        r"(?:margin )?deficits?",
    ),
    Word(
        "boundary",
        "boundary, x*",
        "where the network is 0 and its class changes; x_inf is where it tends to",
        r"(?:decision )?boundary",
        mathml.symbol("x*"),
    ),
    Word(
        "law",
        "law, C, beta",
        "how the boundary comes to its limit in the late phase: x* - x_inf = C / (ln t + beta) up "
        "to terms that vanish faster; the constant C and the offset beta depend on the "
        "initialisation, t counts the steps",
        symbol=mathml.symbol("C"),
    ),
    Word(
        "trained",
        "trained, fitted",
        "of a run: both points are on their side of the boundary, so the loss tends to 0",
        r"(?:trained|fitted) (?:runs?|trials?|networks?)",
    ),
    Word(
        "specialised",
        "specialised",
        "each neuron is active on its own point only, for ever: that whose label agrees with its "
        "output weight",
        r"[Ss]pecialis(?:ed?|es|ation)",
    ),
    Word(
        "dead",
        "dead",
        "of a neuron: inactive on every point, for ever; nothing moves it any more, and a point "
        "that it should serve stays misclassified",
        r"dead",
    ),
    Word(
        "side",
        "wrong side",
        "what a neuron puts into its ReLU, w x + b, at the point that is not its own; its right "
        "side is the same at its own point",
        r"(?:wrong|right) sides?",
    ),
    Word(
        "pattern",
        "pattern, 1011",
        "which neuron is active on which point, as four digits: neuron 1 on x1, neuron 1 on x2, "
        "neuron 2 on x1, neuron 2 on x2; 1 is active. 1001 is specialised, 0000 both dead; in 1011 "
        "neuron 2 is active on both points",
        r"(?:pattern paths?|(?:activation )?patterns?|(?<![\w.,^])(?:0[01]{3}|1[01]{2}1|1[01]10))"
        r"(?![\w,.]\d)",
    ),
    Word(
        "k12",
        "k12",
        "1 + x1 x2 of the two inputs, by whose sign the points feel each other: at 0, as for ±1, "
        "not at all; below 0 the limit falls short of the optimum; above 0 it is optimal",
        symbol=mathml.symbol("k12"),
    ),
    Word(
        "null",
        "null part",
        "the part of a neuron that no active point can move; it keeps its first value, and sets C",
        r"null (?:parts?|components?)",
    ),
    Word(
        "slide",
        "slide",
        "a neuron that stays on its kink at a point, switched on and off step by step",
        r"(?:double |single )?(?:slides?|sliding)",
    ),
    Word(
        "kkt",
        "KKT direction",
        "the direction of weights and biases in which y N(x) is as large as their norm allows, to "
        "first order: what gradient flow is known to tend to",
        r"KKT(?: direction| point)?",
    ),
    Word(
        "gd",
        "GD, GF",
        "gradient descent, in steps, and gradient flow, its limit of small steps",
        r"\bG[DF]\b",
    ),
    Word(
        "he",
        "he_normal and others",
        "initializers, by their names in the field: how weights and biases are drawn before the "
        "first step",
        r"he_normal|he_uniform|xavier_\w+|lecun_\w+|standard_normal|pytorch_default|large_normal",
    ),
)

_OUTSIDE = re.compile(r"<(a|code|math|sub|sup)\b.*?</\1>|<[^>]*>|&#?\w+;|[^<&]+", re.S)
_PATTERNS = {word.key: word.pattern for word in WORDS if word.pattern}
_FOUND = re.compile("|".join(rf"(?P<{key}>(?<!\w){one}(?!\w))" for key, one in _PATTERNS.items()))
_SYMBOLS = {word.key: word.symbol for word in WORDS if word.symbol}
_BY_KEY = {word.key: word for word in WORDS}


def linked(marked: Markup, seen: set[str]) -> Markup:
    """HTML with links to the words that are not in `seen`, which are put there."""

    def link(key: str, shown: str) -> str:
        if not key or key in seen:
            return shown
        seen.add(key)
        meaning = escape(_BY_KEY[key].meaning)
        return f'<a class="term" href="#word-{key}" title="{meaning}">{shown}</a>'

    def done(part: str) -> str:
        if part.startswith("<math>"):  # the whole of it leads to its first word
            keys = (key for key, one in _SYMBOLS.items() if one in part and key not in seen)
            return link(next(keys, ""), part)
        if part[0] in "<&":
            return part
        return _FOUND.sub(lambda found: link(str(found.lastgroup), found[0]), part)

    # typeset, and so escaped, above
    return Markup("".join(done(match[0]) for match in _OUTSIDE.finditer(str(marked))))
