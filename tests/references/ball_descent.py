"""Gradient descent of arbitrary shallow networks in balls: proved, and slow.

Nothing here is shared with the package but the wrapper of python-flint. A sign that a ball does not
decide raises, so what comes back encloses the true run. Balls widen at every step by as much as two
runs could drift apart if nothing pulled them together; where the loss stays up, that is exponential
in the number of steps. Where no precision keeps them narrow, their centres are stepped alone, with
two precisions that must agree: no proof, but 38 more digits than a double has.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from flint import arb, arb_mat

from latephase.core.balls import exact, precision
from references.problems import Floats, Problem

BITS = (128, 512, 2048)
CENTRE_BITS = (192, 256)
NARROW = 1e-18  # relative width at which a ball counts as the truth
LARGEST_LOG = 700
ZERO = arb(0)


class Undecided(ArithmeticError):
    """The precision does not decide the sign of a pre-activation, or does not keep balls narrow."""


def ball_descend(p: Problem, times: Sequence[int]) -> tuple[list[arb_mat], bool]:
    """(m, d + 1) balls around (w_j, b_j) after each of `times` updates, and whether proved.

    Times increase. Starts again with more bits where a sign stays open or a ball becomes wide;
    raises Undecided if even the centres of two precisions disagree. 6 to 50 microseconds per step.
    """
    for bits in BITS:
        try:
            return run_balls(p, times, bits), True
        except Undecided:
            continue
    first, second = (run_balls(p, times, bits, centred=True) for bits in CENTRE_BITS)
    if not all(agree(a, b) for a, b in zip(first, second)):
        raise Undecided(f"{CENTRE_BITS} bits disagree on {p.name}")
    return second, False


def run_balls(p: Problem, times: Sequence[int], bits: int, centred: bool = False) -> list[arb_mat]:
    """Balls of one precision, or their centres alone; raises Undecided."""
    with precision(bits):
        walk, done, found = _Walk(p, centred), 0, []
        for time in times:
            for _ in range(time - done):
                walk.step()
            done = time
            found.append(walk.theta())
            if not _narrow(found[-1]):
                raise Undecided(f"{bits} bits are too few for {time} steps")
    return found


class _Walk:
    """The neurons that still move, in balls."""

    def __init__(self, p: Problem, centred: bool) -> None:
        self.centred = centred
        self.rows = _rows(p.theta)
        self.points = arb_mat(_rows(p.z))
        self.columns = self.points.transpose()
        self.logistic = p.loss == "logistic"
        self.labels = [int(y) for y in p.labels]
        self.outer = [exact(float(v)) for v in p.output_weights]
        self.eta = exact(p.step_size)
        self.live = list(range(len(self.outer)))
        self.moving = arb_mat(self.rows)

    def theta(self) -> arb_mat:
        """(w, b) of all neurons."""
        for j, row in zip(self.live, self.moving.tolist() if self.live else []):
            self.rows[j] = row
        return arb_mat(self.rows)

    def step(self) -> None:
        """One update."""
        if not self.live:
            return
        values = (self.moving * self.columns).tolist()
        active = [[i for i, a in enumerate(row) if _positive(a)] for row in values]
        if all(active):
            self.moving += arb_mat(self._pulls(values, active)) * self.points
            if self.centred:
                self.moving = self.moving.mid()
        else:
            self._rest([k for k, where in enumerate(active) if where])
            self.step()

    def _rest(self, live: list[int]) -> None:
        """Put those aside that are active nowhere: they never move again."""
        self.theta()
        self.live = [self.live[k] for k in live]
        if live:
            self.moving = arb_mat([self.rows[j] for j in self.live])

    def _pulls(self, values: list[list[arb]], active: list[list[int]]) -> list[list[arb]]:
        """What point i adds to neuron j, in units of z_i."""
        outputs = [ZERO] * len(self.labels)
        for j, row, where in zip(self.live, values, active):
            for i in where:
                outputs[i] += self.outer[j] * row[i]
        pulls: list[arb | None] = [None] * len(outputs)
        rows = []
        for j, where in zip(self.live, active):
            rows.append(row := [ZERO] * len(outputs))
            for i in where:
                if pulls[i] is None:
                    pulls[i] = self._pull(outputs[i], self.labels[i])
                row[i] = self.outer[j] * pulls[i]
        return rows

    def _pull(self, output: arb, label: int) -> arb:
        """eta y_i |loss'(y_i N(x_i))|."""
        exponent = -output if label > 0 else output
        if not (self.logistic or exponent < LARGEST_LOG):
            raise OverflowError("the loss leaves float64")
        size = exponent.exp()
        size = self.eta * (size / (1 + size) if self.logistic else size)
        return size if label > 0 else -size


def _positive(a: arb) -> bool:
    if a > ZERO:
        return True
    if a <= ZERO:
        return False
    raise Undecided(f"a pre-activation may be {a}")


def _rows(values: Floats) -> list[list[arb]]:
    return [[exact(float(value)) for value in row] for row in values]


def _narrow(theta: arb_mat) -> bool:
    """Whether every (w_j, b_j) is known to NARROW of its length; one of length 0 exactly."""
    return all(
        sum((b.rad() for b in row), ZERO) <= NARROW * max(float(abs(b).lower()) for b in row)
        for row in theta.tolist()
    )


def agree(first: arb_mat, second: arb_mat) -> bool:
    """Whether every (w_j, b_j) is the same to NARROW."""
    pairs = zip(first.tolist(), second.tolist())
    return all(_neuron_distance(a, b) <= NARROW for a, b in pairs)


def ball_distance(theta: Floats, truth: arb_mat) -> float:
    """max over neurons of |Delta (w_j, b_j)| / |(w_j, b_j)|, rounded up; inf for NaN."""
    if not np.all(np.isfinite(theta)):
        return float("inf")
    with precision(BITS[0]):
        pairs = zip(_rows(theta), truth.tolist())
        return max(_neuron_distance(got, true) for got, true in pairs)


def _neuron_distance(got: list[arb], true: list[arb]) -> float:
    apart = sum(((a - b) * (a - b) for a, b in zip(got, true)), ZERO).upper()
    size = sum((b * b for b in true), ZERO).lower()
    return float((apart / size).sqrt().upper()) if apart > 0 else 0.0
