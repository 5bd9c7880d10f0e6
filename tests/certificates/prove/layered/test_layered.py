"""Both layers trained: certificates against brute force in 400-bit balls, and the expected law."""

from __future__ import annotations

import itertools
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

import latephase as lp
from helpers import shares
from latephase.certificates import certify
from latephase.certificates.file.record import record
from latephase.certificates.prove.layered.growth import Growth
from latephase.certificates.prove.proof import CERTIFICATE_CLAIMS
from latephase.core.balls import arb, bounds, exact, integral, precision
from samples.certificates import LAYERED

POINTS = [(1, -1), (-1, 1), (2, -0.5), (3, -1), (2, -2), (-1.5, 2), (3, -1 / 3), (5, -0.25)]
STEPS = (0, 1, 2, 3, 5, 8, 13, 21, 55, 144, 400, 700, 1000, 2000, 3000)
BITS, ROUNDS, SEEDS = 400, 40, 8
ROOM = Fraction(1, 10**60)


class BruteForce:
    """Two neurons on (x1, +1), (x2, -1) by the definition of gradient descent on (w, b, v)."""

    def __init__(self, network, data, step_size, loss):
        order = sorted((0, 1), key=lambda j: -network.output_weights[j])
        columns = network.weights[:, 0], network.biases, network.output_weights
        self.w, self.b, self.v = ([exact(float(c[j])) for j in order] for c in columns)
        pairs = zip(data.labels, data.inputs[:, 0], strict=True)
        self.x = [exact(float(x)) for _, x in sorted(pairs, reverse=True)]
        self.eta, self.loss = exact(float(step_size)), loss

    def preactivations(self):
        return [[self.w[j] * x + self.b[j] for x in self.x] for j in (0, 1)]

    def step(self):
        a = self.preactivations()
        on = [[_positive(a[j][i]) for i in (0, 1)] for j in (0, 1)]
        w, b, v = self.w[:], self.b[:], self.v[:]
        for i, y in ((0, 1), (1, -1)):
            output = sum((self.v[j] * a[j][i] for j in (0, 1) if on[j][i]), arb(0))
            slope = (-y * output).exp()
            if self.loss == "logistic":
                slope = slope / (1 + slope)
            for j in (0, 1):
                if on[j][i]:
                    w[j] += self.eta * slope * y * self.v[j] * self.x[i]
                    b[j] += self.eta * slope * y * self.v[j]
                    v[j] += self.eta * slope * y * a[j][i]
        self.w, self.b, self.v = w, b, v

    def deficit(self):
        """By walking the pieces of N, on the exact midpoints; good to far beyond 40 digits."""
        w, b, v, x = ([_middle(p) for p in row] for row in (self.w, self.b, self.v, self.x))

        def n(z):
            return sum(v[j] * max(w[j] * z + b[j], Fraction(0)) for j in (0, 1))

        optimal = abs(x[0] - x[1]) / 2
        if n(x[0]) <= 0 or n(x[1]) >= 0:
            return optimal
        stops = sorted({-b[j] / w[j] for j in (0, 1) if w[j]} | set(x))
        stops = [stops[0] - 1, *stops, stops[-1] + 1]
        zeros = [z for z in stops if n(z) == 0]
        for left, right in itertools.pairwise(stops):
            at_left, at_right = n(left), n(right)
            if at_left * at_right < 0:
                zeros.append(left + (right - left) * at_left / (at_left - at_right))
        for end, side in ((stops[0], -1), (stops[-1], 1)):
            slope = n(end + side) - n(end)
            if slope and n(end) / slope < 0:
                zeros.append(end - side * n(end) / slope)
        return optimal - min(abs(z - p) for z in zeros for p in x)


def _positive(a):
    if a > 0:
        return True
    if a <= 0:
        return False
    raise ArithmeticError("a sign that 400 bits do not decide")


def _middle(ball):
    return sum(bounds(ball), Fraction(0)) / 2


def drawn(rng):
    """A random problem of every kind: steps, scales, output weights, labels, losses."""
    points = POINTS[rng.integers(len(POINTS))]
    step_size = float(10 ** rng.uniform(-1.7, -0.3))
    scale, outer = rng.choice([0.1, 0.7, 1.5, 3.0]), rng.choice([0.1, 0.7, 1.5, 3.0])
    weights, biases = rng.normal(size=(2, 2)) * scale
    outputs = rng.normal(size=2) * outer
    kind = rng.integers(8)
    if kind < 4:  # the regime that has a tail, from the start
        x = np.array(points)
        towards = np.sign(x) * np.abs(weights)
        weights, biases = towards, np.abs(biases) * 0.3
        outputs = np.abs(outputs) * [1, -1]
    elif kind == 4:
        biases = np.zeros(2)
    elif kind == 5:
        weights[1], biases[1] = weights[0], biases[0]
    network = lp.ShallowReLU(weights, biases, outputs, train_output=True)
    data = lp.Dataset(points, [1, -1] if rng.integers(4) else [-1, 1])
    return (
        network,
        data,
        lp.GradientDescent(step_size),
        str(rng.choice(["exponential", "logistic"])),
    )


def inside(interval, truth, room=ROOM):
    """Whether a rational lies in a pair of decimals (truth is good to far more than its room)."""
    lower, upper = map(Fraction, interval)
    slack = room * max(abs(truth), 1)
    return lower - slack <= truth <= upper + slack


def check(network, data, method, loss, steps=STEPS):
    """Compare one certificate with brute force at some steps: (checks done, its regime, late)."""
    found = certify(network, data, method, loss=loss, max_steps=4000)
    if found.proof is None:
        return 0, found.reason, 0
    checks, late, base = 0, 0, found.proof.arrival.state.time
    with precision(BITS):
        truth = BruteForce(network, data, method.step_size, loss)
        for step in range(steps[-1] + 1):
            if step in steps:
                a, got = truth.preactivations(), found.preactivations(step)
                for j, i in np.ndindex(2, 2):
                    assert inside(got[j][i], _middle(a[j][i])), (step, j, i, found)
                for interval, v in zip(found.output_weights(step), truth.v, strict=True):
                    assert inside(interval, _middle(v)), (step, found)
                assert inside(found.deficit(step), truth.deficit()), (step, found)
                checks, late = checks + 7, late + 7 * (step > base)
            try:
                truth.step()
            except ArithmeticError:  # steps so large that 400 bits are soon lost
                break
    return checks, found.regime.name, late


@pytest.mark.parametrize("seed", shares(SEEDS))
def test_brute_force_lies_inside_everywhere(seed):
    """Ground truth: 400-bit brute force of random runs; thousands of enclosures must hold it."""
    rng, checks, late, regimes = np.random.default_rng(20261130 + seed), 0, 0, set()
    for _ in range(ROUNDS):
        done, regime, after = check(*drawn(rng))
        checks, late = checks + done, late + after
        regimes.add(regime)
    assert checks > 1000
    assert late > 300
    assert {"specialised", "one_dead"} <= regimes


def run(name, **options):
    inputs, weights, biases, outputs, step, loss = LAYERED[name]
    network = lp.ShallowReLU(weights, biases, outputs, train_output=True)
    problem = network, lp.Dataset(inputs, [1, -1]), lp.GradientDescent(step)
    return certify(*problem, **{"loss": loss, **options})


SPECIALISED = [name for name in LAYERED if not name.endswith("dead")]


@pytest.mark.parametrize("name", SPECIALISED)
def test_brute_force_lies_inside_late(name):
    """Ground truth: 20,000 steps of brute force in 400-bit balls, far into the tail."""
    inputs, weights, biases, outputs, step, loss = LAYERED[name]
    network = lp.ShallowReLU(weights, biases, outputs, train_output=True)
    done = check(
        network, lp.Dataset(inputs, [1, -1]), lp.GradientDescent(step), loss, (1500, 6000, 20_000)
    )
    assert done == (21, "specialised", 21)


@pytest.mark.parametrize("name", ["frozen", "frozen, logistic", "sinking", "unequal"])
def test_every_step_keeps_to_the_sandwich(name):
    """Ground truth: the exact maps q <- q + 2 x rho + x^2 q, d <- d (1 - x^2), 3,000 steps."""
    found = run(name)
    growth = found.proof.tail.growths[0]
    with precision(BITS):
        q, d, tau = growth.start.mid(), growth.lean.mid(), growth.tau
        kept = abs(d) * growth.kept
        for n in range(1, 3001):
            x = tau / (q.exp() + growth.plus)
            rho = (q * q + d * d).sqrt()
            step = 2 * x * rho + x * x * q
            assert not step > growth.stride
            q, d = q + step, d * (1 - x * x)
            assert not abs(d) < kept
            assert not abs(d) > abs(growth.lean)
            if n % 500 == 0:
                margin = growth.margin(exact(n))
                assert margin.lower() <= q <= margin.upper()
                assert margin.rad() < 1e-2


@pytest.mark.parametrize("plus", [0, 1])
@pytest.mark.parametrize("lean", [0.0, 0.3, -4.0, 90.0])
@pytest.mark.parametrize("start", [2.5, 7.0, 40.0])
@pytest.mark.parametrize("rise", [1e-3, 1.0, 6.0, 60.0, 1500.0])
def test_integral_of_the_growth(start, lean, rise, plus):
    """Ground truth: Arb's quadrature of the same, which knows no Legendre polynomials."""
    with precision(192):
        d, top = exact(lean), exact(start) + exact(rise)
        growth = Growth(exact(1.5), exact(2.0**-30), plus, exact(start), d, 0)
        got = growth.integral(top)

        def density(s, analytic):
            return ((s - top).exp() + plus * (-top).exp()) * (s * s + d * d).rsqrt(
                analytic=analytic
            )

        truth = integral(density, exact(start), top) * top.exp()
        assert got.overlaps(truth)
        assert got.rad() < abs(truth) * (1e-9 if rise >= 1 else 1e-6)


def test_constant_on_the_points_one_and_minus_one():
    """Ground truth: docs/theory.md, section 11: C = (a21 - a12)/2^(5/4), wrong sides at rest."""
    found = run("frozen")
    (_, (low12, _)), ((low21, _), _) = found.preactivations(10**6)
    with precision(128):
        lower, upper = (Fraction(end) for end in found.constant)
        expected = (exact(Fraction(low21)) - exact(Fraction(low12))) / exact(2**5).root(4)
        assert abs(expected - exact(lower)) < 1e-30
    assert upper - lower < Fraction(1, 10**30)


@pytest.mark.parametrize("name", SPECIALISED)
def test_rate_holds_at_every_time(name):
    """Ground truth: the enclosures of x* at single times, which do not use the rate."""
    found = run(name)
    limit, first = found.limit_boundary, found.rate[2]
    for start in (first, "1e1000"):
        lower, upper, since, clock = found.rate_from(start)
        assert clock == "sqrt(ln t)"
        assert 0 < lower <= upper
        log = lp.LogTime.parse(since).log
        for factor in (1.0001, 1.3, 2, 10, 1000):
            time = lp.LogTime.from_log(log * factor)
            low, high = (end - limit[0] for end in found.boundary(time))
            least, most = sorted((abs(low), abs(high)))
            root = Decimal(time.log).sqrt()
            assert most * root >= lower * (1 - Decimal("1e-15")), time
            assert least * root <= upper * (1 + Decimal("1e-15")), time


@pytest.mark.parametrize("name", ["frozen", "frozen, logistic", "turned", "unequal"])
def test_rate_holds_at_every_step_of_brute_force(name):
    """Ground truth: x* of 400-bit brute force, at every step from the rate's own first one on."""
    inputs, weights, biases, outputs, step, loss = LAYERED[name]
    network = lp.ShallowReLU(weights, biases, outputs, train_output=True)
    data = lp.Dataset(inputs, [1, -1])
    found = certify(network, data, lp.GradientDescent(step), loss=loss)
    lower, upper, since, _ = found.rate
    first = int(since.value)
    assert first < 5000
    limit = found.system.limit_boundary
    with precision(BITS):
        truth, least, most = BruteForce(network, data, step, loss), *map(Fraction, (lower, upper))
        for t in range(first + 2000):
            if t >= first:
                slope = truth.v[0] * truth.w[0] + truth.v[1] * truth.w[1]
                offset = truth.v[0] * truth.b[0] + truth.v[1] * truth.b[1]
                scaled = abs(-offset / slope - exact(limit)) * exact(t).log().sqrt()
                assert exact(least) <= scaled <= exact(most), t
            truth.step()


@pytest.mark.parametrize("name", SPECIALISED)
def test_the_bounds_close_in_on_the_constant(name):
    """Ground truth: the exponent is 1/2 only if both bounds tend to |C|; as 1/sqrt(ln t) or faster,
    as the next terms do: ten times nearer at a hundred times the logarithm."""
    found = run(name)
    size = min(abs(end) for end in found.constant)
    widths = []
    for log in (1e3, 1e5, 1e7):
        lower, upper, _, _ = found.rate_from(lp.LogTime.from_log(log))
        assert lower <= size <= upper
        widths.append((upper - lower) / size)
    assert all(later < before / 5 for before, later in itertools.pairwise(widths)), widths


@pytest.mark.parametrize(("t", "width"), [("1e6", 3e-5), ("1e100", 1e-6), ("1e1000", 1e-7)])
def test_enclosures_are_narrow(t, width):
    """Ground truth: what docs/certificates.md says of them."""
    for name in ("frozen", "frozen, logistic", "sinking", "unequal"):
        lower, upper = run(name).deficit(t)
        assert 0 < lower < upper
        assert (upper - lower) / lower < width, name


@pytest.mark.parametrize("name", SPECIALISED)
def test_more_bits_overlap(name):
    """Ground truth: the same with four times the bits."""
    for t in ("0", "7", "1e6", "1e1000", "1e100000"):
        wide, narrow = run(name).deficit(t), run(name, bits=512).deficit(t)
        assert max(wide[0], narrow[0]) <= min(wide[1], narrow[1])


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["exponential", "logistic"])
@pytest.mark.parametrize("points", [(1, -1), (3, -1), (2, -0.5)])
def test_simulator_lies_inside(points, loss):
    """Ground truth: the float64 engine, a program that shares nothing with certify."""
    data, method, rng = (
        lp.Dataset(points, [1, -1]),
        lp.GradientDescent(0.05),
        np.random.default_rng(4),
    )
    times, proved = ["0", "3", "1000", "1e6", "1e100", "1e1000"], 0
    for _ in range(12):
        weights, biases, outputs = rng.normal(size=(3, 2))
        network = lp.ShallowReLU(weights, biases, np.abs(outputs) * [1, -1], train_output=True)
        found = certify(network, data, method, loss=loss)
        if found.proof is None or found.proof.tail is None:
            continue
        proved += 1
        seen = lp.simulate(network, data, method, until="1e1000", at=times, loss=loss)
        for k, t in enumerate(times):
            lower, upper = found.deficit(t)
            value = Decimal(float(seen.trajectory.margin_deficit[k]))
            room = Decimal(float(seen.trajectory.margin_error[k])) * 1000 + Decimal("1e-9")
            assert lower - room * upper <= value <= upper + room * upper, (t, found)
    assert proved >= 3


def test_every_claim_is_proved_or_refuted():
    """Ground truth: docs/certificates.md, "Both layers" and "Verdicts"."""
    true = {
        "frozen": {"settled", "trained", "optimal_margin", "slow", "specialised"},
        "sinking": {"settled", "trained", "specialised"},
        "one dead": {"settled", "one_dead"},
        "both dead": {"settled", "both_dead"},
    }
    for name, claims in true.items():
        for claim in CERTIFICATE_CLAIMS:
            expected = lp.Verdict.PROVED if claim in claims else lp.Verdict.REFUTED
            assert run(name, claim=claim).verdict is expected, (name, claim)


PM1, GD = lp.Dataset([1, -1], [1, -1]), lp.GradientDescent(0.1)
UNDECIDED = {
    "x1 x2 > -1": ([0.7, -0.4], [0.1, 0.2], [1, -1], [0.5, -0.8], GD, "x1 x2 > -1"),
    "flow": ([0.7, -0.4], [0.1, 0.2], [1, -1], [1, -1], lp.GradientFlow(), "flow"),
    "mirror": ([0.5, -0.5], [0.1, 0.1], [1, -1], [1, -1], GD, "exactly zero"),
    "no null parts": ([1, -1], [1, 1], [0.5, -1], [1, -1], GD, "exactly zero"),
    "one point": ([1, 0.5], [0, 0], [1, 0.5], [1, -1], GD, "both neurons serve one point"),
    "beyond balls": ([1e20, -1], [0, 0], [-1, -1], [1, -1], GD, "range of balls"),
    "large": ([1e10, -1e10], [0, 1], [1e10, -1e10], [1, -1], GD, "beyond 10^12"),
    "too long": (
        [1e-3, -1e-3],
        [0, 1e-4],
        [1e-3, -1e-3],
        [1, -1],
        lp.GradientDescent(1e-9),
        "budget",
    ),
}


@pytest.mark.parametrize("name", UNDECIDED)
def test_undecided_says_why_and_claims_nothing(name):
    """Ground truth: what docs/certificates.md says has no proof."""
    weights, biases, outputs, points, method, words = UNDECIDED[name]
    network = lp.ShallowReLU(weights, biases, outputs, train_output=True)
    found = certify(network, lp.Dataset(points, [1, -1]), method, max_steps=2000)
    assert found.verdict is lp.Verdict.UNDECIDED, found
    assert words in found.reason
    body = record(found)
    assert (body["claims"], body["path"], body["bits"]) == ([], [], None)
    assert lp.verify(body).valid


def test_labels_neurons_and_signs_may_come_in_any_order():
    """Ground truth: the same problem, written in another order and mirrored."""
    straight = run("frozen, logistic")
    loss = {"loss": "logistic"}
    swapped = certify(
        lp.ShallowReLU([-0.4, 0.7], [0.2, 0.1], [-0.5, 0.8], train_output=True),
        lp.Dataset([-1, 1], [-1, 1]), GD, **loss,
    )  # fmt: skip
    mirrored = certify(
        lp.ShallowReLU([-0.7, 0.4], [0.1, 0.2], [0.8, -0.5], train_output=True),
        lp.Dataset([-1, 1], [1, -1]), GD, **loss,
    )  # fmt: skip
    for other in (swapped, mirrored):
        assert other.deficit("1e50") == straight.deficit("1e50")
    assert swapped.constant == straight.constant
    assert mirrored.constant == tuple(end.copy_negate() for end in reversed(straight.constant))


def test_other_networks_are_refused():
    """Ground truth: the scope in docs/certificates.md."""
    kinds = {"train_output": True}
    others = [
        lp.ShallowReLU([1, 2], None, [1, -1], **kinds),
        lp.ShallowReLU([1, 2, 3], [0, 0, 0], [1, -1, 1], **kinds),
        lp.ShallowReLU([1, 2], [0, 0], [1, -1], negative_slope=0.1, **kinds),
        lp.ShallowReLU([1, 2], [0, 0], [1, -1], output_bias=0.5, **kinds),
    ]
    for network in others:
        with pytest.raises(lp.InputError):
            certify(network, PM1, GD)


def test_survivors_of_dead_neurons_are_followed_step_by_step():
    """Ground truth: the margin is 0; beyond the budget it is said."""
    found = run("one dead")
    assert found.deficit("1e1000") == (Decimal(1), Decimal(1))
    assert found.boundary("1e1000") is None
    assert found.preactivations(200)[0][0][0] > 1
    with pytest.raises(lp.InputError, match="survivor"):
        found.preactivations("1e9")
    assert run("both dead").output_weights("1e9") == ((Decimal(1),) * 2, (Decimal(-1),) * 2)
