"""What functions say of themselves: words for people, digests for what is resumed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import optax
import pytest

from latephase.core.closures import digest, written, written_out

RATE = 0.1


def by_default(_: int, rate: float = 0.1) -> float:
    return rate


def of_a_global(_: int) -> float:
    return RATE


def held(value: Any) -> Callable[[int], Any]:
    return lambda _: value


class Called:
    __slots__ = ("rate",)

    def __init__(self, rate: float) -> None:
        self.rate = rate

    def __call__(self, _: int) -> float:
        return self.rate


def long_one(begin: int) -> optax.GradientTransformation:
    schedule = optax.polynomial_schedule(1.0, 0.1, 2, 100, transition_begin=begin)
    parts = optax.clip(0.5), optax.scale_by_adam(), optax.add_decayed_weights(1e-4)
    return optax.chain(*parts, optax.scale_by_schedule(schedule))


PAIRS = {
    "a long text that differs at its end": (long_one(0), long_one(7)),
    "code": (lambda t: 0.1 / (t + 1), lambda t: 0.2 / (t + 1)),
    "an array in a cell": (held(np.array([0.1, 0.2])), held(np.array([0.1, 0.3]))),
    "a function in a dict": (held({"f": held(1)}), held({"f": held(2)})),
    "an object that is called": (Called(0.1), Called(0.2)),
    "a boundary": tuple(optax.piecewise_constant_schedule(0.1, {9: k}) for k in (0.5, 0.4)),
}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_what_differs_has_another_digest(pair: tuple[Any, Any]) -> None:
    one, other = pair
    assert digest(one) == digest(one) != digest(other)


def test_defaults_and_globals_count(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest(by_default), digest(of_a_global)
    monkeypatch.setattr(by_default, "__defaults__", (0.2,))
    monkeypatch.setitem(globals(), "RATE", 0.2)
    assert digest(by_default) != before[0]
    assert digest(of_a_global) != before[1]


def test_words_are_cut_for_display_only() -> None:
    assert len(written(long_one(7))) == 200
    assert "transition_begin=7" in written_out(long_one(7))
    assert written_out(long_one(0)) != written_out(long_one(7))


@pytest.mark.slow
def test_a_schedule_that_was_called_is_the_same_one() -> None:
    """Calling it turns a whole number that it holds into a float."""
    schedule = optax.cosine_decay_schedule(0.05, 2000)
    before = written_out(schedule), digest(schedule)
    schedule(3)
    assert (written_out(schedule), digest(schedule)) == before


def test_another_process_finds_the_same() -> None:
    """Its addresses and the order of its sets are others."""
    code = "import sys; from latephase.core.closures import digest; sys.path.insert(0, sys.argv[1])"
    code += "\nfrom test_closures import PAIRS\nprint(*(digest(one) for one, _ in PAIRS.values()))"
    command = [sys.executable, "-c", code, __file__.rpartition("/")[0]]
    done = subprocess.run(command, capture_output=True, check=True, text=True, timeout=120)
    assert done.stdout.split() == [digest(one) for one, _ in PAIRS.values()]
