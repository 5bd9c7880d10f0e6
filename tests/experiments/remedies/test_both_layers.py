"""Claim 26 in small: what is decided, and what is measured, against runs made otherwise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from latephase.experiments import Support
from latephase.experiments.remedies import both_layers, layered_runs
from latephase.experiments.remedies.layered_runs import Row
from latephase.problem import Dataset
from references.both_layers import descend
from references.problems import Problem

GOOD = {
    "keeps 1/sqrt(ln t)": {"ratio": 1.0},
    "keeps it with another constant": {"ratio": 2.5},
    "beats it": {"ratio": 1.0},
    "stalls": {"power": 0.0, "quarter": 0.25},
    "removes null parts": {"null": 0.0, "gap": 0.01},
    "goes elsewhere": {"power": 1.0},
}


def row(method: str, inputs: str = "1, -1") -> Row:
    """One that does what is claimed."""
    growth = (both_layers.KEEP | both_layers.ELSE).get(method, np.nan)
    power = both_layers.BEAT.get(method, 0.05)
    one = Row(inputs, method, 20, 0.5, 0.5, growth, power, 1.0, 1.0, 1.0, np.nan)
    return replace(one, **GOOD[both_layers.OF[method]])


@pytest.mark.quick
def test_decisions():
    """Ground truth: the criterion, on made-up rows, and every way to miss a part of it."""
    good = [row(method) for method in both_layers.OF]
    assert len(good) == 16
    assert both_layers.decide(good) is Support.SUPPORTED
    assert both_layers.decide([*good, replace(good[0], trials=5)]) is Support.UNDECIDED
    for method, wrong in (
        ("sgd", {"ratio": 1.2}),
        ("nesterov", {"growth": 1.0}),
        ("heavy_ball", {"growth": 1.2}),
        ("polyak_step", {"power": 0.06}),
        ("normalized_gd", {"ratio": 0.8}),
        ("loss_scaled", {"power": 1.0}),
        ("prgd", {"quarter": 1.0}),
        ("dual_acceleration", {"quarter": 0.01}),
        ("weight_decay", {"null": 0.5}),
        ("span_projection", {"gap": 0.2}),
        ("sign_descent", {"power": 0.5}),
        ("sgd", {"ratio": np.nan}),
        ("adam", {"growth": np.nan}),
    ):
        bad = [*good, replace(row(method), **wrong)]
        assert both_layers.decide(bad) is Support.NOT_SUPPORTED, (method, wrong)
    elsewhere = replace(row("sign_descent", "3, -1"), gap=0.5, power=0.0)
    assert both_layers.met(elsewhere)
    assert not both_layers.met(replace(elsewhere, gap=0.1))


@pytest.fixture(scope="module")
def start() -> layered_runs.Starts:
    return layered_runs.starts(Dataset([3.0, -1.0], [1, -1]), 60, 7)


def test_gradient_descent_is_on_its_own_curve(start):
    """Ground truth: single steps against the curve of the exact pieces, and the clock of GD."""
    plain = layered_runs.follow(start, "gd", layered_runs.grid(10**4))
    one, _ = layered_runs.measured(start, "gd", plain)
    assert one.trials == len(start.w) >= 5
    assert one.kept == one.null == 1.0
    assert abs(one.ratio - 1) < 2e-3
    assert abs(one.growth - 1) < 0.02


def test_what_is_measured_on_a_run(start):
    """Ground truth: single steps by another program, and boundary, loss and null parts by hand."""
    seen = layered_runs.follow(start, "gd", [10, 1000])
    kind = (start.data.inputs, np.array([1.0, -1.0]), 0.1, "exponential")
    batch = [
        Problem(str(k), w[:, None], b, v, *kind)
        for k, (w, b, v) in enumerate(zip(start.w, start.b, start.v, strict=True))
    ]
    for k, run in enumerate(descend(batch, [10, 1000])):
        (w, b), v = np.moveaxis(run.theta, -1, 0), run.outer
        own = np.where(v > 0, 3.0, -1.0)
        null = np.abs(w - own * b) / np.hypot(1, own)
        np.testing.assert_allclose(seen.null[:, k], null, rtol=1e-9)
        gap = np.abs(-(v * b).sum(axis=1) / (v * w).sum(axis=1) - 0.5)
        np.testing.assert_allclose(seen.gap[:, k], gap, rtol=1e-9)
        np.testing.assert_allclose(seen.log_inverse_loss[:, k], -run.log_loss, rtol=1e-9)


def test_loss_scaled_steps_throw_one_margin_beyond_the_other():
    """Ground truth: by hand: of two margins far apart only the smaller one is pulled, both its
    factors by 1 + h c, so that on +-1 the boundary, (q1 - q2)/(q1 + q2), jumps from one side to
    the other and stays within tanh ln(1 + h c), c = sqrt 2."""
    start = layered_runs.starts(Dataset([1.0, -1.0], [1, -1]), 60, 7)
    for size in (0.1, 0.05):
        run = layered_runs.follow(start, "loss_scaled", [310, 311, 312, 313, 314, 315], size)
        most = np.tanh(np.log1p(size * np.sqrt(2)))
        assert run.fitted.all()
        assert run.gap.max() < 1.02 * most
        assert np.median(run.gap) > most / 10
