"""Gradient flow of two neurons on two points by Taylor series in time, in decimals of 60 digits.

Nothing here is shared with the package: the parameters are weights and biases, time is stepped,
ends of modes are found by bisection, and a slide removes from the force on a neuron what would move
its pre-activation (Filippov). The last terms of the series say what is left out: 1e-50.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal as D
from decimal import localcontext

DIGITS, TERMS, LOOKS = 60, 50, 4
TINY = D(10) ** (8 - DIGITS)
MOST_STEPS = 1_000


def _value(coefficients, h):
    total = D(0)
    for x in reversed(coefficients):
        total = total * h + x
    return total


class TaylorFlow:
    """The flow from weights (2,), biases (2,) of output weights 1, -1; points labelled 1, -1."""

    def __init__(self, weights: Sequence[float], biases: Sequence[float], points: Sequence[float]):
        self.z = [(D(float(x)), D(1)) for x in points]
        self.theta = [[D(float(w)), D(float(b))] for w, b in zip(weights, biases, strict=True)]
        self.t, self.modes = D(0), 0
        with localcontext(prec=DIGITS):
            self._begin()

    def _begin(self):
        on = [[self._dot(self.theta[j], self.z[i]) > 0 for i in (0, 1)] for j in (0, 1)]
        self.state = [["1" if x else "0" for x in row] for row in on]
        for j in (0, 1):
            for i in (0, 1):
                if self._dot(self.theta[j], self.z[i]) == 0 and any(on[j]):
                    self.state[j][i] = self._next(j, i)

    @staticmethod
    def _dot(x, y):
        return x[0] * y[0] + x[1] * y[1]

    def preactivations(self):
        """a_ji."""
        with localcontext(prec=DIGITS):
            return [[self._dot(self.theta[j], self.z[i]) for i in (0, 1)] for j in (0, 1)]

    def _forces(self, j, state):
        """The force on neuron j by each unit loss."""
        sign = 1 if j == 0 else -1
        forces = []
        for p, y in ((0, 1), (1, -1)):
            on = state[p] == "1"
            forces.append([sign * y * c if on else D(0) for c in self.z[p]])
        for i in (0, 1):
            if state[i] == "s":
                z = self.z[i]
                for force in forces:
                    share = self._dot(force, z) / self._dot(z, z)
                    force[0], force[1] = force[0] - share * z[0], force[1] - share * z[1]
        return forces

    def _losses(self):
        a = self.preactivations()
        on = [[a[j][i] if self.state[j][i] == "1" else D(0) for i in (0, 1)] for j in (0, 1)]
        return [(on[1][0] - on[0][0]).exp(), (on[0][1] - on[1][1]).exp()]

    def _velocity(self, j, i, sign):
        """Of a_ji if its sign were this one."""
        state = list(self.state[j])
        state[i] = sign
        pulls = zip(self._losses(), self._forces(j, state), strict=True)
        return sum(loss * self._dot(force, self.z[i]) for loss, force in pulls)

    def _next(self, j, i):
        """The sign of a_ji, which is 0."""
        if self._velocity(j, i, "0") <= 0:
            return "0"
        return "1" if self._velocity(j, i, "1") > 0 else "s"

    def _series(self):
        """Coefficients of the four parameters in time, and of both losses."""
        forces = [self._forces(j, self.state[j]) for j in (0, 1)]
        losses = [[x] for x in self._losses()]
        theta = [[[x] for x in row] for row in self.theta]
        margins = [[D(0)], [D(0)]]  # of -u, but for its value
        for k in range(TERMS):
            for j in (0, 1):
                for c in (0, 1):
                    now = sum(losses[p][k] * forces[j][p][c] for p in (0, 1))
                    theta[j][c].append(now / (k + 1))
            for p in (0, 1):
                rise = D(0)
                for j in (0, 1):
                    if self.state[j][p] == "1":
                        moved = self._dot([x[k + 1] for x in theta[j]], self.z[p])
                        rise += moved if j == 1 - p else -moved
                margins[p].append(rise)
                terms = (n * margins[p][n] * losses[p][k + 1 - n] for n in range(1, k + 2))
                losses[p].append(sum(terms) / (k + 1))
        return theta, losses

    def _watched(self, theta, losses, h):
        """What ends the mode where it falls below 0: pre-activations by sign, slides by share."""
        ends = {}
        now = [_value(x, h) for x in losses]
        for j in (0, 1):
            moved = [_value(x, h) for x in theta[j]]
            for i in (0, 1):
                if self.state[j][i] == "s":
                    k12, k = self._dot(*self.z), self._dot(self.z[i], self.z[i])
                    ends[j, i] = now[i] * k - now[1 - i] * k12
                else:
                    side = self._dot(moved, self.z[i])
                    ends[j, i] = side if self.state[j][i] == "1" else -side
        return ends

    def _step(self, until):
        theta, losses = self._series()
        size = max(abs(x[-1]) / x[0] for x in losses)
        # A twelfth of the radius of convergence: the last term is 1e-54 of the first.
        radius = float(size.log10()) / -TERMS if size else 300.0
        h = min(until - self.t, D(10) ** D(radius) / 12)
        here = self._watched(theta, losses, D(0))
        for look in range(1, LOOKS + 1):
            there = self._watched(theta, losses, h * look / LOOKS)
            fallen = [k for k in there if there[k] < -TINY <= here[k]]
            if fallen:
                self._end(theta, losses, h * (look - 1) / LOOKS, h * look / LOOKS)
                return
            here = there
        self._move(theta, h)

    def _end(self, theta, losses, low, high):
        """Move to where the first of the watched falls to 0, and change its sign."""
        for _ in range(4 * DIGITS):
            middle = (low + high) / 2
            if min(self._watched(theta, losses, middle).values()) < 0:
                high = middle
            else:
                low = middle
        there = self._watched(theta, losses, high)
        j, i = min(there, key=lambda k: there[k])
        self._move(theta, high)
        if self.state[j][i] == "s":
            self.state[j][i] = "1"
        else:
            a, z = self._dot(self.theta[j], self.z[i]), self.z[i]
            share = a / self._dot(z, z)
            self.theta[j] = [x - share * c for x, c in zip(self.theta[j], z, strict=True)]
            self.state[j][i] = self._next(j, i)
        self.modes += 1

    def _move(self, theta, h):
        self.theta = [[_value(x, h) for x in row] for row in theta]
        self.t += h

    def to(self, t) -> TaylorFlow:
        """Follow the flow to a time."""
        for _ in range(MOST_STEPS):
            if self.t >= t:
                return self
            with localcontext(prec=DIGITS):
                self._step(D(t))
        raise ArithmeticError("too many steps")
