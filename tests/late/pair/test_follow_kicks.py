"""One neuron is dead and the other one is kicked for ever: its kicks, told in advance."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal, localcontext

import numpy as np
import pytest

import latephase as lp
from helpers import shares
from latephase.late.engine import Goal
from latephase.late.engines.exact_pieces import follow_trials
from latephase.late.pair.advance import advance_pair
from latephase.problem import TwoPointGeometry

CASES = [
    ((0.5, -0.5), 0.1), ((0.5, -0.5), 1.0), ((0.5, -0.5), 0.01), ((1.0, 3.0), 0.1),
    ((0.9, -1.0), 0.1), ((0.1, -0.1), 0.3), ((0.0, -2.0), 0.3), ((0.5, 20.0), 0.01),
]  # fmt: skip
STEPS = sorted({int(n) for n in np.logspace(0, 6, 50)})


def alone(g: TwoPointGeometry, trials: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Random networks, one of whose neurons is dead: which one differs."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(trials, 2, 2))
    living, everyone = rng.integers(0, 2, trials), np.arange(trials)
    a[everyone, 1 - living] = -np.abs(a[everyone, 1 - living])
    a[everyone, living, living] = np.abs(a[everyone, living, living]) + 0.5
    weights = (a[..., 0] - a[..., 1]) / (g.x1 - g.x2)
    return weights, a[..., 0] - weights * g.x1


@pytest.mark.parametrize("seed", shares(8))
@pytest.mark.parametrize(("points", "step"), CASES, ids=str)
def test_kicks_are_those_of_ordinary_steps(points, step, seed):
    """Ground truth: 10^6 steps one by one, which `test_advance` holds against 40 digits."""
    g, trials = TwoPointGeometry.of(lp.Dataset([*points], [1, -1])), 40
    weights, biases = alone(g, trials, seed)
    a = g.preactivations(weights, biases).transpose(1, 2, 0)
    times = [lp.LogTime.parse(n) for n in STEPS]
    goal = Goal(times[-1], 10**6)
    found = follow_trials(g, weights, biases, lp.GradientDescent(step), times, goal)
    dead = found.journey.regime == lp.Regime.one_dead
    assert dead.sum() >= 5
    counts = np.repeat(np.array(STEPS)[:, None], trials, axis=1)
    looks, who = np.tile(np.arange(len(STEPS)), trials), np.repeat(np.arange(trials), len(STEPS))
    given = a, 2.0**-52 * np.abs(a), np.full(trials, 1e-16), counts, looks, who
    known = advance_pair(*given, gram=g.gram, step_size=step).preactivations
    known = known.reshape(2, 2, trials, -1)[:, :, dead]
    theta = found.record.parameters[:, :, dead]
    weight = (known[:, 0] - known[:, 1]) / (g.x1 - g.x2)
    expected = np.stack([weight, known[:, 0] - weight * g.x1], axis=1)
    off = np.linalg.norm(theta - expected, axis=1) / np.linalg.norm(expected, axis=1)
    error = found.record.error[dead]
    rounding = 1e-13  # of the weights taken from pre-activations
    assert (off.max(axis=0) <= error + rounding).all()
    assert np.median(error[:, -1]) < 1e-3
    x = np.array([g.x1, g.x2])[:, None, None]
    got = theta[:, 0][:, None] * x + theta[:, 1][:, None]
    margins = [np.maximum(one, 0.0)[[0, 1], [0, 1]] - np.maximum(one, 0.0)[[1, 0], [0, 1]]
               for one in (got, known)]  # fmt: skip
    apart = np.abs(margins[0] - margins[1]) / (1 + np.abs(margins[1]))
    assert (apart.max(axis=0) <= found.record.margin_error[dead] + rounding).all()
    assert found.record.exact[dead].mean() > 0.4


def kicked(
    u: Decimal, v: Decimal, step: Decimal, k: tuple[Decimal, Decimal, Decimal], until: Decimal
) -> tuple[Decimal, Decimal]:
    """Sides u and v of a neuron after `until` steps: phases by the Fatou coordinate of the scalar
    map to the order 1/s^3, kicks by a step each; k: right, wrong, k12."""
    right, wrong, k12 = k
    c, now = step * right, Decimal(0)

    def phi(s: Decimal) -> Decimal:
        return s - s.ln() / 2 + 1 / (6 * s) + 1 / (16 * s**2) + Decimal(19) / 540 / s**3

    while now < until:
        s, rise = u.exp() / c, -v * right / k12
        if v > 0 or s < 3000:
            pull, kick = step * (-u).exp(), step * v.exp() * (v > 0)
            u, v, now = u + right * pull - k12 * kick, v + k12 * pull - wrong * kick, now + 1
            continue
        n = phi(s * rise.exp()) - phi(s)
        n = min(n.to_integral_value(ROUND_CEILING), until - now)
        level, goal = s + n, phi(s) + n
        for _ in range(4):
            level -= (phi(level) - goal) / (1 - 1 / (2 * level))
        rise = (level / s).ln()
        u, v, now = u + rise, v + rise * k12 / right, now + n
    return u, v


@pytest.mark.parametrize(("points", "step"), CASES[:2] + CASES[3:4], ids=str)
def test_kicks_at_all_times(points, step):
    """Ground truth: each cycle by itself in 60 digits, to 10^40, hundreds of kicks."""
    g = TwoPointGeometry.of(lp.Dataset([*points], [1, -1]))
    net = lp.ShallowReLU([2.0 / (g.x1 - g.x2), 0.0], [1.5 - 2.0 * g.x1 / (g.x1 - g.x2), -1.0])
    at = ["1e5", "1e12", "3e25", "1e40"]
    data = lp.Dataset([*points], [1, -1])
    found = lp.simulate(net, data, lp.GradientDescent(step), until=at[-1], at=at)
    assert found.regime is lp.Regime.one_dead
    with localcontext(prec=60):
        x1, x2, eta = map(Decimal, (g.x1, g.x2, step))
        w, b = Decimal(net.weights[0, 0].item()), Decimal(net.biases[0].item())
        k, (u, v), now = (
            (1 + x1 * x1, 1 + x2 * x2, 1 + x1 * x2),
            (w * x1 + b, w * x2 + b),
            Decimal(0),
        )
        for i, t in enumerate(at):
            u, v = kicked(u, v, eta, k, Decimal(t) - now)
            now = Decimal(t)
            weight = (u - v) / (x1 - x2)
            expected = np.array([float(weight), float(u - weight * x1)])
            path = found.trajectory
            got = np.array([path.weights.values[i, 0, 0], path.biases.values[i, 0]])
            off = np.linalg.norm(got - expected) / np.linalg.norm(expected)
            assert off <= path.error.values[i], t
            assert path.error.values[i] < 1e-3, t
            assert abs(float(u) - got @ [g.x1, 1]) <= path.margin_error.values[i] * (1 + float(u))
