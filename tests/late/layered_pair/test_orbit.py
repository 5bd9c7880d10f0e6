"""Orbits of a point that is served alone: steps, modified flow, the series of late times."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp

from helpers import relative_error
from latephase.late.layered_pair import orbit as module
from latephase.late.layered_pair.follow_orbit import follow_orbits
from latephase.late.layered_pair.orbit import (
    HIGH,
    Orbits,
    corrections,
    late_margin,
    log_waiting,
)
from references.orbits import iterates

pytestmark = pytest.mark.quick

# p, m, length of the point, step size: balanced, either layer ahead, small steps, long ones.
STARTS = [(1.7, 0.3, 1.4, 0.1), (3.0, 2.9, 1.4, 0.1), (2.0, -1.9, 3.2, 0.5), (4.0, 4.0, 1.1, 1e-3)]


def stepped(p: float, m: float, length: float, eta: float, small: float) -> tuple[int, Orbits]:
    """The first orbit of pushes below `small`, and the steps that it took."""
    for n in range(100_000):
        q, spread = length * (p - m) * (p + m) / 4, length * abs(p * m) / 2
        log_n = math.log(n) if n else -math.inf
        found = Orbits(*np.array([[math.log(eta * length)], [q], [spread], [log_n]]))
        if found.log_push[0] <= math.log(small):
            return n, found
        x = eta * length * math.exp(-q)
        p, m = p * (1 + x), m * (1 - x)
    raise AssertionError("still large")


def one_step(q: float, spread: float, x: float) -> tuple[float, float]:
    """The map itself."""
    rho = math.hypot(q, spread)
    return q + x * (2 * rho + x * q), spread * (1 - x * x)


@pytest.mark.parametrize(("q", "spread"), [(0.7, 1.1), (2.0, 0.0), (0.3, 3.0)])
def test_the_modified_flow_is_of_order_six(q, spread):
    """Ground truth: the map; what one unit of time leaves out falls like x^7."""
    off = []
    for x in (0.02, 0.01):
        log_tau = np.array([math.log(x) + q])

        def field(_, y, log_tau=log_tau):
            push, rho = np.exp(log_tau - y[:1]), np.hypot(*y)
            rise, fall = corrections(y[:1], rho, push)
            return push * np.concatenate([2 * rho + rise, fall * y[1:]])

        found = solve_ivp(field, (0, 1), [q, spread], rtol=1e-13, atol=1e-16, method="DOP853")
        want = one_step(q, spread, x)
        got = found.y[:, -1]
        off.append(np.abs(np.subtract(got, want)))
    assert 6.7 < np.log2(off[0][0] / off[1][0]) < 7.2
    assert off[0][1] == 0 if spread == 0 else 6.7 < np.log2(off[0][1] / off[1][1]) < 7.2


@pytest.mark.parametrize("spread", [0.0, 1.0, 30.0, 300.0])
@pytest.mark.parametrize(("low", "high"), [(40.0, 43.0), (60.0, 90.0), (1000.0, 1030.0)])
def test_waiting_times(spread, low, high):
    """Ground truth: adaptive quadrature of exp(q) / (2 tau rho), in units of its largest value."""
    if math.hypot(low, spread) < HIGH:
        pytest.skip("not late")
    tau = 0.3
    want, _ = quad(
        lambda q: math.exp(q - high) / (2 * tau * math.hypot(q, spread)),
        low,
        high,
        epsabs=0,
        epsrel=1e-13,
    )
    logs = [log_waiting(*np.array([[math.log(tau)], [q], [spread]]))[0][0] for q in (low, high)]
    assert relative_error(math.exp(logs[1] - high) - math.exp(logs[0] - high), want) < 1e-12
    since = np.array([math.log(want) + high])
    start = Orbits(*np.array([[math.log(tau)], [low], [spread], [-math.inf]]))
    assert relative_error(late_margin(start, since), [high]) < 1e-14


@pytest.mark.parametrize(("p", "m", "length", "eta"), STARTS)
def test_descent_against_decimals(p, m, length, eta):
    """Ground truth: 3,000 steps in 60 digits."""
    n, start = stepped(p, m, length, eta, module.SMALL)
    times = [n + 1, n + 7, n + 300, 3000]
    truth = iterates(p, m, length, eta, times)
    found = follow_orbits(start, np.log(np.array(times, float)), np.zeros(1, int), True)
    assert relative_error(found[0][0], [q for q, _ in truth]) < 4e-13
    assert relative_error(found[1][0], [spread for _, spread in truth]) < 4e-12


def test_order_of_the_hand_over():
    """Ground truth: 60 digits; the time is off like the fifth power of the push there."""
    p, m, length, eta = STARTS[0]
    ((want, _),) = iterates(p, m, length, eta, [1000], digits=30)
    off = []
    for small in (2.0**-3.5, 2.0**-4.5, 2.0**-5.5):
        _, start = stepped(p, m, length, eta, small)
        q, _, _ = follow_orbits(start, np.log([1000.0]), np.zeros(1, int), True)
        off.append(abs(float(q[0, 0]) - want))
    slopes = np.log2(np.array(off[:-1]) / off[1:])
    assert (slopes > 4).all(), slopes


@pytest.mark.parametrize("spread", [0.0, 2.0, 50.0])
def test_flow_to_the_end(spread):
    """Ground truth: the time at which the flow has a margin, by quadrature in pieces, at margins
    from 1 to 10,000."""
    tau, q0 = 0.2, 0.5
    start = Orbits(*np.array([[math.log(tau)], [q0], [spread], [-math.inf]]))
    levels = np.array([1.0, 5.0, 20.0, 39.0, 41.0, 80.0, 300.0, 10_000.0])
    logs = []
    for level in levels:
        low = max(q0, level - 60)
        part, _ = quad(
            lambda q, level=level: math.exp(q - level) / (2 * tau * math.hypot(q, spread)),
            low,
            level,
            epsabs=0,
            epsrel=1e-13,
            limit=200,
        )
        logs.append(math.log(part) + level)
    q, spreads, _ = follow_orbits(start, np.array(logs), np.zeros(1, int), False)
    assert relative_error(q[0], levels) < 2e-12
    assert relative_error(spreads[0], np.full(levels.size, spread)) < 1e-15


@pytest.mark.parametrize("discrete", [True, False])
def test_samples_do_not_depend_on_one_another(discrete):
    """Ground truth: times asked for one by one, and twenty orbits, whose paths are not
    remembered."""
    start = Orbits(*np.array([[math.log(0.01)], [0.5], [2.0], [-math.inf]]))
    many = Orbits(*np.repeat([[math.log(0.01)], [0.5], [2.0], [-math.inf]], 20, axis=1))
    logs, first = np.linspace(-1.0, 60.0, 40), np.zeros(1, int)
    together = follow_orbits(start, logs, first, discrete)
    some = [0, 5, 17, 39]
    apart = [follow_orbits(start, logs[[k]], first, discrete) for k in some]
    crowd = follow_orbits(many, logs, np.zeros(20, int), discrete)
    for part in (0, 1):
        assert relative_error(together[part][0, some], [one[part][0, 0] for one in apart]) < 1e-12
        assert relative_error(crowd[part], np.repeat(together[part], 20, axis=0)) < 1e-15
    assert (np.diff(together[0][0]) > 0).all()
