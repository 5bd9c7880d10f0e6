"""Campaigns: 10^5 enclosures of each kind of proof, each with brute force of 400 bits inside."""

from __future__ import annotations

from decimal import Decimal as D
from decimal import localcontext
from fractions import Fraction

import numpy as np
import pytest

import latephase as lp
from helpers import shares
from latephase.certificates import certify
from latephase.certificates.prove.layered.tail import LateLayers
from latephase.certificates.prove.tails.single import LateHold
from latephase.certificates.prove.tails.slide import LateSlide
from latephase.core.balls import arb, exact, plus_minus, precision
from references.taylor_flow import TERMS, TaylorFlow, _value
from samples.certificates import RUNS

BITS, PARTS, SAMPLE = 400, 20, (1,)
ALL = 100_000  # enclosures of a kind, over all parts
LATER = 240  # steps after the one from which a proof holds
ROOM = Fraction(1, 10**90)  # what 400 bits have rounded by then, and more


class Descent:
    """Gradient descent by its definition on (w, b), and v if `both`, rounded to 400 bits."""

    def __init__(self, net, data, step_size, loss="exponential"):
        one = [] if net.biases is None else [1.0]
        self.z = [[exact(float(x)) for x in [*row, *one]] for row in data.inputs]
        rows = net.weights if net.biases is None else np.column_stack([net.weights, net.biases])
        self.theta = [[exact(float(x)) for x in row] for row in rows]
        self.v, self.y = [exact(float(v)) for v in net.output_weights], data.labels.astype(int)
        self.eta, self.slope = exact(step_size), exact(net.negative_slope)
        self.logistic, self.both, self.t = loss == "logistic", net.train_output, 0

    def preactivations(self):
        return [[_dot(row, z) for z in self.z] for row in self.theta]

    def margins(self):
        a = self.preactivations()
        pairs = enumerate(self.y.tolist())
        return [y * _dot(self.v, [self._relu(row[i]) for row in a]) for i, y in pairs]

    def to(self, t):
        """So many steps."""
        while self.t < t:
            self._step()
            self.t += 1
        return self

    def _step(self):
        a, theta, v = self.preactivations(), [list(row) for row in self.theta], list(self.v)
        for i, (u, y) in enumerate(zip(self.margins(), self.y.tolist(), strict=True)):
            pull = y * self.eta / (u.exp() + 1) if self.logistic else y * self.eta * (-u).exp()
            for j, row in enumerate(theta):
                gain = 1 if a[j][i] > 0 else self.slope
                share = pull * self.v[j] * gain
                row[:] = [x + share * c for x, c in zip(row, self.z[i], strict=True)]
                v[j] = v[j] + pull * self._relu(a[j][i])
        self.theta = [[x.mid() for x in row] for row in theta]
        self.v = [x.mid() for x in v] if self.both else self.v

    def _relu(self, a):
        return a if a > 0 else self.slope * a

    def off(self):
        """Where two lines cross, from the midpoint of two points."""
        slope, offset = (_dot(self.v, [row[c] for row in self.theta]) for c in (0, 1))
        return -offset / slope - (self.z[0][0] + self.z[1][0]) / 2


def _dot(x, y):
    return sum((a * b for a, b in zip(x, y, strict=True)), arb(0))


def flat(rows):
    return [x for row in rows for x in row]


def holds(enclosures, truths) -> int:
    """How many enclosures there are; each must hold its truth, and say something."""
    count = 0
    for found, truth in zip(enclosures, truths, strict=True):
        room = plus_minus(exact(ROOM) * (1 + abs(truth)))
        assert (found + room).contains(truth), (found, truth)
        assert found.rad() < 1 + abs(truth)
        count += 1
    return count


def enough(share, count=ALL // PARTS) -> None:
    """Goes on with what `share` counts until a part has its enclosures."""
    done = asked = 0
    while done < count:
        done, asked = done + share(), asked + 1
        assert asked < count


def pair(rng, single):
    """Two points of x1 x2 > -1 and a network that is likely to settle on them."""
    x1 = rng.uniform(0.2, 2) * rng.choice([-1, 1])
    x2 = x1 * rng.uniform(1.05, 6) if single else rng.uniform(-1, 0.95) * min(1 / abs(x1), abs(x1))
    x = (x2, x1) if rng.integers(2) else (x1, x2)
    aim = np.sign(x) if single else np.array([1, -1]) * np.sign(x[0] - x[1])
    weights = aim * np.abs(rng.normal(size=2)) if rng.integers(4) else rng.normal(size=2)
    net = lp.ShallowReLU(weights, rng.normal(size=2) * rng.choice([0.1, 1.0]))
    return net, lp.Dataset(x, [1, -1]), float(10 ** rng.uniform(-2, 0))


@pytest.mark.parametrize("part", shares(PARTS, sample=SAMPLE))
@pytest.mark.parametrize("kind", ["single", "double"])
def test_slides(kind, part):
    """Ground truth: brute force, after the steps from which the slide is proved."""
    rng, tail = np.random.default_rng([41, part]), {"single": LateHold, "double": LateSlide}[kind]

    def share():
        net, data, step = pair(rng, kind == "single")
        found = certify(net, data, lp.GradientDescent(step), max_steps=1500)
        if found.proof is None or not isinstance(found.proof.tail, tail):
            return 0
        late, count = found.proof.tail, 0
        if late.since > 3000:  # a slide of one kink before, which is too long to step through
            return 0
        with precision(BITS):
            truth = Descent(net, data, step).to(late.since)
        for t in range(late.since, late.since + LATER):
            with precision(BITS):
                truth.to(t)
                sides, off = flat(truth.preactivations()), truth.off()
            with precision(found.proof.bits):
                now = exact(t)
                enclosures = [*flat(late.at(now)), late.gap(now)]
            with precision(BITS):
                count += holds(enclosures, [*sides, off])
        return count

    enough(share)


@pytest.mark.parametrize("part", shares(PARTS, sample=SAMPLE))
def test_slides_that_end(part):
    """Ground truth: brute force, all along legs on which one kink is held."""
    rng, kinds = np.random.default_rng([42, part]), [x for x in RUNS if x[:4] in ("half", "fall")]

    def share():
        x, weights, biases, step = RUNS[kinds[rng.integers(len(kinds))]]
        data = lp.Dataset(np.array(x) * rng.uniform(0.9, 1.1, size=2), [1, -1])
        net = lp.ShallowReLU(*(np.array([weights, biases]) + 0.1 * rng.normal(size=(2, 2))))
        found = certify(net, data, lp.GradientDescent(step), max_steps=1500)
        legs = found.proof.arrival.legs if found.proof else ()
        if not (legs and legs[-1].slide):
            return 0
        *before, leg = legs
        count, begin = 0, sum(one.steps for one in before)
        with precision(BITS):
            truth = Descent(net, data, step).to(begin)
        for n in range(1, min(leg.steps, LATER) + 1):
            with precision(BITS):
                sides = flat(truth.to(begin + n).preactivations())
            with precision(found.proof.bits):
                enclosures = flat(leg.slide.after(exact(n)))
            with precision(BITS):
                count += holds(enclosures, sides)
        return count

    enough(share)


class Dense(TaylorFlow):
    """The series of each step, kept."""

    def _move(self, theta, h):
        self.pieces.append((self.t, h, theta))
        super()._move(theta, h)

    def at(self):
        """(t, a_ji) at times within every step."""
        for t, h, theta in self.pieces:
            for k in range(1, 12):
                s = h * k / 12
                moved = [[_value(x, s) for x in row] for row in theta]
                yield t + s, [self._dot(row, z) for row in moved for z in self.z]


@pytest.mark.parametrize("part", shares(PARTS, (), SAMPLE))
def test_flows(part):
    """Ground truth: Taylor series at 60 digits, of the weights, with Filippov's slides."""
    rng, slack = np.random.default_rng([43, part]), Fraction(1, 10**42)
    assert TERMS == 50  # of which the last are 1e-50

    def share():
        x1 = rng.uniform(0.4, 2) * rng.choice([-1, 1])
        x2 = -rng.uniform(1, 4) / x1 if rng.integers(2) else rng.normal() * 1.5
        weights, biases = rng.normal(size=(2, 2))
        data = lp.Dataset([x1, x2], [1, -1])
        found = certify(lp.ShallowReLU(weights, biases), data, lp.GradientFlow())
        assert found.proof is not None, found.reason
        Dense.pieces, count = [], 0
        truth = Dense(weights, biases, [x1, x2]).to(64)
        with localcontext(prec=80):
            times = list(truth.at())
        for t, sides in times:
            with precision(found.proof.bits):
                state = found.proof.arrival.at(_ball(t))
            with precision(BITS):
                for got, a in zip(state, sides, strict=True):
                    room = plus_minus(exact(slack) * (1 + abs(_ball(a))))
                    assert (got + room).contains(_ball(a)), (t, got, a)
                    assert got.rad() < 2.0**-70 * (1 + abs(_ball(a)))
                    count += 1
        return count

    enough(share)


def _ball(x: D) -> arb:
    return exact(Fraction(x))


@pytest.mark.parametrize("part", shares(PARTS, (), SAMPLE))
def test_both_layers(part):
    """Ground truth: brute force of both layers, after the steps from which the margins grow."""
    rng = np.random.default_rng([44, part])

    def share():
        x1 = rng.uniform(0.5, 3) * rng.choice([-1, 1])
        x2 = -rng.choice([1 / x1, rng.uniform(1, 3) / x1])
        if 1 + Fraction(float(x1)) * Fraction(float(x2)) > 0:
            return 0
        outputs = np.abs(rng.normal(size=2)) * rng.choice([0.3, 1.0]) * [1, -1]
        weights = np.sign([x1, x2]) * np.abs(rng.normal(size=2))
        net = lp.ShallowReLU(weights, rng.normal(size=2) * 0.5, outputs, train_output=True)
        data, step = lp.Dataset([x1, x2], [1, -1]), float(10 ** rng.uniform(-1.5, -0.3))
        loss = str(rng.choice(["exponential", "logistic"]))
        found = certify(net, data, lp.GradientDescent(step), loss=loss, max_steps=1000)
        if found.proof is None or not isinstance(found.proof.tail, LateLayers):
            return 0
        late, count = found.proof.tail, 0
        order = [int(np.argmax(outputs)), int(np.argmin(outputs))]
        first, second = (order[j] for j in late.serves)
        with precision(BITS):
            truth = Descent(net, data, step, loss).to(late.since)
        for t in range(late.since, late.since + LATER, 3):
            with precision(BITS):
                a = truth.to(t).preactivations()
                own = truth.v[first], -truth.v[second]
                limit = exact(found.system.limit_boundary - found.system.midpoint)
                truths = [*a[first], *a[second], *own, *truth.margins(), truth.off() - limit]
            with precision(found.proof.bits):
                now = late.layers(exact(t))
                sides = flat(late.sides(now.a))
                enclosures = [*sides, *now.w, *now.q, late._gap(now)]
            with precision(BITS):
                count += holds(enclosures, truths)
        return count

    enough(share)


@pytest.mark.parametrize("part", shares(PARTS, (), SAMPLE))
def test_settled_networks(part):
    """Ground truth: brute force of networks of any size, after the step from which they settle."""
    rng = np.random.default_rng([45, part])

    def share():
        d, m, n = rng.integers(1, 4), rng.integers(2, 7), rng.integers(1, 3)
        aim = rng.normal(size=d) + 1
        x = np.concatenate([y * aim + 0.2 * rng.normal(size=(n, d)) for y in (1, -1)])
        signs = np.where(rng.permutation(m) % 2, 1.0, -1.0)
        weights = rng.normal(size=(m, d))
        weights *= np.where((weights @ aim > 0) == (signs > 0), 1, -1)[:, None]
        biases = None if rng.integers(4) == 0 else 0.1 * rng.normal(size=m)
        slope = float(rng.choice([0, 0.25]))
        net = lp.ShallowReLU(weights, biases, signs, negative_slope=slope)
        data, step = lp.Dataset(x, [1] * n + [-1] * n), float(10 ** rng.uniform(-1.5, 0))
        loss = str(rng.choice(["exponential", "logistic"]))
        found = certify(net, data, lp.GradientDescent(step), loss=loss, max_steps=600)
        if not isinstance(found, lp.GeneralCertificate) or found.proof is None:
            return 0
        held, count = found.proof.settled, 0
        with precision(BITS):
            truth = Descent(net, data, step, loss).to(held.base)
        for t in range(held.base, held.base + LATER, 4):
            with precision(BITS):
                truths = [*truth.to(t).margins(), *flat(truth.theta)]
            with precision(found.proof.bits):
                when = held.at(arb(t))
                enclosures = [*held.margins_in(when), *flat(held.parameters_in(when))]
            with precision(BITS):
                count += holds(enclosures, truths)
        return count

    enough(share)


@pytest.mark.parametrize("part", shares(PARTS, (), SAMPLE))
def test_kicked_networks(part):
    """Ground truth: brute force of networks of which an idle point kicks neurons for ever."""
    rng = np.random.default_rng([46, part])

    def share():
        d, m, n = rng.integers(1, 3), rng.integers(2, 5), rng.integers(2, 4)
        x, weights = rng.normal(size=(n, d)), rng.normal(size=(m, d))
        x[:, 0] -= 0.3 * (-1.0) ** np.arange(n)
        net = lp.ShallowReLU(weights, 0.3 * rng.normal(size=m), 1.0 - 2 * (np.arange(m) % 2))
        data = lp.Dataset(x, 1 - 2 * (np.arange(n) % 2))
        loss, step = str(rng.choice(["exponential", "logistic"])), float(rng.choice([0.05, 0.1]))
        found = certify(net, data, lp.GradientDescent(step), loss=loss, max_steps=600, max_bits=128)
        if not isinstance(found, lp.GeneralCertificate) or found.proof is None:
            return 0
        held, count = found.proof.settled, 0
        if not held.geometry.gradients.kicked:
            return 0
        with precision(BITS):
            truth = Descent(net, data, step, loss).to(held.base)
        for t in range(held.base, held.base + 2 * LATER, 4):
            with precision(BITS):
                a = truth.to(t).preactivations()
                truths = [*truth.margins(), *flat(truth.theta)]
                slid = [a[j][i] for j, i in held.kinks]
            with precision(found.proof.bits):
                when = held.at(arb(t))
                enclosures = [*held.margins_in(when), *flat(held.parameters_in(when))]
                bands = zip(*held.held.bands, strict=True)
                strips = [(-low).union(up * when.late) for up, low in bands]
            with precision(BITS):
                count += holds([*enclosures, *strips], [*truths, *slid])
        return count

    enough(share)
