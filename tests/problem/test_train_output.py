"""Networks whose output weights are trained, too: the record, its file, and who refuses it."""

from __future__ import annotations

import numpy as np
import pytest

import latephase as lp
from helpers import refusal

DATA = lp.Dataset([1.0, -1.0], [1, -1])
NET = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2], [0.5, -2.0], train_output=True)
GD = lp.GradientDescent(0.1)


def test_the_record_keeps_it(tmp_path):
    """Ground truth: the constructor's arguments, and a file of 0.1, which has no such array."""
    assert NET.train_output
    assert not lp.ShallowReLU([0.7, -0.4]).train_output
    assert "train_output=True" in repr(NET)
    moved = NET.with_parameters(2 * NET.parameters, [3.0, 4.0])
    assert moved.train_output
    assert moved.output_weights.tolist() == [3.0, 4.0]
    assert NET.with_parameters(NET.parameters).output_weights.tolist() == [0.5, -2.0]
    again = lp.ShallowReLU.load(NET.save(tmp_path / "net.npz"))
    assert again.train_output
    assert np.array_equal(again.output_weights, NET.output_weights)
    np.savez(tmp_path / "old.npz", weights=[[1.0], [2.0]], output_weights=[1.0, -1.0])
    assert not lp.ShallowReLU.load(tmp_path / "old.npz").train_output


def test_an_output_bias_is_kept_too(tmp_path):
    """Ground truth: the constructor's arguments; N(x) by hand; one that is fixed is refused."""
    net = lp.ShallowReLU([2.0], None, [0.5], train_output=True, output_bias=-0.25)
    assert net([1.0, -1.0]).tolist() == [0.75, -0.25]
    assert net.with_parameters([[4.0]], [1.0], 0.5)([1.0]).tolist() == [4.5]
    assert lp.ShallowReLU.load(net.save(tmp_path / "net.npz")).output_bias == -0.25
    assert float(lp.robustness_margin(net, lp.Dataset([1.0, -1.0], [1, -1]))) == 0.75
    assert "output bias" in refusal(lp.ShallowReLU, [2.0], None, [0.5], output_bias=0.0)
    for value in (np.nan, "1", [1.0, 2.0]):
        asked = {"train_output": True, "output_bias": value}
        assert "output_bias" in refusal(lp.ShallowReLU, [0.7, -0.4], **asked)


@pytest.mark.parametrize("value", [1, "yes", None, np.array([True])])
def test_other_than_a_flag_is_refused(value):
    """Ground truth: the contract."""
    assert "train_output" in refusal(lp.ShallowReLU, [0.7, -0.4], train_output=value)


def test_what_cannot_follow_it_says_so():
    """Ground truth: one line that names it."""
    assert "of a constant step size" in refusal(lp.predict, NET, DATA, lp.Adam(0.1))
