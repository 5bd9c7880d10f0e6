"""Phases that are told to be short before it is known how long they are."""

from __future__ import annotations

import numpy as np
import pytest

import latephase as lp
from latephase.late.pair.observe import PairSamples
from latephase.late.pair.phase import ends_within, phase_from
from latephase.late.pair.state import initial_state
from latephase.late.pair.task import PairTask, SampleTimes
from latephase.late.pattern import pattern_code, statuses
from latephase.problem import TwoPointGeometry

STEPS, TRIALS = 512, 4000
CASES = [((0.5, -0.5), 0.1), ((1.0, 3.0), 0.01), ((0.1, -0.2), 1.0), ((3.0, -1.0), 0.1)]


@pytest.mark.parametrize(("points", "step"), CASES, ids=str)
def test_a_phase_that_is_said_to_be_short_is(points, step):
    """Against the end that the Fatou coordinate gives; most of the short ones are found."""
    g = TwoPointGeometry.of(lp.Dataset([*points], [1, -1]))
    task = PairTask(
        g, lp.GradientDescent(step), SampleTimes.of([], None), PairSamples.empty(0, 0), 1e-4
    )
    a = np.random.default_rng(5).normal(scale=3.0, size=(2, 2, TRIALS))
    codes, short, found = pattern_code(statuses(a)), 0, 0
    for code in np.unique(codes).tolist():
        if not task.response(code).exact:
            continue
        here = a[..., codes == code]
        with np.errstate(all="ignore"):
            soon = ends_within(task, here, code, STEPS)
            state = initial_state(np.zeros_like(here), here)
            ends = phase_from(task, state, code).n < STEPS
        assert ends[soon].all()
        short, found = short + int(ends.sum()), found + int(soon.sum())
    assert short > 500
    assert found > 0.9 * short
