"""Steps up to a slide: as many as it takes for the chatter to be small enough, and few more."""

from __future__ import annotations

import numpy as np
import pytest

import latephase as lp
from latephase.late.engine import Goal
from latephase.late.engines.exact_pieces import follow_trials
from latephase.late.pair.advance import advance_pair
from latephase.late.pair.follow_steps import _chatter_times_steps
from latephase.late.pair.regimes import pushes
from latephase.problem import TwoPointGeometry

CASES = [((0.5, -0.5), 0.1), ((0.5, -0.5), 1.0), ((0.3, -0.7), 0.1), ((0.5, -0.4), 0.03)]
TOLERANCE, TRIALS, MANY = 1e-4, 200, 100_000


@pytest.mark.parametrize(("points", "step"), CASES, ids=str)
def test_slides_begin_as_soon_as_chatter_allows(points, step):
    """Ground truth: 100,000 ordinary steps, after which chatter times steps is what it tends to."""
    g, method = TwoPointGeometry.of(lp.Dataset([*points], [1, -1])), lp.GradientDescent(step)
    weights, biases = lp.initializers.he_normal(trials=TRIALS, seed=1)
    goal = Goal(lp.LogTime.parse("1e9"), 10**6, slide_tolerance=TOLERANCE)
    found = follow_trials(g, weights[..., 0], biases, method, [], goal)
    slides = found.journey.regime == lp.Regime.double_slide
    assert slides.sum() >= 20

    a = g.preactivations(weights[slides, :, 0], biases[slides]).transpose(1, 2, 0)
    trials = np.arange(a.shape[-1])
    start = a, 2.0**-52 * np.abs(a), np.full(trials.size, 1e-16), np.full((1, trials.size), MANY)
    stepped = advance_pair(*start, 0 * trials, trials, gram=g.gram, step_size=step)
    tends = np.median(pushes(g, stepped.preactivations, method.log_step).chatter) * MANY
    assert _chatter_times_steps(g) == pytest.approx(tends, rel=0.01)
    assert np.median(found.journey.entry[slides]) == pytest.approx(tends / TOLERANCE, rel=0.01)
