"""The public docstrings: complete, and their examples print what is shown."""

from __future__ import annotations

import doctest
import inspect
import warnings
from itertools import pairwise
from types import ModuleType

import numpy as np
import pytest

import latephase as lp
from latephase.problem.initializers import Initializer

NAMES = [name for name in lp.__all__ if not isinstance(getattr(lp, name), ModuleType)]


def sections(text: str) -> list[str]:
    """Titles of the sections of a NumPy-style docstring, in order."""
    lines = text.splitlines()
    return [
        line
        for line, under in pairwise(lines)
        if line and set(under) == {"-"} and len(under) == len(line)
    ]


@pytest.mark.parametrize("name", NAMES)
def test_public_docstrings_are_complete(name):
    """Ground truth: the sections that NumPy's style has for what there is to say."""
    thing = getattr(lp, name)
    found = sections(inspect.getdoc(thing) or "")
    wanted = ["Examples"]
    if not inspect.isclass(thing):
        wanted += ["Parameters", "Returns", "Raises"]
    elif "Parameters" in found:
        wanted += ["Raises"]
    assert set(wanted) <= set(found)
    order = ("Parameters", "Attributes", "Returns", "Raises", "Warns", "Notes", "Examples")
    assert found == [one for one in order if one in found]


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_is_described(name):
    """Ground truth: the signature."""
    thing = getattr(lp, name)
    text = inspect.getdoc(thing) or ""
    if "Parameters" not in sections(text):
        return
    body = text.split("Parameters\n----------\n")[1].split("\n\n")[0]
    heads = [line.split(" : ")[0] for line in body.splitlines() if not line.startswith(" ")]
    described = {word.strip(" *") for head in heads for word in head.split(",")}
    assert described == set(inspect.signature(thing).parameters)


@pytest.mark.parametrize("name", NAMES)
def test_examples_print_what_is_shown(name):
    """Ground truth: what stands below each example."""
    text = inspect.getdoc(getattr(lp, name)) or ""
    test = doctest.DocTestParser().get_doctest(text, {"lp": lp, "np": np}, name, None, 0)
    assert test.examples
    told: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        failed = doctest.DocTestRunner(verbose=False).run(test, out=told.append).failed
    assert not failed, "".join(told)


def test_sections_are_seen():
    """Ground truth: a docstring, read by eye."""
    assert sections(inspect.getdoc(Initializer) or "") == ["Parameters"]
