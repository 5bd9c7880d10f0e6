"""Proofs of networks that have settled, against runs, limits and margins found otherwise."""

from __future__ import annotations

import itertools
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

import latephase as lp
from helpers import relative_error, shares
from latephase.certificates import certify
from latephase.certificates.check.settled.claims import SettledCheck
from latephase.certificates.check.settled.margin import Shape
from latephase.certificates.check.settled.path import GeneralPath, GeneralProblem
from latephase.certificates.prove.settled import law
from latephase.certificates.prove.settled.feet import BallNetwork, margin, nearest
from latephase.certificates.prove.settled.gradients import Gradients
from latephase.certificates.prove.settled.limit import limit
from latephase.certificates.prove.settled.proof import prove_settled
from latephase.certificates.prove.settled.system import GeneralSystem
from latephase.core.balls import arb, bounds, precision
from references.ball_descent import ball_descend
from references.problems import problems
from samples.certificates import KICKED, SETTLED, SLIDES, described, general, settled

BITS = 400
LATER = (0, 1, 7, 100, 1500)  # steps from base on
MOVING = [run for run in SETTLED if run not in ("nothing moves", "idle")]


class Steps:
    """Gradient descent by its definition, in 400-bit balls, one parameter after another."""

    def __init__(self, run: str) -> None:
        inputs, self.labels, weights, biases, outputs, step, more = described(run)
        rows = [np.atleast_1d(np.asarray(x, float)) for x in inputs]
        one = [] if biases is None else [1.0]
        self.z = [[arb(float(x)) for x in [*row, *one]] for row in rows]
        theta = [
            [*np.atleast_1d(w), *(biases[j : j + 1] if one else [])] for j, w in enumerate(weights)
        ]
        self.theta = [[arb(float(x)) for x in row] for row in theta]
        self.v, self.eta = [arb(float(v)) for v in outputs], arb(float(step))
        self.slope, self.plus = arb(more.get("negative_slope", 0.0)), more.get("loss") == "logistic"

    def preactivations(self) -> list[list[arb]]:
        return [[sum((a * b for a, b in zip(t, z)), arb(0)) for z in self.z] for t in self.theta]

    def margins(self) -> list[arb]:
        a = self.preactivations()
        gains = [[1 if self.positive(x) else self.slope for x in row] for row in a]
        pairs = list(enumerate(self.labels))
        return [
            y * sum((v * g[i] * r[i] for v, g, r in zip(self.v, gains, a)), arb(0))
            for i, y in pairs
        ]

    @staticmethod
    def positive(x: arb) -> bool:
        assert x > 0 or x <= 0, "a sign that 400 bits do not decide"
        return bool(x > 0)

    def step(self) -> None:
        pulls = [
            self.eta / (u.exp() + 1) if self.plus else self.eta * (-u).exp() for u in self.margins()
        ]
        a = self.preactivations()
        for j, row in enumerate(self.theta):
            for i, z in enumerate(self.z):
                share = self.v[j] * self.labels[i] * pulls[i]
                share = share if self.positive(a[j][i]) else share * self.slope
                row[:] = [t + share * x for t, x in zip(row, z)]


@pytest.mark.parametrize("run", [*SETTLED, *KICKED])
def test_every_later_step_is_inside(run):
    """Ground truth: the run itself, step by step, in 400-bit balls."""
    found = general(run)
    held = found.proof.settled
    with precision(BITS):
        steps = Steps(run)
        for _ in range(held.base):
            steps.step()
        done = 0
        for later in LATER:
            for _ in range(later - done):
                steps.step()
            done = later
            when = held.at(arb(held.base + later))
            a = steps.preactivations()
            for j, i in np.ndindex(len(a), len(a[0])):
                assert (j, i) in held.kinks or bool(a[j][i] > 0) == held.signs[j][i]
            for (j, i), up, low in zip(held.kinks, *held.held.bands, strict=True):
                late = 1 if run in KICKED and a[j][i] <= 0 else when.late
                assert -low <= a[j][i] / late <= up
            for u, inside in zip(steps.margins(), held.margins_in(when), strict=True):
                assert inside.contains(u)
            rows = held.parameters_in(when)
            for row, inside in zip(steps.theta, rows, strict=True):
                assert all(x.contains(y) for x, y in zip(inside, row, strict=True))


@pytest.mark.parametrize("loss", ["exponential", "logistic"])
def test_the_sums_of_losses_of_the_rest_are_between_fill_and_spill(loss, monkeypatch):
    """Ground truth: the sums themselves, in 400-bit balls: S_k of docs/certificates-general.md."""
    monkeypatch.setitem(SETTLED, "rest", (*SETTLED["a point at rest"][:-1], {"loss": loss}))
    proof, body = general("rest").proof.settled, settled("rest")
    with precision(256):
        check = SettledCheck(GeneralPath(GeneralProblem(body["problem"]), proof.base), body)
        check.whole()
        assert list(check.faults()) == []
    (k,) = proof.limit.rest
    with precision(BITS):
        steps, lost = Steps("rest"), arb(0)
        for _ in range(proof.base):
            steps.step()
        for n in range(1, 3001):
            u = steps.margins()[k]
            lost = lost + (steps.eta / (u.exp() + 1) if steps.plus else steps.eta * (-u).exp())
            steps.step()
            if n in (1, 100, 3000):
                gap = arb(proof.limit.margins[k]) - 1
                share = 1 - ((proof.held.sigma / (proof.held.sigma + n)).log() * gap).exp()
                for fill in proof.held.fill[k], check.late.fill[0]:
                    assert fill * share <= lost
                    assert lost <= fill * share * 1.2  # twice the fill would be above it
                assert lost <= proof.held.spill[k]


@pytest.mark.parametrize("run", SLIDES)
def test_kinks_slide_for_ever(run):
    """Ground truth: the run itself in 400-bit balls: each kink is crossed again and again, is on as
    often as its multiplier in the limit says, and is never as far off as its bands."""
    held = general(run).proof.settled
    assert len(held.kinks) == SLIDES[run]
    with precision(BITS):
        steps = Steps(run)
        for _ in range(held.base):
            steps.step()
        count, on, crossed = 1000, [0] * len(held.kinks), [0] * len(held.kinks)
        before, largest = None, [[0.0, 0.0] for _ in held.kinks]
        for n in range(count):
            a = steps.preactivations()
            now = [a[j][i] for j, i in held.kinks]
            signs = [bool(r > 0) for r in now]
            for k, (r, s) in enumerate(zip(now, signs, strict=True)):
                on[k] += s
                crossed[k] += before is not None and before[k] != s
                bound = held.held.bands[0 if s else 1][k]
                share = float(abs(r) * (held.held.sigma + n) / bound)
                largest[k][0 if s else 1] = max(largest[k][0 if s else 1], share)
            before = signs
            steps.step()
    slope = float(held.strip.system.slope)
    assert min(crossed) >= 10
    assert all(0.2 < share <= 1 for pair in largest for share in pair), largest
    # An average of `count` steps: each kink is on its sides in turn.
    shares = [slope + (1 - slope) * x / count for x in on]
    for share, mu in zip(shares, _multipliers(held), strict=True):
        assert abs(share - mu) < 0.02


@pytest.mark.parametrize("run", KICKED)
def test_kicks_never_end(run):
    """Ground truth: the run itself in 400-bit balls: each kick throws a neuron back nearly as far
    as its band, it comes back, and all the while everything is within what is proved."""
    found = general(run)
    held = found.proof.settled
    assert found.trained is False
    assert held.geometry.gradients.kicked == list(range(len(held.kinks)))
    with precision(BITS):
        steps = Steps(run)
        for _ in range(held.base):
            steps.step()
        kicks, far = [0] * len(held.kinks), [0.0] * len(held.kinks)
        for t in range(held.base, 8 * held.base + 1000):
            a, when = steps.preactivations(), held.at(arb(t))
            for k, (j, i) in enumerate(held.kinks):
                up, low = held.held.bands.up[k], held.held.bands.low[k]
                assert -low <= a[j][i] <= up * when.late
                kicks[k] += bool(a[j][i] > 0)
                far[k] = max(far[k], float(-a[j][i] / low))
            margins = zip(steps.margins(), held.margins_in(when), strict=True)
            assert all(inside.contains(u) for u, inside in margins)
            steps.step()
    assert min(kicks) >= 3
    assert all(0.7 < x <= 1 for x in far), far


def _multipliers(held) -> list[float]:
    """mu_a, by floats: what keeps every q_a . w at 0."""
    g, weights = held.geometry.gradients, [float(arb(x)) for x in held.limit.multipliers]
    along = np.array([[float(arb(x)) for x in row] for row in g.along])
    own = np.array([[float(arb(x)) for x in row] for row in g.own])
    pulls = np.array([weights[p] * float(arb(c)) for c, (_, p) in zip(g.charges, g.kinks)])
    return list(np.linalg.solve(own * pulls, -np.array(weights) @ along))


@pytest.mark.parametrize("run", MOVING)
def test_bounds_are_narrow_late(run):
    """Ground truth: what is left open falls as a power of t."""
    found = general(run)
    widths = []
    for t in ("1e6", "1e100", "1e1000"):
        ends = [*found.margins(t), found.normalised_margin(t)]
        assert all(lower <= upper for lower, upper in ends)
        widths.append(max(upper - lower for lower, upper in ends))
    assert widths[1] < max(widths[0], 1e-30)  # of balls alone
    # at rest both times bound the same, in decimals that are rounded outwards
    floor = Decimal("1e-18" if run in SLIDES else "1e-30")  # the balls of kinks grow
    assert widths[2] <= max(widths[1], floor) * (1 + Decimal("1e-15"))
    assert widths[2] < 1e-3
    assert found.normalised_margin("1e1000")[0] <= found.normalised_limit[1]


@pytest.mark.slow
@pytest.mark.parametrize("run", [run for run in MOVING if run != "no biases"])
def test_the_law_is_that_of_the_run(run):
    """Ground truth: `simulate`, which shares no code with the proof."""
    inputs, labels, weights, biases, outputs, step, more = SETTLED[run]
    found, slope = general(run), more.get("negative_slope", 0.0)
    net = lp.ShallowReLU(weights, biases, outputs, negative_slope=slope)
    data, method = lp.Dataset(inputs, labels), lp.GradientDescent(step)
    loss = more.get("loss", "exponential")
    run_ = lp.simulate(net, data, method, until="1e1000", at=["1e100", "1e1000"], loss=loss)
    law = run_.law
    assert relative_error(float(found.limit_margin[0]), law.limit_margin) < 1e-9
    lower, upper = (float(x) for x in found.margin_constant)
    spare = 1e-6 * abs(lower)
    assert lower - spare <= law.margin_constant <= upper + spare
    for place, t in enumerate(("1e100", "1e1000")):
        lower, upper = (float(x) for x in found.robustness_margin(t))
        seen = float(run_.trajectory["robustness_margin"][place])
        assert lower * (1 - 1e-9) <= seen <= upper * (1 + 1e-9)
    for lower, upper, since in found.rates:
        for t in ("1e100", "1e1000"):
            if lp.LogTime.parse(t) >= since:
                away = (
                    law.limit_margin - float(run_.at(t)["robustness_margin"])
                ) * lp.LogTime.parse(t).log
                assert float(lower) - 1e-6 <= away <= float(upper) + 1e-6


@pytest.mark.parametrize("part", shares(6))
def test_random_networks_stay_inside(part):
    """Ground truth: other steps, in balls, on networks of eight strata and any size."""
    inside = 0
    for p in problems()[part::6]:
        if set(p.labels) != {-1.0, 1.0} or p.slope:
            continue
        net = lp.ShallowReLU(p.weights, p.biases, p.output_weights)
        system = GeneralSystem.of(
            net, lp.Dataset(p.inputs, p.labels), lp.GradientDescent(p.step_size), p.loss
        )
        try:
            held = prove_settled(system, 128, 256, 400, None).settled
        except lp.LatephaseError:
            continue
        times = [held.base, held.base + 1, held.base + 300]
        try:
            truth, _ = ball_descend(p, times)
        except (ArithmeticError, OverflowError):  # of the reference, whose balls are fewer
            continue
        with precision(256):
            for t, theta in zip(times, truth, strict=True):
                rows = held.parameters_in(held.at(arb(t)))
                pairs = zip((x for row in rows for x in row), theta.entries(), strict=True)
                assert all(enclosure.overlaps(x) for enclosure, x in pairs), (p.name, t)
        inside += 1
    assert inside >= 3


def nets(count: int, seed: int):
    """Networks of 1 to 3 features, some leaky or without biases, with all points on their sides."""
    rng = np.random.default_rng(seed)
    while count:
        m, n, d = rng.integers(2, 7), rng.integers(2, 5), rng.integers(1, 4)
        inputs, weights = rng.normal(size=(n, d)), rng.normal(size=(m, d))
        biases = None if rng.random() < 0.2 else rng.normal(size=m)
        slope = float(rng.choice([0, 0, 0.1]))
        net = lp.ShallowReLU(weights, biases, rng.normal(size=m), negative_slope=slope)
        labels = np.sign(net(inputs))
        if abs(labels.sum()) < n and labels.all():
            count -= 1
            yield net, lp.Dataset(inputs, labels)


def in_balls(net: lp.ShallowReLU) -> BallNetwork:
    rows = net.weights if net.biases is None else np.column_stack([net.weights, net.biases])
    balls = [[arb(float(x)) for x in row] for row in rows]
    outputs = [arb(float(v)) for v in net.output_weights]
    return BallNetwork(balls, outputs, arb(net.negative_slope), net.biases is not None)


def test_margins_are_those_of_the_exact_search():
    """Ground truth: `robustness_margin`, another search, exact on these doubles."""
    close, open_ = 0, 0
    for net, data in nets(120, 4):
        with precision(128):
            found = margin(in_balls(net), data.inputs, data.labels)
        if found is None:
            open_ += 1
            continue
        lower, upper = (float(x) for x in bounds(found))
        assert upper - lower <= 1e-20 * upper
        assert relative_error(lower, float(lp.robustness_margin(net, data))) < 1e-9
        close += 1
    assert close >= 100
    assert open_ <= 20  # without biases a zero may be where all kinks are


@pytest.mark.parametrize("radius", [1e-6, 1e-3, 1e-2])
def test_margins_of_wide_balls_are_those_of_every_network_inside(radius):
    """Ground truth: the exact search on networks in the balls, and the checker's own margin."""
    rng, enclosed = np.random.default_rng(9), 0
    for net, data in nets(60, 5):
        wide = in_balls(net)
        wide = replace(wide, rows=[[x + arb(0, radius) for x in row] for row in wide.rows])
        with precision(128):
            found = margin(wide, data.inputs, data.labels)
        if found is None:
            continue
        enclosed += 1
        lower, upper = bounds(found)
        assert lower >= 0
        for _ in range(3):
            off = rng.uniform(-radius, radius, size=(len(wide.rows), data.inputs.shape[1] + 1))
            near = lp.ShallowReLU(
                net.weights + off[:, :-1], None if net.biases is None else net.biases + off[:, -1],
                net.output_weights, negative_slope=net.negative_slope,
            )  # fmt: skip
            truth = float(lp.robustness_margin(near, data))
            assert float(lower) * (1 - 1e-9) <= truth <= float(upper) * (1 + 1e-9)
        with precision(192):
            low, high = shape(wide, data).margin(found.upper() + 1e-3 * found.rad())
            assert lower <= bounds(low)[0]
            assert bounds(high)[1] <= upper
            assert found.rad() < 2 * (high - low) + 1e-30
    assert enclosed >= {1e-6: 50, 1e-3: 45, 1e-2: 35}[radius]


def shape(network: BallNetwork, data: lp.Dataset) -> Shape:
    """The checker's network of these balls."""
    d, labels = data.inputs.shape[1], [int(y) for y in data.labels]
    problem = SimpleNamespace(
        slope=network.slope, d=d, biased=network.biased, inputs=data.inputs.tolist(), y=labels
    )
    late = SimpleNamespace(path=SimpleNamespace(problem=problem))
    return Shape(late, network.rows, network.outputs)


def test_a_foot_that_may_be_at_its_input_has_no_law(monkeypatch):
    """Ground truth: its distance may be 0, and is divided by."""

    def wide(*of):
        return [foot._replace(distance=arb(1, 1)) for foot in nearest(*of)]

    proof = general("a plane").proof
    with precision(proof.bits):
        assert law.margin_law(proof.settled) is not None
        monkeypatch.setattr(law, "nearest", wide)
        assert law.margin_law(proof.settled) is None


def test_limits_are_those_of_an_enumeration():
    """Ground truth: every support, in rationals of the standard library."""
    seen = 0
    for p in problems()[::3]:
        if len(p.labels) > 5 or set(p.labels) != {-1.0, 1.0}:
            continue
        net = lp.ShallowReLU(p.weights, p.biases, p.output_weights, negative_slope=p.slope)
        data, method = lp.Dataset(p.inputs, p.labels), lp.GradientDescent(p.step_size)
        system = GeneralSystem.of(net, data, method, p.loss)
        signs = tuple(tuple(a > 0 for a in row) for row in system.preactivations)
        try:
            found = limit(system, Gradients.of(system, signs))
        except lp.LatephaseError:
            continue
        gram = [[Fraction(int(x.p), int(x.q)) for x in row] for row in found.gram]
        living = [i for i in range(len(gram)) if gram[i][i]]
        fits = [s for r in range(1, len(living) + 1) for s in itertools.combinations(living, r)]
        fits = [s for s in fits if _is_limit(gram, living, s)]
        assert [tuple(found.support)] == fits or not living
        seen += bool(living)
    assert seen >= 10


def _is_limit(gram, living, support) -> bool:
    """Whether a support gives positive multipliers and margins above 1 elsewhere."""
    rows = [[gram[i][k] for k in support] + [Fraction(1)] for i in support]
    for a in range(len(rows)):
        if rows[a][a] == 0:
            return False
        rows[a] = [x / rows[a][a] for x in rows[a]]
        for b in range(len(rows)):
            if b != a:
                rows[b] = [x - rows[b][a] * y for x, y in zip(rows[b], rows[a])]
    weights = {i: row[-1] for i, row in zip(support, rows, strict=True)}
    if min(weights.values()) <= 0:
        return False
    others = [k for k in living if k not in support]
    return all(sum(gram[k][i] * w for i, w in weights.items()) > 1 for k in others)


def test_slides_that_are_not_held_are_undecided():
    """Ground truth: kicks of a point that no neuron serves are as long as its gradient and the
    step, and those of a long step are too long; docs/certificates-general.md, "Slides"."""
    net = lp.ShallowReLU([0.7, 0.4, -1.0], [0.1, 0.2, -1.0], [1, -1, -1])
    data = lp.Dataset([0.5, -0.8], [1, -1])
    found = certify(net, data, lp.GradientDescent(0.1), max_steps=3000)
    assert found.verdict is lp.Verdict.PROVED
    found = certify(net, data, lp.GradientDescent(1.0), max_steps=3000)
    assert found.verdict is lp.Verdict.UNDECIDED
    assert found.proof is None
    assert "kink" in found.reason
    with pytest.raises(lp.InputError, match="certificate with a proof"):
        found.margins("1e10")


def test_a_second_of_two_equal_points_is_undecided():
    """Ground truth: their multipliers are not unique."""
    net = lp.ShallowReLU([0.7, -0.4, 0.3], [0.1, 0.2, 0.1], [1, -1, 1])
    data = lp.Dataset([1, 1, -1], [1, 1, -1])
    found = certify(net, data, lp.GradientDescent(0.1), max_steps=500)
    assert found.verdict is lp.Verdict.UNDECIDED
    assert "exactly on the margin" in found.reason


@pytest.mark.parametrize(
    ("claim", "run", "verdict"),
    [
        ("trained", "three neurons", "PROVED"),
        ("trained", "idle", "REFUTED"),
        ("trained", "a kick", "REFUTED"),
        ("slow", "a kick", "REFUTED"),
        ("settled", "a kick", "PROVED"),
        ("slow", "three neurons", "PROVED"),
        ("slow", "nothing moves", "REFUTED"),
        ("slow", "no biases", "UNDECIDED"),
    ],
)
def test_verdicts(claim, run, verdict):
    """Ground truth: docs/certificates-general.md, "Verdicts"."""
    assert general(run, claim).verdict.name == verdict


@pytest.mark.parametrize(
    "options",
    [{"claim": "optimal_margin"}, {"claim": "specialised"}, {"loss": "hinge"}, {"max_steps": -1}],
)
def test_other_questions_are_refused(options):
    """Ground truth: the scope in docs/certificates-general.md."""
    net = lp.ShallowReLU([0.7, -0.4, 0.3], [0.1, 0.2, 0.1], [1, -1, 1])
    with pytest.raises(lp.InputError):
        certify(net, lp.Dataset([1, -1], [1, -1]), lp.GradientDescent(0.1), **options)
    with pytest.raises(lp.InputError):
        certify(net, lp.Dataset([1, -1], [1, -1]), lp.GradientFlow())
    for t in ("1e1000000000000", "3", "abc"):
        with pytest.raises(lp.InputError):
            general("three neurons").margins(t)
