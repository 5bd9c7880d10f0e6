"""The record of a law."""

from __future__ import annotations

import pickle
from math import log, nan

import numpy as np
import pytest

from helpers import message_is_one_line, relative_error
from latephase.core import InputError, Law

LAW = Law(0.5, -0.2, 1.5, 1.0, 1.25, 0.3)


def test_time_within_solves_the_law():
    """Ground truth: |constant| / (ln t + offset)^exponent = eps, put in."""
    for exponent in (1.0, 0.5):
        law = Law(0.5, -0.2, 1.5, exponent, 1.25, 0.3)
        for size, boundary in ((0.3, False), (0.2, True)):
            time = law.time_within(1e-2, boundary=boundary)
            assert relative_error(size / (time.log + 1.5) ** exponent, 1e-2) < 1e-9
    flow = LAW.time_within(0.11, flow=True)
    assert relative_error(flow.log, 0.3 / 0.11 - 1.5) < 1e-12
    assert LAW.time_within(0.3).value == 0


@pytest.mark.parametrize("rest", [2.0, -2.0, -1e-3, -90.0])
def test_time_within_of_two_terms(rest):
    """Ground truth: the sum of both terms on a grid: the last time at which it is at least eps."""
    law = Law(0.0, 0.3, 2.0, 0.25, 1.0, 0.3, None, 0.3 * rest, 0.75)
    clock = np.exp(np.linspace(-30.0, 40.0, 200_001))
    off = np.abs(0.3 * (clock**-0.25 + rest * clock**-0.75))
    for eps in (1e-3, 0.03, 4.0):
        last = clock[np.flatnonzero(off >= eps)[-1]]
        for boundary in (True, False):
            found = law.log_time_within(eps, boundary=boundary)
            assert relative_error(found + 2.0, last) < 1e-3
    assert Law(0.0, 0.3, 2.0, 1e-3, 1.0, 0.3, None, 0.1, 2e-3).time_within(1e-2) is None


def test_laws_that_do_not_say():
    """Ground truth: no boundary, a constant of 0 or one that is not known gives no time."""
    assert Law(None, -0.3, 1.5, 1.0, 1.25, 0.3).time_within(0.1, boundary=True) is None
    assert Law(0.5, 0.0, 1.5, 1.0, 1.25, 0.0).time_within(0.1) is None
    assert Law(None, nan, nan, 1.0, nan, nan).time_within(0.1) is None
    assert Law(0.5, 0.1, 0.0).time_within(0.1) is None
    assert Law(0.5, 0.1, 0.0).limit_margin is None


def test_a_law_reads_as_its_formula():
    """Ground truth: the formulas, written out; a constant of 0 leaves the next order, see `Law`."""
    assert str(LAW) == "x* ~ 0.5 - 0.2 / (ln t + 1.5)"
    assert str(Law(None, 0.3, nan, 0.5, 1.25, -0.3)) == "margin ~ 1.25 + 0.3 / (ln t)^0.5"
    assert str(Law(None, 0.0, 0.0, 1.0, 1.25, 0.0)) == "margin ~ 1.25 + o(1 / ln t)"
    two = Law(0.5, 0.3, 1.5, 0.5, 1.25, -0.3, None, -2.0, 1.0)
    assert str(two) == "x* ~ 0.5 + 0.3 / (ln t + 1.5)^0.5 - 2 / (ln t + 1.5)"
    assert "(ln t + offset)^exponent" in str(Law.later(numbers, limit_boundary=None))
    assert "(ln t + offset)," in str(Law.later(numbers, limit_boundary=None, exponent=1.0))
    assert str(Law(0.5, 0.0, 1.5)) == "x* ~ 0.5 + o(1 / ln t)"
    assert repr(LAW).startswith("Law(limit_boundary=0.5, constant=-0.2, offset=1.5")


@pytest.mark.parametrize(
    "eps", [0.0, -1.0, nan, float("inf"), True, "0.1", None, [0.1], np.array([0.1]), 1j, 1e-300]
)
def test_bad_distances(eps):
    """Ground truth: the contract on bad input."""
    with pytest.raises(InputError) as caught:
        LAW.time_within(eps)
    assert message_is_one_line(caught.value)


def numbers() -> dict[str, float]:
    return {"constant": -0.3, "offset": 1.5, "limit_margin": 1.25, "margin_constant": 0.3}


def test_numbers_that_come_later():
    """Ground truth: the law made at once; the numbers are asked for once, and only when needed."""
    calls = []
    counted = lambda: calls.append(1) or numbers()  # noqa: E731
    law = Law.later(counted, limit_boundary=None, exponent=1.0, shares=None)
    assert law.limit_boundary is None
    assert law.exponent == 1.0
    assert "..." in repr(law)
    assert "when asked for" in str(law)
    assert not calls
    assert relative_error(law.time_within(0.01).log, 30 - log(1) - 1.5) < 1e-12
    assert law == Law(None, -0.3, 1.5, 1.0, 1.25, 0.3)
    assert len(calls) == 1
    later = Law.later(numbers, limit_boundary=None, exponent=1.0, shares=None)
    assert pickle.loads(pickle.dumps(later)) == law
    with pytest.raises(AttributeError):
        law.slope  # noqa: B018
