"""Training methods in 60-digit arithmetic, written from their definitions: what tests compare with.

Networks of m neurons on one feature; the loss and its gradient are plain decimals, never divided by
the loss unless the method's definition says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal, getcontext
from typing import Any

import numpy as np

DIGITS = 60
KINK = Decimal("1e-55")  # a pre-activation below it is a rounded 0: the neuron is inactive
Vector = list[Decimal]


class Problem:
    """Points x, labels y, output weights v; theta is [w_1, b_1, w_2, b_2, ...].

    slope: of inactive neurons;  not biased: every b is 0 and stays so;  v None: output weights are
    trained, and theta is [w_1, b_1, v_1, w_2, ...];  constant: its last entry is an output bias.
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        v: Any,
        loss: str,
        slope: float = 0.0,
        biased: bool = True,
        constant: bool = False,
    ) -> None:
        self.both, self.constant = v is None, constant
        v = [] if v is None else v
        self.x, self.y, self.v = ([Decimal(float(e)) for e in part] for part in (x, y, v))
        self.loss, self.slope, self.biased = loss, Decimal(slope), biased

    def gradient(self, theta: Vector, keep: int | None = None) -> tuple[Decimal, Vector]:
        """Loss and gradient, of all points or of one."""
        total, gradient = Decimal(0), [Decimal(0)] * len(theta)
        (w, b), outer = self._parts(theta), self._outer(theta)
        k = len(theta) // len(outer)
        for i, (x, y) in enumerate(zip(self.x, self.y)):
            if keep not in (None, i):
                continue
            a = [p * x + q for p, q in zip(w, b)]
            q = y * sum(v * (e if e > 0 else self.slope * e) for v, e in zip(outer, a))
            q += y * theta[-1] * self.constant
            loss, slope = self._loss(q)
            gradient[-1] += slope * y * self.constant
            total += loss
            for j, v in enumerate(outer):
                gain = 1 if a[j] > KINK else self.slope
                gradient[k * j] += gain * slope * y * v * x
                gradient[k * j + 1] += gain * slope * y * v * self.biased
                if self.both:
                    gradient[k * j + 2] += gain * slope * y * a[j]
        return total, gradient

    def _parts(self, theta: Vector) -> tuple[Vector, Vector]:
        k = 3 if self.both else 2
        theta = theta[: len(theta) - self.constant]
        return theta[::k], theta[1::k]

    def _outer(self, theta: Vector) -> Vector:
        return theta[2::3] if self.both else self.v

    def _loss(self, q: Decimal) -> tuple[Decimal, Decimal]:
        """loss(q) and its derivative."""
        if self.loss == "exponential":
            return (-q).exp(), -(-q).exp()
        return (1 + (-q).exp()).ln(), -1 / (1 + q.exp())

    def project(self, theta: Vector) -> Vector:
        """Each neuron on the span of its active (x_i, 1): the identity with two of them."""
        result, k = list(theta), 3 if self.both else 2
        for j, (w, b) in enumerate(zip(*self._parts(theta))):
            active = [x for x in self.x if w * x + b > KINK or self.slope]
            if len(active) == 1 and self.biased:
                c = (w * active[0] + b) / (active[0] ** 2 + 1)
                result[k * j], result[k * j + 1] = c * active[0], c
        return result


def plus(a: Vector, b: Vector, times: Decimal | int = 1) -> Vector:
    return [p + times * q for p, q in zip(a, b)]


def size(a: Vector) -> Decimal:
    return sum((e * e for e in a), Decimal(0)).sqrt()


def scaled(a: Vector, by: Decimal) -> Vector:
    return [by * e for e in a]


Steps = Iterator[Vector]
Method = Callable[..., Steps]


def rule(rate: Callable[..., Decimal]) -> Method:
    """theta - h grad L with h = rate(t, L, |grad L|)."""

    def run(p: Problem, theta: Vector) -> Steps:
        t = 0
        while True:
            loss, g = p.gradient(theta)
            if any(g):
                theta = plus(theta, g, -rate(t, loss, size(g)))
            t += 1
            yield theta

    return run


def heavy_ball(eta: Decimal, beta: Decimal) -> Method:
    def run(p: Problem, theta: Vector) -> Steps:
        before = theta
        while True:
            _, g = p.gradient(theta)
            after = plus(plus(theta, g, -eta), plus(theta, before, -1), beta)
            before, theta = theta, after
            yield theta

    return run


def nesterov(eta: Decimal, beta: Decimal | None) -> Method:
    def run(p: Problem, theta: Vector) -> Steps:
        before, t = theta, 0
        while True:
            weight = Decimal(t) / (t + 3) if beta is None else beta
            y = plus(theta, plus(theta, before, -1), weight)
            _, g = p.gradient(y)
            before, theta, t = theta, plus(y, g, -eta), t + 1
            yield theta

    return run


def loss_based(first: Decimal) -> Method:
    def run(p: Problem, theta: Vector) -> Steps:
        up, down = Decimal(2) ** (Decimal(1) / 5), Decimal(2) ** (Decimal(1) / 10)
        eta, best, before, fresh = first, Decimal(0), theta, True
        while True:
            loss, g = p.gradient(theta)
            if fresh or loss < best:
                eta = eta if fresh else eta * up
                before, best, fresh = theta, loss, False
                theta = plus(theta, g, -eta)
            else:
                theta, eta, fresh = before, eta / down, True
            yield theta

    return run


def dual_acceleration(eta: Decimal) -> Method:
    def run(p: Problem, theta: Vector) -> Steps:
        average, t = [Decimal(0)] * len(theta), 0
        while True:
            loss, g = p.gradient(theta)
            unit = scaled(g, 1 / loss)
            average = scaled(plus(average, unit), Decimal(t) / (t + 1))
            theta, t = plus(theta, plus(average, unit), -eta), t + 1
            yield theta

    return run


def rescaling(eta: Decimal, ratio: Decimal, period: int, warmup: int) -> Method:
    def run(p: Problem, theta: Vector) -> Steps:
        radius, t = None, 0
        while True:
            loss, g = p.gradient(theta)
            if t >= warmup and (t - warmup) % period == 0:
                radius = size(theta) if radius is None else radius * ratio
                theta = scaled(theta, radius / size(theta))
            else:
                theta = plus(theta, g, -eta / loss)
                if radius is not None and size(theta) > radius:
                    theta = scaled(theta, radius / size(theta))
            t += 1
            yield theta

    return run


def fixed_radius(eta: Decimal, radius: Decimal) -> Method:
    def run(p: Problem, theta: Vector) -> Steps:
        while True:
            _, g = p.gradient(theta)
            if any(g):
                theta = plus(theta, g, -eta / size(g))
            theta = scaled(theta, radius / size(theta))
            yield theta

    return run


def adam(eta: Decimal, b1: Decimal, b2: Decimal, eps: Decimal) -> Method:
    def run(p: Problem, theta: Vector) -> Steps:
        m, v, t = [Decimal(0)] * len(theta), [Decimal(0)] * len(theta), 0
        while True:
            _, g = p.gradient(theta)
            t += 1
            m = plus(scaled(m, b1), g, 1 - b1)
            v = plus(scaled(v, b2), [e * e for e in g], 1 - b2)
            shown = [(e / (1 - b1**t), (f / (1 - b2**t)).sqrt() + eps) for e, f in zip(m, v)]
            theta = plus(theta, [n / d if d else Decimal(0) for n, d in shown], -eta)
            yield theta

    return run


def sign_descent(eta: Decimal) -> Method:
    def run(p: Problem, theta: Vector) -> Steps:
        while True:
            _, g = p.gradient(theta)
            theta = plus(theta, [Decimal((e > 0) - (e < 0)) for e in g], -eta)
            yield theta

    return run


def sharpness_aware(eta: Decimal, radius: Decimal) -> Method:
    def run(p: Problem, theta: Vector) -> Steps:
        while True:
            _, g = p.gradient(theta)
            ascent = radius / size(g) if any(g) else Decimal(0)
            _, there = p.gradient(plus(theta, g, ascent))
            theta = plus(theta, there, -eta)
            yield theta

    return run


def weight_decay(eta: Decimal, strength: Decimal, fading: int) -> Method:
    def run(p: Problem, theta: Vector) -> Steps:
        t = 0
        while True:
            _, g = p.gradient(theta)
            decay = strength / (t + 1) ** fading
            theta, t = plus(theta, plus(g, theta, decay), -eta), t + 1
            yield theta

    return run


def span_projection(at: int, then: Method) -> Method:
    """Gradient steps have no memory, so that the rest is a new run from the projected point."""

    def run(p: Problem, theta: Vector) -> Steps:
        t = 0
        steps = then(p, theta)
        while True:
            theta = next(steps)
            if t == at:
                theta = p.project(theta)
                steps = then(p, theta)
            t += 1
            yield theta

    return run


def stochastic(eta: Decimal, order: list[list[int]]) -> Method:
    def run(p: Problem, theta: Vector) -> Steps:
        for batch in order:
            gradients = [p.gradient(theta, keep=i)[1] for i in batch]
            for g in gradients:
                theta = plus(theta, g, -eta)
            yield theta

    return run


def after(method: Method, problem: Problem, theta: np.ndarray, steps: int) -> np.ndarray:
    """Parameters (m, 2) or (m, 3) after the steps, rounded to float64."""
    getcontext().prec = DIGITS
    runs = method(problem, [Decimal(float(e)) for e in theta.ravel()])
    *_, last = (now for _, now in zip(range(steps), runs))
    return np.array([float(e) for e in last]).reshape(theta.shape)
