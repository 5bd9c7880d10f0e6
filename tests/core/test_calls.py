"""Every public callable, and what it answers to every kind of bad argument: one line."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import latephase as lp
from helpers import message_is_one_line
from latephase.core.calls import public

DATA = lp.Dataset([1.0, -1.0], [1, -1])
NET = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2])
PLANE = lp.Dataset([[1.0, 0.0], [0.0, 1.0]], [1, -1])
WIDE = lp.ShallowReLU([1.0, 2.0, 3.0], [0.0] * 3, [1.0, 1.0, -1.0])
GD = lp.GradientDescent(0.1)
GENERATOR = (x for x in (1, -1))
LOOP: list[Any] = [1.0, -1.0]
MASKED = np.ma.array([1.0, -1.0], mask=[False, True])

NOTHINGS: list[Any] = [None, object(), "x", b"1", {}, set(), GENERATOR, lp, Decimal("NaN")]
NUMBERS = [*NOTHINGS, float("nan"), float("inf"), 10**400, True, np.True_, 1j, "0.1", [0.1]]
NUMBERS += [np.ma.masked, np.array([1.0]), np.array("a"), Decimal("0.1")]
SIZES = [-1, -0.1, *NUMBERS]  # of what must be > 0
COUNTS = [-1, 0.5, np.float32(1.5), Fraction(3, 2), 10**40, *NUMBERS]
TIMES = [*(n for n in NUMBERS if not (isinstance(n, int) and n == 10**400)), -1, -0.5, "", "1e"]
LISTS = [*NOTHINGS, [], [[]], 1.0, [np.nan, 1], ["1", "2"], [None, 1], MASKED, [MASKED, MASKED]]
LISTS += [[[1, 2], [3]], [True, False], [1j, 1], [10**400, 1], [2**53 + 1, 0], np.ma.masked]
LISTS += [[Decimal(1), Decimal(2)], np.array(["a", "b"]), np.array([None, 1]), np.ones((1, 1, 1))]
LISTS += [np.array(["2020", "2021"], "datetime64[Y]"), [np.ma.masked, 1.0]]
GIVEN = [one for one in LISTS if one is not None]  # where None stands for what there is none of
PATHS = [None, 3, "", "nul\0", [], "s3://bucket/runs", Path("s3://b/c"), "gs://b", "file:///x"]
NAMES = [None, 3, "", "glorot", ["he_normal"], {}, b"he_normal"]
AT = [*NOTHINGS, [], 5, "1", np.array(3), np.array([]), [[1]], [None], ["2", "1e9"], [-1], [True]]
AT += [[np.nan], MASKED, [np.ma.masked], {"1"}, iter([1])]
NO_DATA = [*NOTHINGS, NET, lp.Dataset, [1, -1], PLANE]
NO_NET = [*NOTHINGS, DATA, lp.ShallowReLU, ([1, 2], [1, 2])]
NO_METHOD = [*NOTHINGS, 0.1, "gd", lp.GradientDescent, NET]


def good(**more: Any) -> dict[str, Any]:
    return {"data": DATA, "method": GD, **more}


def given(values: list[Any]) -> list[Any]:
    """Values of an option that may be left to None."""
    return [value for value in values if value is not None]


DRAWN = good(initializer="he_normal", trials=2, seed=0, until="10", at=["1"])
METHODS = [
    getattr(lp, name)
    for name in lp.__all__
    if isinstance(getattr(lp, name), type) and hasattr(getattr(lp, name), "step")
]
# A callable, arguments that are good, and bad ones in the place of one of them.
CASES: dict[str, tuple[Callable[..., Any], dict[str, Any], dict[str, list[Any]]]] = {
    "Dataset": (lp.Dataset, {"inputs": LOOP, "labels": [1, -1]}, {
        "inputs": LISTS, "labels": [*LISTS, [1, 0], [1, 1], [1], [[1], [-1]]]}),
    "from_csv": (lp.Dataset.from_csv, {"path": "absent.csv"}, {"path": PATHS}),
    "ShallowReLU": (
        lp.ShallowReLU,
        {"weights": LOOP, "biases": LOOP, "output_weights": LOOP},
        {"weights": LISTS, **dict.fromkeys(("biases", "output_weights"), GIVEN)}),
    "a network": (NET, {"inputs": LOOP}, {"inputs": LISTS}),
    "load": (lp.ShallowReLU.load, {"path": "absent.npz"}, {"path": PATHS}),
    "save": (NET.save, {"path": "n.npz"}, {"path": PATHS}),
    "from_torch": (lp.ShallowReLU.from_torch, {"source": 1}, {"source": [*NOTHINGS, NET]}),
    "GradientDescent": (lp.GradientDescent, {"step_size": 0.1}, {"step_size": [0, *SIZES]}),
    "LogTime.parse": (lp.LogTime.parse, {"x": 1}, {"x": TIMES}),
    "LogTime.from_log": (lp.LogTime.from_log, {"log": 1.0}, {
        "log": [n for n in NUMBERS if not (isinstance(n, int) and n == 10**400)]}),
    "initializer": (lp.initializers.he_normal, {"trials": 1, "seed": 0}, {
        "trials": [0, *COUNTS], "seed": COUNTS, "features": [0, *COUNTS], "neurons": [0, *COUNTS],
        "start": COUNTS}),
    "simulate": (lp.simulate, good(network=NET, until="10", at=["1"]), {
        "network": [*NO_NET, lp.ShallowReLU([[1.0, 2.0]] * 2, [0, 0])], "data": NO_DATA,
        "method": NO_METHOD, "until": TIMES, "at": [x for x in AT if x is not None],
        "max_steps": [0, *COUNTS], "loss": NAMES, "tolerance": [0, *given(SIZES)],
        "slide_tolerance": [0, *given(SIZES)], "processes": [0, *given(COUNTS)],
        "dtype": [n for n in NAMES if n is not None], "progress": [3, "x"]}),
    "simulate, samples": (lp.simulate, good(network=NET, until="10"), {"samples": [0, 1, *COUNTS]}),
    "simulate, dtype": (
        lp.simulate, good(network=NET, until="10", at=["1"], dtype="float32"), {
            "accumulate": [*given(NOTHINGS), 1, "no"], "rounding": given(NAMES),
            "method": NO_METHOD}),
    "predict": (lp.predict, good(network=NET), {
        "progress": [3, "x"],
        "network": NO_NET, "data": NO_DATA, "method": NO_METHOD,
        "max_steps": [0, *COUNTS]}),
    "stall": (lp.stall, good(network=NET), {
        "network": NO_NET, "data": NO_DATA, "method": NO_METHOD, "dtype": NAMES}),
    "limit": (lp.limit, {"run": 1}, {"run": [*NOTHINGS, NET]}),
    "ensemble": (lp.ensemble, DRAWN, {
        "initializer": NAMES, "data": [x for x in NO_DATA if x is not PLANE],
        "method": [*NO_METHOD, lp.LossScaled(0.1)], "width": [0, 1, 3, *COUNTS],
        "output_weights": given(LISTS), "bias": [*NOTHINGS, 0, 1.0], "loss": NAMES,
        "negative_slope": [2, *SIZES], "processes": [0, *given(COUNTS)],
        "trials": [0, *COUNTS], "seed": COUNTS, "until": TIMES,
        "at": [x for x in AT if x is not None], "max_steps": [0, *COUNTS],
        "tolerance": [0, *given(SIZES)], "slide_tolerance": [0, *given(SIZES)],
        "batch": [0, *given(COUNTS)], "train_output": [None, 0, "yes"],
        "out": [p for p in PATHS if p is not None], "progress": [3, "x"]}),
    "ensemble, samples": (lp.ensemble, {**DRAWN, "at": None}, {"samples": [0, 1, *COUNTS]}),
    "compare": (
        lp.compare,
        {**{k: v for k, v in DRAWN.items() if k != "method"}, "methods": [GD]}, {
            "initializer": NAMES, "data": [x for x in NO_DATA if x is not PLANE],
            "trials": [0, *COUNTS], "seed": COUNTS, "width": [0, 1, 3, *COUNTS],
            "output_weights": given(LISTS), "bias": [*NOTHINGS, 0, 1.0],
            "negative_slope": [2, *SIZES], "batch": [0, *given(COUNTS)],
            "out": [p for p in PATHS if p is not None],
            "methods": [*NOTHINGS, GD, [], [GD, GD], [lp.GradientFlow()], ["gd"]],
            "until": [*TIMES, "1e9"], "at": [x for x in AT if x is not None], "loss": NAMES,
            "progress": [3, "x"]}),
    "certify": (lp.certify, good(network=NET), {
        "network": NO_NET, "data": NO_DATA, "method": [*NO_METHOD, lp.LossScaled(0.1)],
        "claim": NAMES, "bits": [0, *COUNTS], "max_bits": [0, *COUNTS], "max_steps": COUNTS,
        "progress": [3, "x"]}),
    "certified_distribution": (
        lp.certified_distribution,
        good(initializer="he_normal", constants=[0.1], undecided=0.1), {
            "initializer": NAMES, "data": NO_DATA, "method": NO_METHOD,
            "constants": [*LISTS, [-1.0]], "undecided": [0, 1, *SIZES]}),
    "verify": (lp.verify, {"source": "{}"}, {"source": [*NOTHINGS, "", 3, Path("absent")]}),
    "robustness_margin": (lp.robustness_margin, {"net": NET, "data": DATA}, {
        "net": NO_NET, "data": NO_DATA, "norm": [0, 3, None, [2], np.nan, True, {}]}),
}  # fmt: skip
for _method in METHODS:
    _known = inspect.signature(_method).parameters
    _start = {"step_size": 0.1} if "step_size" in _known else {}
    _numbers = {name: NUMBERS for name, p in _known.items() if p.annotation == "float"}
    CASES[_method.__name__] = (_method, _start, _numbers)


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def answer(call: Callable[..., Any], arguments: dict[str, Any]) -> str:
    """What is wrong with the answer to a bad call; nothing if it is one line."""
    try:
        found = call(**arguments)
    except lp.InputError as error:
        return "" if message_is_one_line(error) else f"more than a line: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:100]}"
    return f"taken for good: {str(found)[:60]}"


@pytest.mark.parametrize("name", CASES)
def test_bad_arguments_are_answered_in_one_line(name, tmp_path):
    """Ground truth: the contract: bad input raises InputError, one line, and leaves nothing."""
    call, start, bad = CASES[name]
    faults = []
    for parameter, values in bad.items():
        for value in values:
            fault = answer(call, {**start, parameter: value})
            if fault:
                faults.append(f"{parameter} = {value!r}: {fault}")
    assert not faults, "\n".join(faults)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", CASES)
def test_unknown_arguments_are_answered_with_the_known_ones(name):
    """Ground truth: the signature; the error is also the TypeError that Python would raise."""
    call, start, _ = CASES[name]
    if name == "stall":
        return  # hands what it does not know on to simulate
    with pytest.raises(lp.InputError) as caught:
        call(**start, foo=1)
    assert isinstance(caught.value, TypeError)
    assert message_is_one_line(caught.value)
    assert "'foo'" in str(caught.value)
    assert all(name in str(caught.value) for name in inspect.signature(call).parameters)


def test_a_mistyped_argument_is_answered_with_the_one_meant():
    """Ground truth: the argument that was mistyped."""
    for call, wrong, meant in ((lp.simulate, "untill", "until"), (lp.Adam, "beta_1", "beta1")):
        with pytest.raises(lp.InputError, match=f"did you mean {meant}"):
            call(**{wrong: 1})


def test_an_argument_of_other_libraries_is_answered_with_what_there_is():
    """Ground truth: what is supported: one hidden layer, ReLU and leaky ReLU, one output."""
    for call, name, instead in (
        (lp.ShallowReLU, "activation", "leaky ReLU with `negative_slope`"),
        (lp.simulate, "layers", "one hidden layer"),
        (lp.ensemble, "num_classes", "one output"),
        (lp.compare, "weight_decay", "no penalty"),
    ):
        with pytest.raises(lp.InputError, match=instead) as caught:
            call(**{name: 1})
        assert message_is_one_line(caught.value)


WHOLE = [np.int64(3), np.uint8(3), np.float32(3.0), 3.0, np.array(3)]
REAL = [np.float64(0.5), np.float32(0.5), np.float16(0.5), Fraction(1, 2), np.array(0.5)]


@pytest.mark.parametrize("number", WHOLE, ids=repr)
def test_whole_numbers_of_every_kind_are_taken(number):
    """Ground truth: the same calls with Python's int 3."""
    run = lp.simulate(NET, DATA, GD, until=number, samples=number, max_steps=number)
    assert run.trajectory.time.values.tolist() == ["0", "1", "3"]
    drawn = [lp.initializers.he_normal(trials=n, seed=3, start=n)[0] for n in (number, 3)]
    assert np.array_equal(*drawn)
    found = [
        lp.ensemble("he_normal", DATA, GD, trials=n, seed=3, until=n, batch=n, samples=n)
        for n in (number, 3)
    ]
    assert found[0].identical(found[1])


def test_floats_beyond_2_53_are_no_whole_numbers():
    """Ground truth: 2^53 + 1 is the same float, so which number was meant is not known."""
    with pytest.raises(lp.InputError, match="integer"):
        lp.initializers.he_normal(trials=3, seed=3, start=2.0**53)


@pytest.mark.parametrize("number", REAL, ids=repr)
def test_real_numbers_of_every_kind_are_taken(number):
    """Ground truth: the same calls with Python's float 0.5, which all of them are exactly."""
    assert lp.GradientDescent(number) == lp.GradientDescent(0.5)
    assert lp.Adam(number, beta1=number) == lp.Adam(0.5, beta1=0.5)
    flow = lp.GradientFlow()
    ends = [lp.simulate(NET, DATA, flow, until=t, at=[t]).trajectory for t in (number, 0.5)]
    assert np.array_equal(*(end.weights.values for end in ends))


def test_what_is_wrapped_stays_what_it_is():
    """Ground truth: Python's own copy of a pickled object, isinstance, and the signature."""
    for thing in (lp.simulate, lp.Dataset, GD, lp.Adam(0.1)):
        again = pickle.loads(pickle.dumps(thing))
        assert again is thing or again == thing
    assert isinstance(GD, lp.GradientDescent)
    assert "until" in inspect.signature(lp.simulate).parameters
    with pytest.raises(lp.InputError) as caught:
        lp.GradientDescent(lr=0.1)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_errors_inside_of_a_call_pass():
    """Ground truth: a TypeError planted in a callback, which is no wrong call of ours."""

    def planted(done: int) -> None: ...

    with pytest.raises(TypeError) as caught:
        lp.simulate(NET, DATA, GD, until="1e9", at=["1e9"], progress=planted)
    assert not isinstance(caught.value, lp.InputError)


@pytest.mark.slow
def test_warnings_point_at_the_caller():
    """Ground truth: the file of this test, also where the call is wrapped."""
    with pytest.warns(UserWarning, match="beta2") as caught:
        lp.Adam(0.1, beta1=0.99, beta2=0.9)
    with pytest.warns(UserWarning, match="stalled") as stalled:
        lp.simulate(NET, DATA, GD, until="1e100", at=["1e100"], dtype="float16")
    for one in (*caught, *stalled):
        assert Path(one.filename).name == Path(__file__).name


def test_numpy_says_nothing_of_numbers_that_overflow():
    """Ground truth: infinity; warnings are errors here. Outside of the call they come as before."""
    largest = np.array([1e308])

    @public
    def tenfold(x):
        return x * 10

    assert tenfold(largest)[0] == np.inf
    with pytest.raises(RuntimeWarning):
        tenfold.__wrapped__(largest)
