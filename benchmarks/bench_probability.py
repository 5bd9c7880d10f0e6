"""Time and undecided mass of the certified distribution of |C|, for every initializer.

The rival is what a user would do instead: draw 200,000 networks, step them to the end in NumPy, and
count. Its undecided mass is the widest 99.9 % interval of the counts, and it proves nothing.
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from latephase.certificates.odds.probability import certified_distribution
from latephase.problem import Dataset, GradientDescent, initializers

STEP_SIZE, TRIALS, STEPS = 0.1, 200_000, 1000
CONSTANTS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
DATA = Dataset([1.0, -1.0], [1, -1])
WANTED = {"pytorch_default": 1e-2, "uniform": 1e-2}  # 1e-3 for all others


def certified(name: str) -> float:
    """Undecided mass of the certified distribution."""
    wanted = WANTED.get(name, 1e-3)
    method = GradientDescent(STEP_SIZE)
    return certified_distribution(name, DATA, method, CONSTANTS, undecided=wanted).undecided


def sampled(name: str) -> float:
    """Widest interval of 99.9 % from samples."""
    weights, biases = initializers.get(name)(trials=TRIALS, seed=0)
    plus, minus = weights[:, :, 0] + biases, biases - weights[:, :, 0]
    alive = (plus[:, 0] > 0) & (minus[:, 1] > 0)
    at_plus, at_minus = plus[alive], minus[alive]
    sizes = np.abs(landed(at_plus[:, 0], at_plus[:, 1]) - landed(at_minus[:, 1], at_minus[:, 0]))
    counts = np.sum(sizes[:, None] / 2 <= np.array(CONSTANTS), axis=0)
    intervals = [stats.binomtest(int(k), TRIALS).proportion_ci(0.999) for k in counts]
    return max(interval.high - interval.low for interval in intervals)


def landed(right: NDArray[np.float64], wrong: NDArray[np.float64]) -> NDArray[np.float64]:
    """The wrong-side pre-activations once they are at or below 0."""
    right, wrong = right.copy(), wrong.copy()
    moving = np.flatnonzero(wrong > 0)
    for _ in range(STEPS):
        step = 2 * STEP_SIZE * np.exp(wrong[moving] - right[moving])
        right[moving] += step
        wrong[moving] -= step
        moving = moving[wrong[moving] > 0]
    return np.minimum(wrong, 0.0)


def main() -> None:
    """Print the table."""
    print(f"step size {STEP_SIZE}, {len(CONSTANTS)} constants; {TRIALS} samples for comparison")
    print(
        f"{'':18}{'seconds':>9}{'undecided':>11}{'samples: seconds':>18}{'99.9 %':>9}{'ratio':>8}"
    )
    for name in initializers.names():
        row = []
        for run in (certified, sampled):
            start = time.perf_counter()
            row += [run(name), time.perf_counter() - start]
        width, seconds, sample_width, sample_seconds = row
        print(f"{name:18}{seconds:9.2f}{width:11.1e}", end="")
        print(f"{sample_seconds:18.2f}{sample_width:9.1e}{seconds / sample_seconds:8.3f}x")


if __name__ == "__main__":
    main()
