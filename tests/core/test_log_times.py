"""Default times: a whole run at a glance."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from helpers import message_is_one_line, relative_error
from latephase.core import InputError, LogTime, log_spaced, log_times

UNTILS = ["1", "7", "199", "123456", "1e6", "1000001", "1e7", "1e53", "1e1000", "1e10000",
          "1.5e10001", "1e999999999999"]  # fmt: skip


@pytest.mark.parametrize("text", UNTILS)
@pytest.mark.parametrize("samples", [2, 3, 10, 200])
def test_contract(text, samples):
    """Ground truth: the contract: 0 and until, increasing integers, text parses back exactly."""
    until = LogTime.parse(text)
    times = log_times(text, samples)
    assert times[0].value == 0
    assert times[-1] == until
    assert all(a < b for a, b in pairwise(times))
    assert all(time.is_integral for time in times)
    assert all(LogTime.parse(time.text) == time for time in times)
    assert len(times) == (samples if until.value is None else min(samples, until.value + 1))


def test_even_in_ln_ln_t_beyond_a_million():
    """Ground truth: the definition, to the six digits of the texts; exact integers throughout."""
    times = log_times("1e1000")
    late = [t for t in times if t >= LogTime.parse("1e6")]
    gaps = np.diff(np.log([t.log for t in late]))
    assert relative_error(gaps, np.full(len(gaps), gaps.mean())) < 1e-5
    assert all(isinstance(t.value, int) for t in late)
    assert 0.3 < len(late) / len(times) < 0.7


def test_dense_early():
    """Ground truth: the definition: even in ln t up to 10^6, every integer first."""
    times = log_times("1e1000")
    early = [t for t in times if t <= LogTime.parse("1e6")]
    assert early == log_spaced(LogTime.parse("1e6"), len(early))
    assert [t.value for t in early[:9]] == list(range(9))


@pytest.mark.parametrize("until", [0.5, 5.5, "1e5", "1e1000", "1e20000"])
def test_flow(until):
    """Ground truth: the contract, with real times from a thousandth on."""
    end = LogTime.parse(until, flow=True)
    times = log_times(until, 50, flow=True)
    assert len(times) == 50
    assert all(a < b for a, b in pairwise(times))
    assert all(LogTime.parse(time.text, flow=True) == time for time in times)
    assert relative_error(times[1].as_float, min(1.0, end.as_float) / 1000) < 1e-5


@pytest.mark.parametrize("samples", [1, 0, -3, 2.5, True, "9", None, 10**12])
def test_bad_samples_are_refused(samples):
    """Ground truth: the contract on bad input."""
    with pytest.raises(InputError) as caught:
        log_times("1e1000", samples)
    assert message_is_one_line(caught.value)
