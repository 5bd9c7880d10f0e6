"""The pieces of MathML that formulas are made of."""

from __future__ import annotations

import re

from markupsafe import escape

INDEX = r"(?:_\{[^{}]+\}|_\([^()]+\)|_[A-Za-z0-9∞]{1,3}′?|\d{1,2}(?![A-Za-z\d]))"
LETTER = "[A-Za-zα-ωΔΘΛΣΦℓŵ∞⊥]"
RAISED = {"⁻": "−", "¹": "1", "²": "2", "³": "3", "⁴": "4", "ᵀ": "⊤"}
THIN = "<mtext>\u2009</mtext>"  # not `mspace`, which is no space to who copies or searches
_SYMBOL = re.compile(rf"(?P<name>[a-zA-Z]+(?=_)|{LETTER})(?P<index>{INDEX})?(?P<mark>.*)")
_NAMES = ("ln", "exp", "min", "max", "cosh", "sinh", "sin", "cos")
FUNCTIONS = {name: f"<mi>{name}</mi>" for name in _NAMES}
FUNCTIONS |= {"log10": "<msub><mi>log</mi><mn>10</mn></msub>"}
_WORDS = ("max", "min", "inf", "GD", "GF")  # in indices; other letters are variables, one by one


def symbol(text: str) -> str:
    """A variable with its index, primes and star: a_ji, x1, x*, b'."""
    found = _SYMBOL.match(text)
    assert found is not None
    base = f"<mi>{found['name']}</mi>"
    below = _index((found["index"] or "").removeprefix("_").strip("{}()"))
    above = "".join("∗" if one == "*" else "′" for one in found["mark"])
    above = f"<mo>{above}</mo>" if above else ""
    if below and above:
        return f"<msubsup>{base}{below}{above}</msubsup>"
    if below or above:
        kind = "msub" if below else "msup"
        return f"<{kind}>{base}{below or above}</{kind}>"
    return base


def _index(text: str) -> str:
    if text.isdecimal():
        return f"<mn>{text}</mn>"
    text = text.replace("inf", "∞")
    letters = [text] if text in _WORDS or len(text) > 3 else text
    done = "".join(f"<mi>{escape(one)}</mi>" for one in letters)
    return f"<mrow>{done}</mrow>" if len(letters) > 1 else done


def raised(base: str, above: str) -> str:
    """A base with what stands above it."""
    return f"<msup><mrow>{base}</mrow><mrow>{above}</mrow></msup>"


def sign(text: str, space: str) -> str:
    """A sign between two things, with space on both sides."""
    return f'<mo lspace="{space}" rspace="{space}">{escape(text)}</mo>'


def lead(text: str) -> str:
    """A sign in front of something."""
    return f'<mo form="prefix">{text}</mo>'


def fence(text: str) -> str:
    """A bracket or a bar of the height of a line."""
    return f'<mo stretchy="false" lspace="0" rspace="0">{text}</mo>'
