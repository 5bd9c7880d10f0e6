"""The verdict of `latephase compare`: what is held against the law, and what is beside it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import latephase as lp
from latephase.experiments import Support
from latephase.experiments.bench.decay import Decay
from latephase.experiments.remedies.compared import MethodRow, effect
from latephase.experiments.remedies.comparison import comparison, decide
from latephase.problem import Dataset
from latephase.training.methods.table import named

PAPER = Dataset([1.0, -1.0], [1, -1])
ON_THE_LAW = MethodRow(
    *("gd", True, 0.25, 0.0, {4: 0.02}, Decay("none", *[np.nan] * 4), 1.0, 0.99, 0.15, 0.0),
    *(7.0, 3.0, 8.0, 1e4, 0.01, 0.02),
)


def test_who_does_not_train_is_beside_the_verdict():
    """Ground truth: the criterion, on made-up rows: the law is of runs whose loss tends to 0."""
    assert decide(PAPER, [ON_THE_LAW], 200) is Support.SUPPORTED
    off = replace(ON_THE_LAW, method="planted", ratio=1.2)
    assert decide(PAPER, [ON_THE_LAW, off], 200) is Support.NOT_SUPPORTED
    for stuck, verdict in ((0.51, Support.SUPPORTED), (0.5, Support.NOT_SUPPORTED)):
        stops = replace(off, ratio=4.4, stuck=stuck)
        assert decide(PAPER, [ON_THE_LAW, stops], 200) is verdict
    assert decide(PAPER, [replace(off, stuck=0.8)], 200) is Support.UNDECIDED
    outside = replace(off, spans=False)
    assert decide(PAPER, [ON_THE_LAW, outside], 200) is Support.SUPPORTED
    assert effect(outside, ON_THE_LAW, PAPER) == "another law"


@pytest.mark.slow
def test_sharpness_aware_steps_of_radius_1_refute_nothing():
    """Ground truth: docs/theory.md, "Remedies": they blind a neuron, and most runs stop."""
    methods = [named(one, 0.1) for one in ("gd", "loss_scaled", "sam:radius=1")]
    found = lp.compare("standard_normal", PAPER, methods, trials=100, seed=3, until=3000)
    _, finding, rows = comparison(PAPER, found)
    assert finding.verdict is Support.SUPPORTED
    assert [row.lawful for row in rows] == [True, True, False]
    assert "beside the verdict" in " ".join(finding.deviations)
    assert len(finding.numbers) == 2
