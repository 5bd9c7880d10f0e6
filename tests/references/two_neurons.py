"""Gradient descent of two neurons by its definition, in balls: the ground truth of the tests.

Nothing here is shared with the package but the wrapper of python-flint. Every sign is decided by
the balls or an error is raised, so a reference that comes back is proved.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import fsum, inf

from latephase.core.balls import arb, exact, precision

BITS = 192
MORE_BITS = (BITS, 2 * BITS, 4 * BITS, 8 * BITS)  # sliding widens balls like a power of t
FATOU_BITS = 224  # 66 digits
LARGEST_LOG = 700  # a loss beyond e^700 leaves float64 within a step

Theta = tuple[arb, arb, arb, arb]  # w_1, b_1, w_2, b_2


class Undecided(ArithmeticError):
    """The ball of a pre-activation contains 0 and something positive."""


def reference_run(
    weights: Sequence[float],
    biases: Sequence[float],
    inputs: Sequence[float],
    labels: Sequence[int],
    step_size: float,
    steps: Iterable[int],
) -> dict[int, Theta]:
    """Balls around (w_1, b_1, w_2, b_2) after each of `steps` updates; output weights +1, -1.

    Exponential loss, relu'(0) = 0. About 10 microseconds per update. Starts again with twice the
    bits where a sign is not decided; raises Undecided if 1536 bits do not do, OverflowError where
    float64 could not follow.
    """
    wanted = sorted(set(steps))
    for bits in MORE_BITS:
        try:
            return _run(weights, biases, inputs, labels, step_size, wanted, bits)
        except Undecided as error:
            undecided = error
    raise undecided


def proved_run(
    weights: Sequence[float],
    biases: Sequence[float],
    inputs: Sequence[float],
    labels: Sequence[int],
    step_size: float,
    steps: Iterable[int],
) -> dict[int, Theta]:
    """`reference_run` in 1024 bits at once: balls that are narrow also where steps expand."""
    return _run(weights, biases, inputs, labels, step_size, sorted(set(steps)), 1024)


def _run(
    weights: Sequence[float],
    biases: Sequence[float],
    inputs: Sequence[float],
    labels: Sequence[int],
    step_size: float,
    wanted: list[int],
    bits: int,
) -> dict[int, Theta]:
    with precision(bits):
        theta: Theta = tuple(
            exact(float(p)) for pair in zip(weights, biases, strict=True) for p in pair
        )
        points = [
            (exact(float(x)), y * exact(float(x)), y)
            for x, y in zip(inputs, map(int, labels), strict=True)
        ]
        eta, done, found = exact(float(step_size)), 0, {}
        for step in wanted:
            for _ in range(step - done):
                theta = _step(theta, points, eta)
            done, found[step] = step, theta
    return found


def _step(theta: Theta, points: list[tuple[arb, arb, int]], eta: arb) -> Theta:
    w1, b1, w2, b2 = new_w1, new_b1, new_w2, new_b2 = theta
    for x, yx, y in points:
        a1, a2 = w1 * x + b1, w2 * x + b2
        first, second = _positive(a1), _positive(a2)
        if not (first or second):
            continue
        output = a1 - a2 if first and second else (a1 if first else -a2)
        exponent = output if y < 0 else -output
        if not exponent < LARGEST_LOG:
            raise OverflowError("the loss leaves float64")
        pull = eta * exponent.exp()
        along_x, along_1 = pull * yx, pull if y > 0 else -pull
        if first:
            new_w1, new_b1 = new_w1 + along_x, new_b1 + along_1
        if second:
            new_w2, new_b2 = new_w2 - along_x, new_b2 - along_1
    return new_w1, new_b1, new_w2, new_b2


def _positive(a: arb) -> bool:
    if a > 0:
        return True
    if a <= 0:
        return False
    raise Undecided(f"a pre-activation may be {a}")


def fatou_reference(m: float, c: float, steps: Iterable[int]) -> dict[int, arb]:
    """Balls around the iterates of m <- m + c e^-m after each of `steps`, to 66 digits."""
    with precision(FATOU_BITS):
        level, rate, done, found = exact(float(m)), exact(float(c)), 0, {}
        for step in sorted(set(steps)):
            for _ in range(step - done):
                level = level + rate * (-level).exp()
            done, found[step] = step, level
    return found


def distance(weights: Sequence[float], biases: Sequence[float], truth: Theta) -> float:
    """max over neurons of |Delta (w_j, b_j)| / |(w_j, b_j)|, rounded up; inf for NaN."""
    with precision(BITS):
        return max(
            _neuron_distance(float(w), float(b), *truth[2 * j : 2 * j + 2])
            for j, (w, b) in enumerate(zip(weights, biases, strict=True))
        )


def _neuron_distance(w: float, b: float, true_w: arb, true_b: arb) -> float:
    if fsum((w, b)) - fsum((w, b)) != 0:
        return inf
    apart = ((exact(w) - true_w) ** 2 + (exact(b) - true_b) ** 2).upper()
    size = (true_w**2 + true_b**2).lower()
    return float((apart / size).sqrt()) if apart > 0 else 0.0


def margin_distance(
    weights: Sequence[float],
    biases: Sequence[float],
    inputs: Sequence[float],
    labels: Sequence[int],
    truth: Theta,
) -> float:
    """max over points of |Delta q| / (1 + |q|), q = y N(x), rounded up; inf for NaN."""
    got = [v for pair in zip(weights, biases, strict=True) for v in map(float, pair)]
    if not fsum(map(abs, got)) < inf:
        return inf
    with precision(BITS):
        pairs = [
            (_margin([exact(v) for v in got], float(x), y), _margin(list(truth), float(x), y))
            for x, y in zip(inputs, labels, strict=True)
        ]
        return max(float((abs(a - b) / (1 + abs(b))).upper()) for a, b in pairs)


def _margin(theta: Sequence[arb], x: float, y: int) -> arb:
    w1, b1, w2, b2 = theta
    zero = exact(0.0)
    first, second = w1 * exact(x) + b1, w2 * exact(x) + b2
    return y * (first.max(zero) - second.max(zero))
