"""Claim 24 in small: what is decided, and what is known without it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from latephase.experiments import Support
from latephase.experiments.beyond import both_layers
from latephase.experiments.beyond.both_layers import Seen
from latephase.late.layered_pair.law import layered_laws


def made_up(exponent: float = 0.49, fixed: float = 1.0, ratio: float = 1.0, runs: int = 40) -> Seen:
    one = np.ones(runs)
    return Seen("made up", one, ratio * one, exponent * one, fixed * one)


@pytest.mark.quick
def test_decisions():
    """Ground truth: the criterion, on made-up runs."""
    assert both_layers.decide([made_up()] * 6) is Support.SUPPORTED
    for wrong in (made_up(exponent=0.6), made_up(fixed=0.9), made_up(ratio=1.1)):
        assert both_layers.decide([made_up()] * 5 + [wrong]) is Support.NOT_SUPPORTED
    assert both_layers.decide([made_up()] * 5 + [made_up(runs=10)]) is Support.UNDECIDED


def test_scales_of_the_start():
    """Ground truth: wrong sides that start negative stay: on +-1 C is homogeneous in them."""
    start = np.array([[1.0, -1.2]]), np.array([[0.1, 0.2]]), np.array([[1.0, -0.7]])
    whole, tenth = both_layers.follow_all([start, both_layers.SCALES["all a tenth"](*start)])
    assert whole.fitted.all()
    assert tenth.fitted.all()
    assert abs(10 * tenth.constant[0] / whole.constant[0] - 1) < 1e-12


def test_a_wrong_constant_is_noticed(monkeypatch):
    """Ground truth: the boundaries of the runs; the law's constant is planted a tenth too large."""
    start = both_layers.networks("xavier_normal", 150, 9)

    def verdict() -> Support:
        (gaps,) = both_layers.follow_all([start])
        return both_layers.decide([both_layers.seen("xavier_normal", gaps, 150, 9)])

    def planted(task, state, rows):
        laws = layered_laws(task, state, rows)
        return dataclasses.replace(laws, constant=1.1 * laws.constant)

    assert verdict() is Support.SUPPORTED
    monkeypatch.setattr("latephase.late.engines.layered_pieces.layered_laws", planted)
    assert verdict() is Support.NOT_SUPPORTED
