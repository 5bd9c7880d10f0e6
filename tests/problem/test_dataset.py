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


def labels(tmp_path, texts: str, positive: object) -> list[int]:
    lines = [f"{i},{text}" for i, text in enumerate(texts.split())]
    (tmp_path / "points.csv").write_text("\n".join(["x,label", *lines]))
    return Dataset.from_csv(tmp_path / "points.csv", positive=positive).labels.tolist()


@pytest.mark.parametrize(
    ("texts", "positive", "signs"),
    [
        ("007 7", "7", [-1, 1]),
        ("007 7", "007", [1, -1]),
        ("1E3 1000 1E3", "1E3", [1, -1, 1]),
        ("1.1 1.10", "1.10", [-1, 1]),
        ("12345678901234567 12345678901234568", "12345678901234568", [-1, 1]),
        ("12345678901234567 12345678901234568", 12345678901234567, [1, -1]),
        ("007 7 8", 7, [1, 1, -1]),
        ("1 1.0 +1 2", "1", [1, 1, 1, -1]),
        ("1 1.0 0", np.int64(1), [1, 1, -1]),
        ("1e99999999999999999999 1", "1", [-1, 1]),
    ],
)
def test_labels_merge_only_where_they_are_given_as_numbers(tmp_path, texts, positive, signs):
    """Ground truth: the texts, told apart by eye; 16 digits and more are beyond a float."""
    assert labels(tmp_path, texts, positive) == signs


@pytest.mark.parametrize(
    ("texts", "positive"),
    [("007 7 8", "7"), ("1E3 2", "1000"), ("1.00000000000000000001 -1", None), ("7 8 9", 7)],
)
def test_labels_that_do_not_say_two_classes_are_refused(tmp_path, texts, positive):
    """Ground truth: three texts, a text that is not there, a number that is not quite 1."""
    with pytest.raises(InputError) as caught:
        labels(tmp_path, texts, positive)
    assert message_is_one_line(caught.value)


def test_a_mask_is_not_dropped():
    """Ground truth: NumPy: below its mask the second input is 999, which would be trained on."""
    inputs = np.ma.masked_equal([1.0, 999.0, -1.0], 999.0)
    for given in (inputs, [[x] for x in inputs], [inputs[:1], inputs[1:2], inputs[2:]]):
        with pytest.raises(InputError, match="masked"):
            Dataset(given, [1, 1, -1])
    with pytest.raises(InputError, match="masked"):
        Dataset([1.0, 2.0, -1.0], np.ma.array([1, 1, -1], mask=[0, 1, 0]))


def test_whole_numbers_that_no_float64_is_are_refused():
    """Ground truth: 2^53 + 1 has 54 digits; float64 would make it the point 2^53."""
    with pytest.raises(InputError, match="9007199254740993"):
        Dataset([2**53, 2**53 + 1], [1, -1])
    assert Dataset([2**53, 2**60], [1, -1]).inputs.tolist() == [[2.0**53], [2.0**60]]
