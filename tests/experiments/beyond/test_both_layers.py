"""Claim 24 in small: what is decided, and what is known without it."""

from __future__ import annotations

import numpy as np
import pytest

from latephase.experiments import Support
from latephase.experiments.beyond import both_layers
from latephase.experiments.beyond.both_layers import Seen


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
