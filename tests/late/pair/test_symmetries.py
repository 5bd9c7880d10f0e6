"""Symmetries of the late phase that hold for every network, data set and horizon."""

from __future__ import annotations

import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import latephase as lp
from helpers import norm_error, relative_error
from latephase.core import log_spaced
from latephase.late.engine import Goal
from latephase.late.engines.exact_pieces import LatePhase, follow_trials
from latephase.problem import TwoPointGeometry

# No shrinking: a failing example is small already, and each one takes a tenth of a second or more.
deterministic = settings(
    derandomize=True, max_examples=8, deadline=None, database=None, phases=[Phase.generate]
)

TIMES = ["0", "1", "5", "70", "1e4", "1e30", "1e1000"]
SAMPLES = [lp.LogTime.parse(t) for t in TIMES]
ROUNDING = 1e-11
DATA = [(1, -1), (2, -0.5), (3, -1), (2, -3), (0.5, -0.75), (1, 3), (0.3, 0.9)]

data_sets = st.sampled_from(DATA)
step_sizes = st.sampled_from([0.01, 0.1, 0.5])
seeds = st.integers(0, 2**32)
VARIABLES = ("robustness_margin", "log_loss")


def networks(seed: int, trials: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Weights and biases (T, 2); round numbers, some of them equal, in half of the trials."""
    drawn = np.random.default_rng(seed).normal(size=(2, trials, 2))
    drawn[:, ::2] = np.round(2 * drawn[:, ::2]) / 2
    return drawn[0], drawn[1]


def late(inputs, labels, weights, biases, step_size, samples=SAMPLES) -> LatePhase:
    geometry = TwoPointGeometry.of(lp.Dataset(inputs, labels))
    method, goal = lp.GradientDescent(step_size), Goal(lp.LogTime.parse("1e1000"))
    return follow_trials(geometry, weights, biases, method, samples, goal)


def endings(found: LatePhase) -> list[tuple[object, object]]:
    return list(zip(found.journey.outcome, found.journey.regime))


def check_mirrored(one: LatePhase, two: LatePhase, swap: bool, flip: bool) -> None:
    """Whether `two` is the image of `one`: neurons swapped, the input axis flipped."""
    assert endings(one) == endings(two)
    order = [1, 0] if swap else [0, 1]
    sign = np.array([-1.0 if flip else 1.0, 1.0])[None, :, None, None]
    image = two.record.parameters[order] * sign
    exact = one.record.exact & two.record.exact
    truth = np.moveaxis(one.record.parameters, (0, 1), (2, 3))  # (T, S, neuron, [w, b])
    moved = np.moveaxis(image, (0, 1), (2, 3))
    assert norm_error(moved[exact], truth[exact]) < ROUNDING
    known = ~np.isnan(truth).any(axis=(2, 3))
    assert np.array_equal(known, ~np.isnan(moved).any(axis=(2, 3)))
    size = np.linalg.norm(truth, axis=3)
    with np.errstate(invalid="ignore", divide="ignore"):
        off = np.linalg.norm(moved - truth, axis=3) / np.where(size > 0, size, np.inf)
    allowed = one.record.error + two.record.error
    assert (off.max(axis=2)[known] <= allowed[known] + ROUNDING).all()
    for name in VARIABLES:
        a, b = one.record.observed[name][exact], two.record.observed[name][exact]
        if name == "log_loss":
            a, b = np.exp(a / 3000), np.exp(b / 3000)  # a loss of 1 has the logarithm 0
        assert relative_error(b + 1, a + 1) < 1e-9
    constants = one.laws.constant, two.laws.constant * (-1 if flip else 1)
    settled = np.abs(constants[0]) > 1e-6
    assert relative_error(constants[1][settled], constants[0][settled]) < 1e-6


@deterministic
@given(data_sets, seeds, step_sizes)
def test_mirror_symmetry(inputs, seed, step_size):
    """Ground truth: swapping the neurons and the labels of the points changes nothing else."""
    weights, biases = networks(seed)
    one = late(inputs, (1, -1), weights, biases, step_size)
    two = late(inputs, (-1, 1), weights[:, ::-1], biases[:, ::-1], step_size)
    check_mirrored(one, two, swap=True, flip=False)


@deterministic
@given(data_sets, seeds, step_sizes)
def test_flipping_the_input_axis(inputs, seed, step_size):
    """Ground truth: x -> -x flips the weights and nothing else."""
    weights, biases = networks(seed)
    one = late(inputs, (1, -1), weights, biases, step_size)
    two = late([-x for x in inputs], (1, -1), -weights, biases, step_size)
    check_mirrored(one, two, swap=False, flip=True)


@deterministic
@given(data_sets, seeds, step_sizes)
def test_order_of_points(inputs, seed, step_size):
    """Ground truth: the order in which the points are given changes nothing, bit for bit."""
    weights, biases = networks(seed)
    one = late(inputs, (1, -1), weights, biases, step_size)
    two = late(inputs[::-1], (-1, 1), weights, biases, step_size)
    assert endings(one) == endings(two)
    assert np.array_equal(one.record.parameters, two.record.parameters, equal_nan=True)


@deterministic
@given(data_sets, seeds, step_sizes, st.permutations(range(8)))
def test_permutation_of_trials(inputs, seed, step_size, order):
    """Ground truth: each trial is the same whatever runs beside it, and in any order."""
    weights, biases = networks(seed)
    one = late(inputs, (1, -1), weights, biases, step_size)
    two = late(inputs, (1, -1), weights[order], biases[order], step_size)
    alone = late(inputs, (1, -1), weights[order[:1]], biases[order[:1]], step_size)
    for other, rows in ((two, order), (alone, order[:1])):
        assert endings(other) == [endings(one)[i] for i in rows]
        check_same(one.record.parameters[:, :, rows], other.record.parameters)
        check_same(one.record.observed["log_loss"][rows], other.record.observed["log_loss"])


def check_same(one: np.ndarray, two: np.ndarray) -> None:
    """Equal up to a few ulps: arrays of another length may be summed in another order."""
    assert relative_error(two, one) < 1e-13


@deterministic
@given(data_sets, seeds, step_sizes, st.integers(2, 60))
def test_sampling_grid(inputs, seed, step_size, samples):
    """Ground truth: the times at which a run is sampled do not change it."""
    weights, biases = networks(seed)
    grid = log_spaced(lp.LogTime.parse("1e1000"), samples)
    both = sorted({*grid, *SAMPLES})
    few = late(inputs, (1, -1), weights, biases, step_size)
    many = late(inputs, (1, -1), weights, biases, step_size, both)
    assert endings(few) == endings(many)
    picked = [both.index(t) for t in SAMPLES]
    one, two = (np.moveaxis(p, (0, 1), (2, 3)) for p in
                (few.record.parameters, many.record.parameters[..., picked]))  # fmt: skip
    exact = few.record.exact & many.record.exact[:, picked]
    assert norm_error(two[exact], one[exact]) < ROUNDING
    size = np.linalg.norm(one, axis=3)
    off = np.linalg.norm(two - one, axis=3) / np.where(size > 0, size, np.inf)
    known = ~np.isnan(off).any(axis=2)
    allowed = few.record.error + many.record.error[:, picked]
    assert (off.max(axis=2)[known] <= allowed[known] + ROUNDING).all()
