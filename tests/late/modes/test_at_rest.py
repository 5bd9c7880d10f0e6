"""Runs whose slides begin and end without end where they come to rest; wide runs on two cores."""

from __future__ import annotations

import numpy as np
import pytest

import latephase as lp
from latephase.experiments.beyond.wider import problem

# (m, n, d): grazes a kink at rest; kinks within an ulp; a neuron that passes 0; a force at rest
# that rounding hides from the solver; kinks of neurons that serve points at rest; a slide at rest.
RESTLESS = [(4, 10, 1), (4, 20, 2), (32, 10, 1), (2, 10, 1)]
RESTLESS += [pytest.param(*p, marks=pytest.mark.campaign) for p in ((16, 20, 2), (8, 20, 1))]


@pytest.mark.parametrize(("m", "n", "d"), RESTLESS)
def test_runs_come_to_rest(m, n, d):
    """Each of these ended as budget_exhausted once."""
    net, data = problem(m, n, d, seed=0, restart=0)
    run = lp.simulate(net, data, lp.GradientFlow(), until="1e1000", at=["1e6", "1e1000"])
    assert run.outcome in (lp.Outcome.settled, lp.Outcome.unfitted)
    assert np.isfinite(run.trajectory.error.values).all()


def test_a_neuron_let_go_of_a_kink_keeps_its_status():
    """It rests an ulp beyond the kink that it left: its sign there is rounding, not its status."""
    net, data = problem(64, 2, 1, seed=0, restart=0)
    run = lp.simulate(net, data, lp.GradientFlow(), until="1e1000", at=["1e1000"])
    end = lp.limit(run)
    assert end.settled, end.reason
    assert end.distance < 0.01


@pytest.mark.campaign
def test_two_processes_change_nothing():
    """The run that is compared is the same one wherever it goes."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 5))
    data = lp.Dataset(x, np.where(x[:, 0] > 0, 1, -1))
    outer = np.where(np.arange(50) % 2 == 0, 1.0, -1.0)
    net = lp.ShallowReLU(rng.normal(size=(50, 5)) / 7, rng.normal(size=50) / 7, outer)
    one, two = (
        lp.simulate(net, data, lp.GradientFlow(), until=10.0, at=[1.0, 10.0], processes=k)
        for k in (1, 2)
    )
    assert one.trajectory.identical(two.trajectory)
