"""Where a narrow page may break the line within a formula: browsers break none."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from xml.etree import ElementTree

_NAMESPACE = "http://www.w3.org/1998/Math/MathML"
_RELATIONS = set("=≠<>≤≥≈∼→←⇒∈")
_SIGNS = set("+−-±")
_BEGINS, _ENDS = set("([{"), set(")]}")
_EQUATION, _SIDE, _SUMMAND = 1, 2, 3  # kinds of parts


def in_parts(formula: str) -> str:
    """A formula in parts between which a narrow page breaks the line; tables stay as they are.

    Browsers break no line within a formula.  Here they may between two that share a line; where one
    is too wide before a relation; and where its sides are before a sign of a sum.
    """
    plain = formula.replace(f' xmlns="{_NAMESPACE}"', "").replace("&ApplyFunction;", "\u2061")
    items = list(ElementTree.fromstring(plain))
    if any(next(item.iter("mtable"), None) is not None for item in items):
        return formula
    begins, depth = [0], 0
    for before, item in pairwise(items):
        depth += (before.text in _BEGINS) - (before.text in _ENDS)
        begins.append(0 if depth else _begins(before, item))
    return _parts(items, begins, _EQUATION)


def _begins(before: ElementTree.Element, item: ElementTree.Element) -> int:
    """What begins with an item outside of brackets; 0: nothing."""
    if before.tag == "mspace":
        return _EQUATION
    if item.tag != "mo":
        return 0
    if item.text in _SIGNS and (before.tag != "mo" or before.text in _ENDS):
        return _SUMMAND
    return _SIDE if item.text in _RELATIONS else 0


def _parts(items: Sequence[ElementTree.Element], begins: Sequence[int], kind: int) -> str:
    """Items as parts of a kind, which have parts of the next one."""
    if kind > _SUMMAND:
        return _math(items)
    at = [0, *(k for k in range(1, len(items)) if begins[k] == kind), len(items)]
    parts = (_parts(items[a:b], begins[a:b], kind + 1) for a, b in pairwise(at))
    return f"<span>{'<wbr>'.join(parts)}</span>"


def _math(items: Sequence[ElementTree.Element]) -> str:
    """A formula of its own; its first sign keeps the distance from what stands before it."""
    found = ElementTree.Element("math", {"xmlns": _NAMESPACE, "displaystyle": "true"})
    found.extend(items)
    if found[0].tag == "mo" and found[0].text in _RELATIONS | _SIGNS:
        found[0].set("form", "infix")
    return ElementTree.tostring(found, encoding="unicode", short_empty_elements=False)
