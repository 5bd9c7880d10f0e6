"""Gradient descent of any network in balls, step by step, every sign decided.

As long as the pattern is the same, but for the signs of kinks, the margins move by themselves: with
g_i and q_a of docs/certificates-general.md, "limit", their products with theta change by what they
have in common with each other, times h_i = step * loss_i and the kicks h_p c_a gamma_a.  Other
pre-activations are known from the sums of those, and looked at only when so much has been added
that a sign might have changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from latephase.certificates.verdict import Undecided, Unprovable
from latephase.core.arrays import Floats
from latephase.core.balls import BallMatrix, arb

from .system import GeneralSystem, Kinks, Signs

Progress = Callable[[int, int], None]

_TOLD = 256  # steps between two reports of progress
_MOST_CHANGES = 500  # of the pattern, but for signs that are known to slide
_SPARE = 1 + 1e-9  # of floats that bound balls
_ACCURACY = 64  # bits of the margins, below which more precision is tried


class GeneralWalk:
    """A run under way: `time`, `signs` (m, n), of no account at `kinks`, and margins u (n,).

    A pre-activation is taken for a kink while it has crossed 0 twice in the latter half of the run;
    `begun`: since when these are the kinks and the other signs.  Walking raises Undecided (more
    bits may help) or Unprovable.
    """

    def __init__(
        self, system: GeneralSystem, max_steps: int, progress: Progress | None = None
    ) -> None:
        self.system, self.max_steps, self.progress = system, max_steps, progress
        self.time = self.begun = self.changes = 0
        self.signs: Signs = tuple(tuple(a > 0 for a in row) for row in system.preactivations)
        self.kinks: Kinks = ()
        self._crossed: dict[tuple[int, int], tuple[int, int]] = {}  # the last two times
        self._step, self._slope = arb(system.step), arb(system.slope)
        self._gram = _balls(system.gram)
        self._start = _balls(system.preactivations)
        self._given = BallMatrix(system.m, system.n)  # y_i v_j sum gamma_ji h_i, up to `begun`
        self._sums: list[arb] = []  # of h_i, then of the kicks, since then
        self._rates: list[arb] = []
        self._risk = arb(0)
        self._state = self._mode = self._given
        self._u: list[arb] = []
        self._on: list[bool] = []  # of the kinks
        self._begin()

    def advance(self, steps: int) -> None:
        """So many steps, or to where a pattern begins."""
        begun, step, plus = self.begun, self._step, 1 if self.system.logistic else 0
        for _ in range(steps):
            if self.time == self.max_steps:
                raise Unprovable("the run has not settled within the step budget")
            h = [step / (u.exp() + 1) if plus else step * (-u).exp() for u in self._u]
            kicks = [
                c * h[p] if on else c * h[p] * self._slope
                for (_, p), c, on in zip(self.kinks, self._charges, self._on, strict=True)
            ]
            self._sums = [s + x for s, x in zip(self._sums, h + kicks, strict=True)]
            self._state = self._state + self._mode * BallMatrix(len(h + kicks), 1, h + kicks)
            self.time += 1
            if self.progress and self.time % _TOLD == 0:
                self.progress(self.time, self.max_steps)
            self._see()
            for rate, x in zip(self._rates, h, strict=True):
                self._risk = self._risk + rate * x
            if not self._risk < 1:
                self._look()
                if self.begun != begun:
                    return

    def let_go(self) -> bool:
        """Whether kinks had come to rest; then they are kinks no more."""
        if self.kinks == self._sliding():
            return False
        self._anew(self._signs(self.preactivations))
        return True

    @property
    def since(self) -> int:
        """The step of the last change of a sign that is not a kink's."""
        others = (last for pair, (_, last) in self._crossed.items() if pair not in self.kinks)
        return max(others, default=0)

    @property
    def margins(self) -> list[arb]:
        """u_i, known well enough.  Raises Undecided."""
        if any(x.rad() * 2**_ACCURACY > 1 for x in self._u):
            raise Undecided("a margin, after so many steps,")
        return self._u

    @property
    def slid(self) -> list[arb]:
        """r_a of the kinks."""
        return list(self._state.entries())[self.system.n :]

    @property
    def products(self) -> list[arb]:
        """g_i . theta (n,)."""
        return list(self._state.entries())[: self.system.n]

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
        n = self.system.n
        rows = [
            [x * s if x != 0 else arb(0) for x, s in zip(row, self._sums[:n], strict=True)]
            for row in self._pulls
        ]
        for (j, p), kicks in zip(self.kinks, self._sums[n:], strict=True):
            rows[j][p] = kicks
        return self._given + BallMatrix(rows)

    def _begin(self) -> None:
        """A new pattern."""
        system, kinks, n = self.system, self.kinks, range(self.system.n)
        self._pulls = [[arb(x) for x in row] for row in system.pulls(self.signs, kinks)]
        self._charges = [arb(system.labels[p] * system.outputs[j]) for j, p in kinks]
        self._sums = [arb(0)] * (system.n + len(kinks))
        pulls, gram = BallMatrix(self._pulls), self._gram.tolist()
        squares = (pulls.transpose() * pulls).tolist()
        along = [[self._pulls[j][i] * gram[i][p] for i in n] for j, p in kinks]
        own = [[gram[p][q] if j == i else arb(0) for i, q in kinks] for j, p in kinks]
        rows = [[squares[i][k] * gram[i][k] for k in n] + [row[i] for row in along] for i in n]
        size = len(rows) + len(kinks)
        self._mode = BallMatrix(rows + [x + y for x, y in zip(along, own, strict=True)])
        a = self.preactivations
        sums = [
            sum((p[i] * row[i] for p, row in zip(self._pulls, a, strict=True)), arb(0)) for i in n
        ]
        self._state = BallMatrix(size, 1, sums + [a[j][p] for j, p in kinks])
        self._on = [_positive(a[j][p]) for j, p in kinks]
        self._see()
        # Upper bounds of |c_jpi|, (m, n, n).
        drawn, near = _upper(self._pulls), _upper(gram)
        for (j, p), charge in zip(kinks, self._charges, strict=True):
            drawn[j, p] = float(charge.abs_upper()) * _SPARE
        self._speeds = drawn[:, None, :] * near[None, :, :] * _SPARE
        self._watch(a)

    def _see(self) -> None:
        """The margins, and on which side each kink is."""
        state = list(self._state.entries())
        self._u = state[: self.system.n]
        for a, r in enumerate(state[self.system.n :]):
            on, pair = _positive(r), self.kinks[a]
            if on != self._on[a]:
                self._on[a] = on
                self._cross(pair)
            share = self._charges[a] if on else self._charges[a] * self._slope
            self._u[pair[1]] = self._u[pair[1]] + share * r

    def _watch(self, a: list[list[arb]]) -> None:
        """How much of the way to the nearest kink a unit of each h_i goes at most."""
        room = np.array([[float(x.abs_lower()) for x in row] for row in a]) / _SPARE
        for j, p in self.kinks:
            room[j, p] = np.inf
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            shares = np.where(self._speeds > 0, self._speeds / room[:, :, None], 0.0)
        rates = shares.max(axis=(0, 1)) * _SPARE
        self._rates = [arb(float(x)) for x in rates]
        self._risk = arb(0)

    def _look(self) -> None:
        """Decide every sign, and begin anew where one has changed that is not a kink's."""
        a = self.preactivations
        signs = self._signs(a)
        slides = set(self.kinks)
        changed = [
            (j, i)
            for j, (row, before) in enumerate(zip(signs, self.signs, strict=True))
            for i, (s, old) in enumerate(zip(row, before, strict=True))
            if s != old and (j, i) not in slides
        ]
        if not changed:
            self._watch(a)
            return
        for pair in changed:
            self._cross(pair)
        self._anew(signs)

    def _anew(self, signs: Signs) -> None:
        self.changes += 1
        if self.changes > _MOST_CHANGES:
            raise Unprovable("signs change again and again, and come to no slide")
        self._given = self._moved()
        self.signs, self.kinks, self.begun = signs, self._sliding(), self.time
        self._begin()

    def _cross(self, pair: tuple[int, int]) -> None:
        self._crossed[pair] = self._crossed.get(pair, (0, 0))[1], self.time

    def _sliding(self) -> Kinks:
        """What has crossed 0 twice in the latter half of the run."""
        return tuple(
            sorted(pair for pair, (once, _) in self._crossed.items() if 2 * once > self.time)
        )

    @staticmethod
    def _signs(a: list[list[arb]]) -> Signs:
        return tuple(tuple(map(_positive, row)) for row in a)


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
