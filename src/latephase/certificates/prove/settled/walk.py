"""Gradient descent of any network in balls, step by step, every sign decided.

As long as the pattern is the same the margins move by themselves, u <- u + G h, and the rest is
known from the sums S_i of h_i = step * loss_i: a_jp moves by sum_i c_jpi S_i.  So pre-activations
are looked at only when so much has been added that a sign might have changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from latephase.certificates.verdict import Undecided, Unprovable
from latephase.core.arrays import Floats
from latephase.core.balls import BallMatrix, arb

from .system import GeneralSystem, Signs

Progress = Callable[[int, int], None]

_TOLD = 256  # steps between two reports of progress
_MOST_CHANGES = 500  # of the pattern, after which a kink is taken to be one that slides
_SPARE = 1 + 1e-9  # of floats that bound balls
_ACCURACY = 40  # bits of the margins, below which more precision is tried


class GeneralWalk:
    """A run under way: `time`, `signs` (m, n), since when they are so, margins u (n,).

    Walking raises Undecided (more bits may help) or Unprovable.
    """

    def __init__(
        self, system: GeneralSystem, max_steps: int, progress: Progress | None = None
    ) -> None:
        self.system, self.max_steps, self.progress = system, max_steps, progress
        m, n = system.m, system.n
        self.time = self.since = self.changes = 0
        self.signs: Signs = tuple(tuple(a > 0 for a in row) for row in system.preactivations)
        self._step = arb(system.step)
        self._gram = _balls(system.gram)
        self._start = _balls(system.preactivations)
        self._given = BallMatrix(m, n)  # y_i v_j sum gamma_ji h_i, up to this pattern
        self._u: BallMatrix = BallMatrix(n, 1)
        self._mode, self._speeds = self._u, np.zeros((m, n, n))
        self._sums, self._rates, self._risk = [arb(0)] * n, [arb(0)] * n, arb(0)
        self._begin()

    def advance(self, steps: int) -> None:
        """So many steps, or to the next change of the pattern."""
        since, step, plus = self.since, self._step, 1 if self.system.logistic else 0
        for _ in range(steps):
            if self.time == self.max_steps:
                raise Unprovable("the run has not settled within the step budget")
            u = self._u.entries()
            h = [step / (x.exp() + 1) if plus else step * (-x).exp() for x in u]
            self._sums = [s + x for s, x in zip(self._sums, h, strict=True)]
            self._u = self._u + self._mode * BallMatrix(len(h), 1, h)
            self.time += 1
            if self.progress and self.time % _TOLD == 0:
                self.progress(self.time, self.max_steps)
            for rate, x in zip(self._rates, h, strict=True):
                self._risk = self._risk + rate * x
            if not self._risk < 1:
                self._look()
                if self.since != since:
                    return

    @property
    def margins(self) -> list[arb]:
        """u_i, known well enough.  Raises Undecided."""
        u = list(self._u.entries())
        if any(x.rad() * 2**_ACCURACY > 1 for x in u):
            raise Undecided("a margin, after so many steps,")
        return u

    @property
    def preactivations(self) -> list[list[arb]]:
        """a_ji, (m, n)."""
        return list((self._start + self._moved() * self._gram).tolist())

    @property
    def parameters(self) -> list[list[arb]]:
        """theta_j, (m, k)."""
        points = _balls(self.system.points)
        return list((_balls(self.system.start) + self._moved() * points).tolist())

    def _moved(self) -> BallMatrix:
        """What of each z_i has been given to each neuron, (m, n)."""
        rows = [
            [x * s if x != 0 else arb(0) for x, s in zip(row, self._sums, strict=True)]
            for row in self._pulls
        ]
        return self._given + BallMatrix(rows)

    def _begin(self) -> None:
        """A new pattern."""
        system = self.system
        self._pulls = [[arb(x) for x in row] for row in system.pulls(self.signs)]
        self._sums = [arb(0)] * system.n
        pulls = BallMatrix(self._pulls)
        squares = (pulls.transpose() * pulls).tolist()
        gram = self._gram.tolist()
        n = range(system.n)
        self._mode = BallMatrix([[squares[i][k] * gram[i][k] for k in n] for i in n])
        a = self.preactivations
        sums = (
            sum((p[i] * row[i] for p, row in zip(self._pulls, a, strict=True)), arb(0)) for i in n
        )
        self._u = BallMatrix(system.n, 1, list(sums))
        # Upper bounds of |c_jpi|, (m, n, n).
        drawn, near = _upper(self._pulls), _upper(gram)
        self._speeds = drawn[:, None, :] * near[None, :, :] * _SPARE
        self._watch(a)

    def _watch(self, a: list[list[arb]]) -> None:
        """How much of the way to the nearest kink a unit of each h_i goes at most."""
        room = np.array([[float(x.abs_lower()) for x in row] for row in a]) / _SPARE
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            shares = np.where(self._speeds > 0, self._speeds / room[:, :, None], 0.0)
        rates = shares.max(axis=(0, 1)) * _SPARE
        self._rates = [arb(float(x)) for x in rates]
        self._risk = arb(0)

    def _look(self) -> None:
        """Decide every sign, and begin anew where one has changed."""
        a = self.preactivations
        signs = tuple(tuple(map(_positive, row)) for row in a)
        if signs == self.signs:
            self._watch(a)
            return
        self.changes += 1
        if self.changes > _MOST_CHANGES:
            raise Unprovable("a kink is crossed again and again: it slides, and no proof is known")
        self._given = self._moved()
        self.signs, self.since = signs, self.time
        self._begin()


def _balls(rows: list[list[Any]]) -> BallMatrix:
    return BallMatrix([[arb(x) for x in row] for row in rows])


def _upper(rows: list[list[arb]]) -> Floats:
    return np.array([[float(x.abs_upper()) for x in row] for row in rows]) * _SPARE


def _positive(a: arb) -> bool:
    if a > 0:
        return True
    if a <= 0:
        return False
    raise Undecided("the sign of a pre-activation")
