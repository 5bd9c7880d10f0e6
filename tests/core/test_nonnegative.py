"""core/nonnegative: against all supports, and where SciPy alone ends the interpreter."""

from __future__ import annotations

import subprocess
import sys
from itertools import combinations

import numpy as np
import pytest

from latephase.core.nonnegative import nonnegative_least_squares


def over_supports(matrix, target):
    """The least distance over all sets of columns whose least squares are positive."""
    best = np.linalg.norm(target)
    for k in range(1, min(matrix.shape) + 1):
        for some in combinations(range(matrix.shape[1]), k):
            columns = matrix[:, some] / np.linalg.norm(matrix[:, some], axis=0)
            x = np.linalg.lstsq(columns, target, rcond=None)[0]
            if (x >= 0).all():
                best = min(best, np.linalg.norm(columns @ x - target))
    return best


@pytest.mark.parametrize("seed", range(6))
def test_against_all_supports(seed):
    """Any shape, columns of lengths from 1e-6 to 1e6, targets that are reached and not."""
    rng = np.random.default_rng(seed)
    for _ in range(50):
        m, n = rng.integers(1, 7, 2)
        matrix = rng.normal(size=(m, n)) * 10.0 ** rng.uniform(-6, 6, n)
        target = rng.normal(size=m) * 10.0 ** rng.uniform(-6, 6)
        x, distance = nonnegative_least_squares(matrix, target)
        size, truth = np.linalg.norm(target), over_supports(matrix, target)
        assert (x >= 0).all()
        assert abs(distance - truth) <= 1e-12 * size
        assert abs(np.linalg.norm(matrix @ x - target) - truth) <= 1e-10 * size


@pytest.mark.parametrize("apart", [1e-3, 1e-8, 1e-16])
def test_columns_that_are_parallel_but_for_so_much(apart):
    """The distance is that of one column for each bundle, to what the bundle is apart."""
    rng = np.random.default_rng(1)
    for _ in range(100):
        once = rng.normal(size=(4, 3))
        matrix = once[:, np.arange(12) % 3] * np.exp(rng.normal(size=12))
        matrix *= 1 + apart * rng.uniform(-1, 1, matrix.shape)
        target = rng.normal(size=4)
        _, distance = nonnegative_least_squares(matrix, target)
        assert abs(distance - over_supports(once, target)) <= (50 * apart + 1e-13) * 4


PARALLEL = """
import numpy as np
from latephase.core.nonnegative import nonnegative_least_squares
walls = np.array([
    [-0.9578501021683015, 0.053051606785433345, -0.2823273079134538, 2.5582558356471092e-17],
    [0.4116931191139402, -0.908558310237954, -0.07092652939337252, 5.710400742149535e-18],
    [0.9578492884424125, -0.0529490552623197, 0.2823493194204513, 1.8055366505779798e-17],
    [-0.9578515574056182, 0.05323841789917697, -0.2822872027478826, -1.3884766056697467e-17],
    [0.3227794434627356, -0.4832368528486171, 0.8138154427920687, 1.0],
])
x, distance = nonnegative_least_squares(walls.T, np.array([0.0, 0.0, 0.0, 1.0]))
assert (x >= 0).all() and 0 <= distance < 1
print("survived")
"""


def test_the_interpreter_survives_walls_of_which_most_are_one():
    """Walls of a cell of thirty neurons, in a process of its own: SciPy 1.17 alone ends it."""
    run = subprocess.run([sys.executable, "-c", PARALLEL], capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (0, "survived\n")
