"""LogTime: times as exact integers, and their logarithms beyond 10^10000."""

from __future__ import annotations

import math
import pickle
import tracemalloc
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from flint import arb

from helpers import message_is_one_line, relative_error
from latephase.core import InputError, LogTime, log_spaced
from latephase.core.balls import precision
from latephase.core.errors import describe

EXACT = {
    "0": 0,
    "12": 12,
    "+7": 7,
    " 3 ": 3,
    "1.5e3": 1500,
    ".5e1": 5,
    "1000e-3": 1,
    "1E4": 10**4,
    "10**6": 10**6,
    "10^1000": 10**1000,
    " +3^+7 ": 3**7,
    "2**100": 2**100,
    "0**0": 1,
    "1e1000": 10**1000,
    "1e10000": 10**10000,
    "1" * 9000: (10**9000 - 1) // 9,
    1000: 1000,
    10**5000: 10**5000,
    3.0: 3,
    np.int64(5): 5,
    np.float32(4.0): 4,
    2.0**53 - 1: 2**53 - 1,
}
REFUSED = [
    True, np.bool_(True), None, [1], 1j, -1, -1.0, 0.5, float("nan"), float("inf"), 1e400, 2.0**53,
    "", ".", "e5", "1e", "abc", "nan", "inf", "-1", "0.5", "1e-5", "1_000", "10**10**10",
    "10^10^10", "2**-1", "2^-1", "^3", "2^", "2*^3", "1e3^2", "2 ^ 3",
    "٣", "1" * 20000, "1e" + "9" * 400, "9e" + "9" * 308, "10**" + "9" * 400,
]  # fmt: skip


def short(x: object) -> str:
    """Name of a case; pytest's own fails on integers of more than 4300 digits."""
    return describe(x)[:30]


@pytest.mark.parametrize(("given", "value"), EXACT.items(), ids=short)
def test_parse_gives_the_exact_integer(given, value):
    """Ground truth: Python's integers."""
    assert LogTime.parse(given).value == value


@pytest.mark.parametrize("given", REFUSED, ids=short)
def test_parse_refuses_in_one_line(given):
    """Ground truth: the contract of times."""
    with pytest.raises(InputError, match="expected `at` to be") as caught:
        LogTime.parse(given, name="at")
    assert message_is_one_line(caught.value)
    assert len(str(caught.value)) < 300


def test_refusal_of_a_huge_negative_integer_can_be_printed():
    """Ground truth: Python refuses to print integers of more than 4300 digits."""
    with pytest.raises(InputError, match="bits"):
        LogTime.parse(-(10**5000))


@pytest.mark.parametrize(
    ("given", "log10"),
    [("1e1000000000", 1e9), ("1e999999999999", 999999999999.0), ("10**1000000000", 1e9)],
)
def test_beyond_exact_only_the_logarithm_is_kept(given, log10):
    """Ground truth: log10 of a power of ten; no memory is spent on its digits."""
    tracemalloc.start()
    time = LogTime.parse(given)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.value is None
    assert time.log10 == log10
    assert time.as_float == math.inf
    assert peak < 1_000_000


@pytest.mark.parametrize(
    "value",
    [1, 2, 3, 10, 12345, 2**53 + 1, 10**16 - 1, 10**1000, 7**5000, 10**10000],
    ids=short,
)
def test_logarithms_are_correctly_rounded(value):
    """Ground truth: python-flint balls at 200 bits."""
    with precision(200):
        log, log10 = arb(value).log(), arb(value).log() / arb(10).log()
        time = LogTime.parse(value)
        assert time.log == float(log.mid())
        assert time.log10 == float(log10.mid())


def test_logarithms_of_zero_are_minus_infinity():
    """Ground truth: the limit of ln t."""
    zero = LogTime.parse(0)
    assert (zero.log, zero.log10, zero.as_float) == (-math.inf, -math.inf, 0.0)


def test_as_float():
    """Ground truth: float()."""
    assert LogTime.parse("1e300").as_float == 1e300
    assert LogTime.parse("1e309").as_float == math.inf


def test_order_is_exact_up_to_ten_to_ten_thousand():
    """Ground truth: the order of integers whose float logarithms coincide."""
    a, b = LogTime.parse("1e1000"), LogTime.parse(10**1000 + 1)
    assert a.log == b.log
    assert a < b
    assert a != b
    assert a == LogTime.parse("10**1000") == LogTime.parse(10**1000)
    assert len({a, LogTime.parse("10**1000"), LogTime.parse("10e999")}) == 1
    assert a != 10**1000


def test_order_is_total_across_the_border():
    """Ground truth: exponents written in increasing order, on both sides of 10^10000."""
    texts = ["0", "1", "1e9999", "1e10000", "1e10001", "2e10001", "1e20000", "1e1000000000"]
    times = [LogTime.parse(text) for text in texts]
    assert sorted(LogTime.parse(text) for text in reversed(texts)) == times
    assert all(a < b and b > a and a <= b for a, b in pairwise(times))


def test_comparison_with_a_number_is_refused():
    """Ground truth: Python's rule for foreign types."""
    with pytest.raises(TypeError):
        _ = LogTime.parse(1) < 2


@pytest.mark.parametrize("given", ["0", "1e1000", "1e20000"])
def test_pickle_keeps_a_time(given):
    """Ground truth: the time itself."""
    time = LogTime.parse(given)
    assert pickle.loads(pickle.dumps(time)) == time


@pytest.mark.parametrize(
    ("given", "value"),
    [(0.1, Fraction(0.1)), ("0.1", Fraction(1, 10)), (1e300, Fraction(1e300)), (2, Fraction(2)),
     (5e-324, Fraction(5e-324)), ("1e-400", Fraction(1, 10**400)), ("0e-999999999999", 0)],
    ids=short,
)  # fmt: skip
def test_flow_time_takes_any_real(given, value):
    """Ground truth: exact rationals; a float is its binary value, a string its decimal one."""
    time = LogTime.parse(given, flow=True)
    assert time.value == value


@pytest.mark.parametrize(
    "given", [-0.1, float("nan"), 1e400, "-1", "1e-999999999999", True], ids=short
)
def test_flow_time_refuses(given):
    """Ground truth: the contract of times."""
    with pytest.raises(InputError, match="flow time") as caught:
        LogTime.parse(given, flow=True)
    assert message_is_one_line(caught.value)


def test_a_fraction_of_an_update_is_refused_even_as_a_logtime():
    """Ground truth: gradient descent counts whole updates."""
    with pytest.raises(InputError):
        LogTime.parse(LogTime.parse(0.5, flow=True))


@pytest.mark.parametrize("text", ["1", "7", "123456", "1e6", "1e1000", "1e10000", "3e20000"])
def test_from_log_inverts_log(text):
    """Ground truth: the time whose logarithm was taken."""
    time = LogTime.parse(text)
    back = LogTime.from_log(time.log)
    assert back.log == time.log
    assert relative_error(back.log10, time.log10) < 1e-15


def test_from_log_rounds_small_times_to_integers_and_flow_times_not():
    """Ground truth: e^1 = 2.718..., e^-3 = 0.0497..., e^-inf = 0."""
    assert LogTime.from_log(1.0).value == 3
    assert LogTime.from_log(-3.0).value == 0
    assert LogTime.from_log(-math.inf).value == 0
    assert relative_error(LogTime.from_log(-3.0, flow=True).as_float, math.exp(-3.0)) < 1e-15


@pytest.mark.parametrize("log", [math.nan, math.inf])
def test_from_log_refuses(log):
    """Ground truth: no time has such a logarithm."""
    with pytest.raises(InputError) as caught:
        LogTime.from_log(log)
    assert message_is_one_line(caught.value)


UNTILS = ["1", "7", "150", "198", "199", "200", "1000", "123456", "1e6", "1000001", "1e7", "1e53",
          "1e1000", "1e10000", "1.5e10001", "1e1000000000", "1e999999999999"]  # fmt: skip


@pytest.mark.parametrize("text", UNTILS)
@pytest.mark.parametrize("samples", [2, 3, 10, 200])
def test_log_spaced_contract(text, samples):
    """Ground truth: the contract: 0 and until, increasing integers, text parses back exactly."""
    until = LogTime.parse(text)
    times = log_spaced(until, samples)
    assert times[0].value == 0
    assert times[-1] is until
    assert all(a < b for a, b in pairwise(times))
    assert all(time.is_integral for time in times)
    for time in times:
        again = LogTime.parse(time.text)
        assert (again, again.log) == (time, time.log)
    available = samples if until.value is None else min(samples, until.value + 1)
    assert len(times) == available


def test_log_spaced_texts_have_six_digits():
    """Ground truth: plain digits below 1e6, six significant digits beyond."""
    for time in log_spaced(LogTime.parse("1e1000")):
        mantissa, _, exponent = time.text.partition("e")
        assert len(mantissa.replace(".", "")) <= 6
        assert not exponent or (time.text == "1e1000" or int(exponent) >= 6)


def test_log_spaced_is_even_in_the_logarithm():
    """Ground truth: equal ratios from 1 to until, to the six digits of the texts."""
    times = log_spaced(LogTime.parse("1e1000"), 101)
    gaps = np.diff([time.log10 for time in times[1:]])
    assert relative_error(gaps, np.full(99, 1000 / 99)) < 1e-5


@pytest.mark.parametrize("until", [1e-6, 0.5, 5.5, "1e1000", "1e20000"])
def test_log_spaced_flow(until):
    """Ground truth: the contract, with real times from a thousandth on."""
    end = LogTime.parse(until, flow=True)
    times = log_spaced(end, 50, flow=True)
    assert len(times) == 50
    assert times[0].value == 0
    assert times[-1] is end
    assert all(a < b for a, b in pairwise(times))
    assert all(LogTime.parse(time.text, flow=True) == time for time in times[:-1])
    assert relative_error(times[1].as_float, min(1.0, end.as_float) / 1000) < 1e-5


def test_log_spaced_until_zero():
    """Ground truth: the initial network is the only sample."""
    assert [time.value for time in log_spaced(LogTime.parse(0))] == [0]


def test_log_spaced_refuses_one_sample():
    """Ground truth: 0 and until are two samples."""
    with pytest.raises(InputError) as caught:
        log_spaced(LogTime.parse(5), 1)
    assert message_is_one_line(caught.value)


def test_repr_is_short_and_reads_back():
    """Ground truth: eval, which makes the same time."""
    times = [LogTime.parse(x) for x in ("1e1000", 10**5000, 7, "2**40")]
    times += [LogTime.parse("0.5", flow=True), LogTime.from_log(1e5)]
    for time in times:
        assert eval(repr(time)) == time  # our own text
        assert len(repr(time)) < 45
