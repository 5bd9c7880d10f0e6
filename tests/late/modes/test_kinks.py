"""Slides with a slope, kinks that points share: what holds them, by hand."""

from __future__ import annotations

import numpy as np
import pytest

import latephase as lp
from helpers import relative_error
from latephase.late.modes.dynamics import Dynamics
from latephase.late.modes.filippov import kink_statuses
from latephase.late.modes.guards import Guards
from latephase.late.modes.kinks import Kinks
from latephase.late.modes.mode import Mode
from latephase.problem import Problem

pytestmark = pytest.mark.quick


def dynamics(weights, biases, outer, inputs, labels, slope) -> Dynamics:
    net = lp.ShallowReLU(weights, biases, outer, negative_slope=slope)
    return Dynamics.of(Problem.of(net, lp.Dataset(inputs, labels), lp.GradientFlow()))


def share_of(found: Dynamics, theta, status) -> float:
    """The multiplier of the one slide of a mode, as its guards have it."""
    mode = Mode.of(
        found, np.array(theta, float), np.array(status), np.zeros(found.labels.size, bool)
    )
    (multiplier,) = Guards(mode)._multipliers(np.zeros(mode.rank))
    return float(multiplier)


@pytest.mark.parametrize("slope", [0.0, 0.2, 0.6])
def test_one_kink_of_a_leaky_neuron(slope):
    """Ground truth: g = -z.f / (c |z|^2), f what the other points do, and g = s + mu (1 - s)."""
    seen = set()
    for bias in np.linspace(-1.53, 2.02, 29):
        x, y = np.array([-2 * bias, -1.0, 0.5]), np.array([-1, 1, 1])
        found = dynamics([[0.5]], [bias], [1.0], x, y, slope)
        theta, z = np.array([0.5, bias]), np.column_stack([x, np.ones(3)])
        a = z @ theta
        gains = np.where(a > 0, 1.0, slope)
        pull = np.exp(-y * np.where(a > 0, a, slope * a)) * y
        f = (pull * gains)[1:] @ z[1:]
        g = -(z[0] @ f) / (pull[0] * z[0] @ z[0])
        mu = (g - slope) / (1 - slope)
        status = np.array([[2, *(a[1:] > 0)]])
        assert abs(share_of(found, [theta], status) - np.clip(mu, -1, 2)) < 1e-12 * (1 + abs(mu))
        near, log_pull = (
            np.array([[True, False, False]]),
            found.log_pull(found.margins(theta[None])),
        )
        held = kink_statuses(found, status, near, log_pull)[0, 0]
        assert held == (0 if mu <= 0 else 1 if mu >= 1 else 2)
        seen.add(int(held))
    assert seen == ({0, 1, 2} if slope else {0, 2})


@pytest.mark.parametrize("slope", [0.0, 0.3])
def test_a_kink_that_points_of_both_sides_share(slope):
    """Ground truth: on the line without bias all kinks are at w = 0; the forces on its two sides
    are P = sum_+ c x + s sum_- c x and M, with the gains exchanged: mu = -M / (P - M)."""
    x, y, pull = np.array([1.0, -1.5, 2.0, -0.5]), np.array([1, -1, -1, 1]), np.ones(4)
    found = dynamics([[0.0]], None, [1.0], x, y, slope)
    c = pull * y
    above = (c * x * np.where(x > 0, 1.0, slope)).sum()
    below = (c * x * np.where(x < 0, 1.0, slope)).sum()
    assert above < 0 < below  # so that it is held
    mu = -below / (above - below)
    assert relative_error(share_of(found, [[0.0]], [[2, 2, 2, 2]]), mu) < 1e-12
    near, log_pull = np.array([[False, True, False, False]]), np.zeros(4)
    held = kink_statuses(found, np.array([[1, 0, 1, 0]]), near, log_pull)
    assert held.tolist() == [[2, 2, 2, 2]]
    passed = dynamics([[0.0]], None, [1.0], x, -y, slope)
    sides = kink_statuses(passed, np.array([[1, 0, 1, 0]]), near, log_pull)
    assert sides.tolist() in ([[1, 0, 1, 0]], [[0, 1, 0, 1]])


def test_which_points_share_a_kink():
    """Ground truth: by hand; the origin has none, and with a bias each has its own."""
    z = np.array([[1.0, 2.0], [0.0, 0.0], [0.3, 0.6], [-2.0, -4.0], [2.0, 1.0]])
    kinks = Kinks.of(z, biased=False)
    assert kinks.first.tolist() == [0, 1, 0, 0, 4]
    assert kinks.ratio.round(12).tolist() == [1.0, 1.0, 0.3, -2.0, 1.0]
    assert kinks.leads.tolist() == [True, False, False, False, True]
    assert kinks.alike(np.array([[1, 0, 0, 0, 2]])).tolist() == [[1, 0, 1, 0, 2]]
    assert kinks.complete(np.array([[False, True, True, False, False]])).tolist() == [
        [True, True, True, True, False]
    ]
    assert not Kinks.of(z, biased=True).shared


def test_the_linear_model_has_one_mode_and_no_guards():
    """Ground truth: at slope 1 nothing changes where a pre-activation changes its sign."""
    found = dynamics([[0.5], [-1.0]], [0.1, 0.0], [1.0, -1.0], [2.0, -1.0], [1, -1], 1.0)
    theta = np.array([[0.5, 0.1], [-1.0, 0.0]])
    status = found.statuses(found.preactivations(theta))
    mode = Mode.of(found, theta, status, np.zeros(2, bool))
    assert (status == 1).all()
    assert Guards(mode)(np.zeros(mode.rank)).size == 0
