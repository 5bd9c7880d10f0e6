"""What tests compare with: relative errors only, never an absolute tolerance; and campaigns."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import ArrayLike

from latephase.core import InputError
from latephase.late.modes.follow import follow
from latephase.late.modes.mode import Mode
from latephase.late.modes.segment import Segment
from latephase.problem import ShallowReLU


def relative_error(got: ArrayLike, expected: ArrayLike) -> float:
    """Largest |got - expected| / |expected| over all entries.

    An expected 0, infinity or NaN must be met exactly: any other value is infinitely wrong, and so
    is another shape.
    """
    a, b = np.asarray(got, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    if a.shape != b.shape:
        return float("inf")
    with np.errstate(all="ignore"):
        error = np.abs(a - b) / np.abs(b)
    met = (a == b) | (np.isnan(a) & np.isnan(b))
    error = np.where(met, 0.0, np.where(np.isfinite(error), error, np.inf))
    return float(np.max(error, initial=0.0))


def norm_error(got: ArrayLike, expected: ArrayLike, axis: int = -1) -> float:
    """Largest |got - expected| / |expected| with Euclidean norms along `axis`."""
    a, b = np.asarray(got, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    if a.shape != b.shape:
        return float("inf")
    return ratio(np.linalg.norm(a - b, axis=axis), np.asarray(np.linalg.norm(b, axis=axis)))


def ratio(distance: ArrayLike, size: ArrayLike) -> float:
    """Largest distance / size, where a distance of 0 is no error and a NaN is an infinite one."""
    far, near = np.asarray(distance, dtype=np.float64), np.asarray(size, dtype=np.float64)
    with np.errstate(all="ignore"):
        error = np.where(far == 0.0, 0.0, far / near)
    return float(np.max(np.where(np.isnan(error), np.inf, error), initial=0.0))


def uphill(mode: Mode, *told: Any) -> Segment:
    """`follow` of a mode to where it would have come had it moved the other way."""
    found = follow(mode, *told)
    there = {"theta": mode.theta, "margins": mode.margins, "sampled": mode.theta}
    return replace(found, **{name: 2 * at - getattr(found, name) for name, at in there.items()})


def message_is_one_line(error: BaseException) -> bool:
    """Whether the message reads "expected X, got Y; do Z", in one line."""
    text = str(error)
    before, _, after = text.partition(", got ")
    return text.startswith("expected ") and bool(before) and "; " in after and "\n" not in text


def refusal(call: Callable[..., Any], *arguments: Any, **options: Any) -> str:
    """The message of the InputError that a call ends in; it is one line."""
    with pytest.raises(InputError) as caught:
        call(*arguments, **options)
    assert message_is_one_line(caught.value), str(caught.value)
    return str(caught.value)


def same_bits(one: ShallowReLU, other: ShallowReLU) -> bool:
    """Whether two networks have the same doubles, signs of zeros included."""
    names = ("weights", "biases", "output_weights", "output_bias")
    each = ((getattr(one, name), getattr(other, name)) for name in names)
    return all(np.asarray(a).tobytes() == np.asarray(b).tobytes() for a, b in each)


def augmented(inputs: np.ndarray) -> np.ndarray:
    """The points (x_i, 1), (n, d + 1)."""
    return np.concatenate([inputs, np.ones((len(inputs), 1))], axis=1)


def often(cases: Collection[Any], everyday: Collection[Any]) -> list[Any]:
    """The cases of a test that compiles for each: `make test` does the everyday ones."""
    marks = {True: pytest.mark.everyday, False: pytest.mark.campaign}
    each = [
        (case if isinstance(case, tuple) else (case,), marks[case in everyday]) for case in cases
    ]
    return [pytest.param(*values, marks=mark) for values, mark in each]


def shares(
    count: int, everyday: Collection[int] = (0,), sample: Collection[int] | None = None
) -> list[Any]:
    """0, ..., count - 1: the parts of a campaign, of which `make test` does the everyday ones.

    Let part k take every count-th problem from the k-th on, so that one part is like the others.
    sample: the others that `make test-all` does; what is in neither is left to `make test-long`.
    """
    rest = [k for k in range(count) if k not in everyday]
    long = [] if sample is None else [k for k in rest if k not in sample]
    marks = {k: [pytest.mark.everyday] for k in everyday}
    marks |= {k: [pytest.mark.campaign] for k in rest}
    marks |= {k: [pytest.mark.campaign, pytest.mark.marathon] for k in long}
    return [pytest.param(k, marks=marks[k]) for k in range(count)]


def read_formulas(marked: str) -> str:
    """HTML with its MathML in brackets and in one line, [x_2^∗ ≤ √(2 t)], to be read."""
    marked = re.sub('<span class="formula">(.*?)</span>', r"\1", marked)
    return re.sub(
        "<math>.*?</math>", lambda found: f"[{_linear(ElementTree.fromstring(found[0]))}]", marked
    )


def _linear(node: ElementTree.Element) -> str:
    parts = [_linear(child) for child in node]
    if node.tag in ("msub", "msup"):
        return ("_" if node.tag == "msub" else "^").join(parts)
    if node.tag == "msubsup":
        return "{}_{}^{}".format(*parts)
    text = "".join(parts) + (node.text or "").replace("\u2009", " ")
    spaced = node.tag == "mo" and node.get("lspace", "0") not in ("0", None)
    return f"√{text}" if node.tag == "msqrt" else f" {text} " if spaced else text
