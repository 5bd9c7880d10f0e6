"""Certificates against brute force in 400-bit balls, the simulator, and closed forms."""

from __future__ import annotations

import itertools
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from flint import ctx

import latephase as lp
from helpers import shares
from latephase.certificates import certify
from latephase.core.balls import bounds, exact, precision

POINTS = [(1, -1), (-1, 1), (2, -0.5), (3, -1), (2, -2), (-1.5, 2), (0.5, -0.5), (0.5, -0.8)]
POINTS += [(1, 3), (-0.3, 0.4), (3, -1 / 3), (5, -0.2), (0, 2), (1e-3, -1e3), (0.4, 3), (2, 0.5)]
STEPS = (0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144)
BITS = 400
ROUNDS, SEEDS = 230, 8
_TINY, _HUGE = exact(Fraction(1, 2**20000)), exact(2**10000)


class BruteForce:
    """Two neurons on (x1, +1), (x2, -1) by the definition of gradient descent, in 400-bit balls."""

    def __init__(self, network, data, step_size):
        flip = network.output_weights[0] < 0
        order = [1, 0] if flip else [0, 1]
        self.w = [exact(float(network.weights[j, 0])) for j in order]
        self.b = [exact(float(network.biases[j])) for j in order]
        pairs = zip(data.labels, data.inputs[:, 0], strict=True)
        self.x = [exact(float(x)) for _, x in sorted(pairs, reverse=True)]
        self.eta = exact(float(step_size))

    def preactivations(self):
        return [[self.w[j] * x + self.b[j] for x in self.x] for j in (0, 1)]

    def step(self):
        a = self.preactivations()
        active = [[self._positive(a[j][i]) for i in (0, 1)] for j in (0, 1)]
        for i, y in ((0, 1), (1, -1)):
            if not (active[0][i] or active[1][i]):
                continue
            output = (a[0][i] if active[0][i] else 0) - (a[1][i] if active[1][i] else 0)
            pull = self.eta * (-y * output).exp() * y
            for j, v in ((0, 1), (1, -1)):
                if active[j][i]:
                    self.w[j], self.b[j] = self.w[j] + v * pull * self.x[i], self.b[j] + v * pull

    @staticmethod
    def _positive(a):
        if a > 0:
            return True
        if a <= 0:
            return False
        raise ArithmeticError("a sign that 400 bits do not decide")

    def deficit(self):
        """By walking the pieces of N, on the exact midpoints; good to far beyond 40 digits."""
        (w1, w2), (b1, b2) = ([_middle(p) for p in row] for row in (self.w, self.b))
        x = [_middle(p) for p in self.x]

        def n(z):
            return max(w1 * z + b1, Fraction(0)) - max(w2 * z + b2, Fraction(0))

        optimal = abs(x[0] - x[1]) / 2
        if n(x[0]) <= 0 or n(x[1]) >= 0:
            return optimal
        kinks = sorted({-b / w for w, b in ((w1, b1), (w2, b2)) if w})
        stops = sorted({*kinks, *x})
        zeros = [z for z in stops if n(z) == 0]
        for left, right in itertools.pairwise(stops):
            at_left, at_right = n(left), n(right)
            if at_left * at_right < 0:
                zeros.append(left + (right - left) * at_left / (at_left - at_right))
        zeros += [_outside(n, stops[0], -1), _outside(n, stops[-1], 1)]
        return optimal - min(abs(z - p) for z in zeros if z is not None for p in x)


def _middle(ball):
    """The midpoint as a fraction; 0 for what is below 2^-20000, which would fill the memory."""
    return _fraction(ball) if abs(ball) > _TINY else Fraction(0)


def _fraction(ball):
    return sum(bounds(ball), Fraction(0)) / 2


def _outside(n, end, side):
    """The zero of N beyond the last stop, None if there is none."""
    slope = n(end + side) - n(end)
    return end - side * n(end) / slope if slope and n(end) / slope < 0 else None


def drawn(rng):
    """A random problem: points, step size, scale, zero biases, exact zeros, equal neurons."""
    x1, x2 = POINTS[rng.integers(len(POINTS))]
    step_size = float(10 ** rng.uniform(-3, np.log10(2)))
    scale = float(rng.choice([0.1, 1.0, 5.0, 25.0]))
    weights, biases = rng.normal(size=(2, 2)) * scale
    kind = rng.integers(10)
    if kind == 0:
        biases = np.zeros(2)
    elif kind == 1:
        weights[1], biases[1] = weights[0], biases[0]
    elif kind == 2:
        weights[0] = 0.0
    elif kind == 3:
        biases[0] = 1e-300
    # a pre-activation beyond 50 in size is scaled back
    size = np.abs(np.outer(weights, [x1, x2]) + biases[:, None]).max()
    factor = min(1.0, 50.0 / size) if size else 1.0
    outer = [1, -1] if rng.integers(2) else [-1, 1]
    labels = [1, -1] if rng.integers(2) else [-1, 1]
    network = lp.ShallowReLU(weights * factor, biases * factor, outer)
    return network, lp.Dataset([x1, x2], labels), lp.GradientDescent(step_size)


def inside(interval, truth, slack=Fraction(1, 10**60)):
    """Whether a rational lies in a pair of decimals (truth is good to far more than its slack)."""
    lower, upper = (Fraction(end) if end.adjusted() > -5000 else 0 for end in interval)
    room = slack * max(abs(truth), 1)
    return lower - room <= truth <= upper + room


def writable(ball):
    """Whether a number can be written out as a fraction; some runs leap beyond e^(10^6)."""
    return abs(ball) < _HUGE


def check(network, data, method):
    """Compare one certificate with brute force at STEPS; returns (checks done, its regime)."""
    with precision(128):
        found = certify(network, data, method, max_steps=3000)
    if found.proof is None:
        return 0, None
    checks = 0
    with precision(BITS):
        truth = BruteForce(network, data, method.step_size)
        for step in range(STEPS[-1] + 1):
            if step in STEPS:
                got, a = found.preactivations(step), truth.preactivations()
                if not all(writable(p) for row in a for p in row):
                    break
                for j, i in np.ndindex(2, 2):
                    assert inside(got[j][i], _middle(a[j][i])), (step, j, i, got, found)
                assert inside(found.deficit(step), truth.deficit()), (step, found)
                checks += 5
            try:
                truth.step()
            except ArithmeticError:
                break
            if not all(p.is_finite() for p in truth.w):
                break
    return checks, found.regime


@pytest.mark.parametrize("seed", shares(SEEDS))
def test_brute_force_lies_inside_everywhere(seed):
    """Ground truth: 400-bit brute force of random runs; 10^5 enclosures in all must hold it."""
    rng = np.random.default_rng(20261125 + seed)
    checks, regimes = 0, set()
    for _ in range(ROUNDS):
        done, regime = check(*drawn(rng))
        checks += done
        regimes.add(regime)
    assert checks >= 100_000 / SEEDS * 0.9, checks
    assert {r.name for r in regimes if r} == {
        "specialised", "one_dead", "both_dead", "double_slide", "single_slide"
    }  # fmt: skip


SLOW = {  # entered only after hundreds or thousands of steps to and fro
    "soon": ([-1.05, -0.61], [-0.77, 0.95], [-0.59, 1.8546384185373535], [1, -1], 0.3),
    "late": ([1.54, 1.116], [0.85, 2.2], [1.047, 0.286], [-1, 1], 0.05),
    "later": ([1.651, 2.554], [0.9, 1.1929415638513718], [0.0, 0.0], [1, -1], 0.01),
}


@pytest.mark.parametrize("name", SLOW)
def test_times_before_a_slow_entry_are_enclosed(name):
    """Ground truth: 500 steps of brute force in 400-bit balls; all later steps are known alike."""
    points, weights, biases, outputs, step_size = SLOW[name]
    data, method = lp.Dataset(points, [1, -1]), lp.GradientDescent(step_size)
    network = lp.ShallowReLU(weights, biases, outputs)
    found = certify(network, data, method)
    with precision(BITS):
        truth = BruteForce(network, data, step_size)
        for step in range(501):
            if step in (100, 300, 500):
                lower, upper = found.deficit(step)
                assert inside((lower, upper), truth.deficit())
                assert upper - lower < Decimal("1e-30")
            truth.step()
    for low, high in itertools.chain(*found.preactivations(found.entry_step - 1)):
        assert high - low < Decimal("1e-30")


RUNS = {
    "specialised": ([1, -1], [0.7, -0.4], [0.1, 0.2]),
    "sinking": ([3, -1], [0.7, -0.4], [0.1, 0.2]),
    "landed": ([1, -1], [0.3, -0.2], [1.0, 0.9]),
    "same constant": ([1, -1], [1.0, -1.5], [0.5, 1.0]),  # C = 0
    "uneven": ([2, -0.5], [1.0, -2.0], [0.0, 0.0]),
    "double slide": ([0.5, -0.5], [0.7, -0.4], [0.1, 0.2]),
    "uneven slide": ([0.5, -0.8], [0.7, -0.4], [0.1, 0.2]),
    "single slide": ([1, 2], [0.1, 0.3], [0.2, 0.1]),
    "mirrored": ([3, 0.2], [0.1, 0.3], [0.2, 0.1]),
    "half slide": ([-0.85, 1.05], [-1.5, -0.7], [0.0, 1.2]),
    "falling hold": ([-1.33, 0.12], [-1.1, -0.6], [0.1, 0.5]),
    "kicked": ([0.5, -0.5], [0.7, 0.4], [0.1, 0.2]),
}


def problem(name, step_size=0.1):
    points, weights, biases = RUNS[name]
    data = lp.Dataset(points, [1, -1])
    return lp.ShallowReLU(weights, biases), data, lp.GradientDescent(step_size)


@pytest.mark.parametrize("name", RUNS)
def test_brute_force_lies_inside_late(name):
    """Ground truth: 20,000 steps of brute force in 400-bit balls, far into the tail."""
    network, data, method = problem(name)
    found = certify(network, data, method)
    assert found.verdict is lp.Verdict.PROVED
    with precision(BITS):
        truth = BruteForce(network, data, method.step_size)
        for _ in range(20_000):
            truth.step()
        a = truth.preactivations()
    got = found.preactivations(20_000)
    assert all(inside(got[j][i], _middle(a[j][i])) for j, i in np.ndindex(2, 2))
    assert inside(found.deficit(20_000), truth.deficit())


@pytest.mark.parametrize("name", ["specialised", "sinking", "landed", "same constant", "uneven"])
@pytest.mark.parametrize("t", ["1e6", "1e100", "1e1000"])
def test_enclosures_are_narrow(name, t):
    """Ground truth: the demanded relative width of 1e-12, at the default precision."""
    lower, upper = certify(*problem(name)).deficit(t)
    assert 0 < lower <= upper
    assert (upper - lower) / lower <= Decimal("1e-12")


@pytest.mark.parametrize("name", RUNS)
def test_more_bits_give_an_enclosure_inside(name):
    """Ground truth: the same with four times the bits, and so another series and another start."""
    for t in ("0", "7", "1e6", "1e1000"):
        wide = certify(*problem(name)).deficit(t)
        narrow = certify(*problem(name), bits=512).deficit(t)
        if "sl" not in name and name not in ("mirrored", "falling hold"):  # whose width is rounding
            assert wide[0] <= narrow[0] <= narrow[1] <= wide[1]
        assert max(wide[0], narrow[0]) <= min(wide[1], narrow[1])


@pytest.mark.slow
@pytest.mark.parametrize(
    "points", [(1, -1), (3, -1), (2, -0.5), (0.5, -0.5), (0.5, -0.8), (0.4, 3)]
)
@pytest.mark.parametrize("name", ["he_normal", "standard_normal"])
def test_simulator_lies_inside(points, name):
    """Ground truth: the float64 fast-forward, a program that shares nothing with certify."""
    data, method, trials = lp.Dataset(points, [1, -1]), lp.GradientDescent(0.1), 60
    times = ["0", "3", "1000", "1e6", "1e100", "1e1000"]
    made = getattr(lp.initializers, name)
    found = lp.ensemble(made, data, method, trials=trials, seed=5, until="1e1000", at=times)
    weights, biases = made(trials=trials, seed=5)
    for i in range(trials):
        proved = certify(lp.ShallowReLU(weights[i], biases[i]), data, method)
        if proved.proof is None:
            continue
        assert proved.regime.name == found.regime.values[i]
        for k, t in enumerate(times):
            lower, upper = proved.deficit(t)
            value = Decimal(float(found.margin_deficit[i, k]))
            error = Decimal(float(found.error[i, k])) * 1000 + Decimal("1e-12")
            room = error * max(upper, Decimal("1e-3") * Decimal(float(data.optimal_margin)))
            assert lower - room <= value <= upper + room, (i, t)


def test_slide_is_faster_than_one_over_t():
    """Ground truth: theory.md, section 3: on symmetric points |x| < 1 the rate is not 1/ln t."""
    found = certify(*problem("double slide"))
    lower, upper, since, clock = found.rate
    assert found.constant == (0, 0)
    assert (clock, lower) == ("t", 0)
    for t in (20_000, 10**6, 10**9):
        assert t >= since.value
        assert found.deficit(t)[1] * t <= upper


@pytest.mark.parametrize(
    "name", ["specialised", "landed", "uneven", "sinking", "uneven slide", "mirrored"]
)
def test_rate_holds_at_every_time(name):
    """Ground truth: the enclosures of x* at single times, which do not use the rate."""
    found = certify(*problem(name))
    lower, upper, since, clock = found.rate
    limit = found.limit_boundary
    for t in (since.value, 10 * since.value, "1e9", "1e100", "1e1000"):
        time = lp.LogTime.parse(t)
        low, high = (end - limit[0] for end in found.boundary(t))
        assert clock == "ln t"
        least, most = sorted((abs(low), abs(high)))
        assert most * Decimal(time.log) >= lower * (1 - Decimal("1e-15"))
        assert least * Decimal(time.log) <= upper * (1 + Decimal("1e-15"))


def test_precision_is_left_as_it_was():
    """Ground truth: the process-wide precision before."""
    before = ctx.prec
    certify(*problem("specialised")).deficit("1e100")
    with pytest.raises(lp.InputError):
        certify(*problem("specialised"), claim="nothing")
    assert ctx.prec == before


def test_balls_of_the_initial_state_are_points():
    """Ground truth: exact rational arithmetic on the given doubles."""
    found = certify(*problem("uneven"))
    for interval, truth in zip(found.preactivations(0)[0], (2.0, -0.5), strict=True):
        assert interval == (Decimal(truth), Decimal(truth))
