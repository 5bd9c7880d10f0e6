"""Dataset: what it keeps, what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import message_is_one_line, relative_error
from latephase.core import InputError
from latephase.problem import Dataset

BAD = [
    ([1.0, np.nan], [1, -1]),
    ([1.0, np.inf], [1, -1]),
    ([], []),
    ([[]], [1]),
    (1.0, 1),
    ([[[1.0]], [[2.0]]], [1, -1]),
    ([[1, 2], [3]], [1, -1]),
    ([1, 2, 3], [1, -1]),
    ([1, 2], [[1], [-1]]),
    ([1, 2], [1, 0]),
    ([1, 2], [1, 2]),
    ([1, 2], [1, np.nan]),
    ([1, 2], [True, False]),
    ([1, 2], [1, 1]),
    ([1, 1], [1, -1]),
    ([0.0, -0.0], [1, -1]),
    ([[1, 2], [3, 4], [1, 2]], [1, 1, -1]),
    (["1", "2"], [1, -1]),
    ([1, 10**400], [1, -1]),
    ([1j, 2], [1, -1]),
    (None, [1, -1]),
]


@pytest.mark.parametrize(("inputs", "labels"), BAD)
def test_bad_data_are_refused_in_one_line(inputs, labels):
    """Ground truth: the contract of a data set."""
    with pytest.raises(InputError) as caught:
        Dataset(inputs, labels)
    assert message_is_one_line(caught.value)


def test_shapes_types_and_order_are_kept():
    """Ground truth: the data as given."""
    data = Dataset(inputs=[2.0, -1.0, 0.5], labels=[-1.0, 1.0, -1.0])
    assert data.inputs.tolist() == [[2.0], [-1.0], [0.5]]
    assert data.labels.tolist() == [-1, 1, -1]
    assert (data.n, data.d) == (3, 1)
    assert data.inputs.dtype == np.float64
    assert data.labels.dtype == np.int64


def test_data_are_copied_and_read_only():
    """Ground truth: the data at the time of construction."""
    mine = np.array([[1.0, 2.0], [3.0, 4.0]])
    data = Dataset(mine, [1, -1])
    mine[0, 0] = 99.0
    assert data.inputs[0, 0] == 1.0
    for array in (data.inputs, data.labels):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_equal_inputs_with_equal_labels_are_allowed():
    """Ground truth: they contradict nothing."""
    assert Dataset([1, 1, 2], [1, 1, -1]).n == 3


@pytest.mark.parametrize(
    ("inputs", "labels", "margin"),
    [
        ([1.0, -1.0], [1, -1], 1.0),
        ([-1.0, 1.0], [1, -1], 1.0),
        ([0.0, 10.0, 7.0, 3.0], [1, -1, -1, 1], 2.0),
        ([[0, 0], [3, 4], [30, 40]], [1, -1, -1], 2.5),
        ([[0, 0], [3e200, 4e200]], [1, -1], 2.5e200),
        ([[0, 0], [3e-200, 4e-200]], [1, -1], 2.5e-200),
    ],
)
def test_optimal_margin(inputs, labels, margin):
    """Ground truth: half the distance by hand (3-4-5 triangles, also where squares overflow)."""
    assert relative_error(Dataset(inputs, labels).optimal_margin, margin) < 1e-15
