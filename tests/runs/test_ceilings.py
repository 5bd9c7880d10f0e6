"""What would fill the memory is refused before it does, in one line that says why."""

from __future__ import annotations

import numpy as np
import pytest

import latephase as lp
from helpers import refusal
from latephase.certificates.ensemble import certify_ensemble
from latephase.late.engines.choice import MOST_NEURONS, MOST_POINTS

DATA, GD = lp.Dataset([1.0, -1.0], [1, -1]), lp.GradientDescent(0.1)
NET = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2])
PLAN = {"trials": 4, "seed": 0, "until": 10}


def wide(neurons: int, features: int = 1) -> lp.ShallowReLU:
    return lp.ShallowReLU(np.ones((neurons, features)), np.zeros(neurons), np.ones(neurons))


def many(points: int) -> lp.Dataset:
    return lp.Dataset(np.arange(1.0, points + 1), np.where(np.arange(points) % 2, 1, -1))


CEILINGS = {
    "samples": (lambda: lp.simulate(NET, DATA, GD, until="1e9", samples=10**12), "samples"),
    "times": (lambda: lp.simulate(NET, DATA, GD, until=9, at=[1] * (10**6 + 1)), "times `at`"),
    "log times": (lambda: lp.log_times("1e9", 10**12), "samples"),
    "points": (lambda: lp.simulate(NET, many(MOST_POINTS + 1), GD, until=9), "points"),
    "neurons": (lambda: lp.simulate(wide(MOST_NEURONS + 1), DATA, GD, until=9), "neurons"),
    "predict": (lambda: lp.predict(wide(MOST_NEURONS + 1), DATA, GD), "neurons"),
    "trajectory": (
        lambda: lp.simulate(
            wide(10_000, 9), lp.Dataset(np.eye(9)[:2], [1, -1]), GD, until=9, at=[0] * 3000
        ),
        "2 GB",
    ),
    "batch": (
        lambda: lp.ensemble("uniform", DATA, GD, **PLAN | {"trials": 3_000_000}, batch=3_000_000),
        "8 GB",
    ),
    "trials": (lambda: lp.ensemble("uniform", DATA, GD, **PLAN | {"trials": 10**12}), "trials"),
    "certified": (
        lambda: certify_ensemble("uniform", DATA, GD, trials=10**9, seed=0),
        "trials",
    ),
    "compared": (
        lambda: lp.compare("uniform", DATA, [GD], **PLAN | {"trials": 10**8}),
        "samples",
    ),
}


@pytest.mark.quick
@pytest.mark.parametrize(("ask", "word"), CEILINGS.values(), ids=CEILINGS.keys())
def test_a_ceiling_is_told(ask, word):
    """Ground truth: the limits of docs/certificates.md."""
    assert word in refusal(ask)


@pytest.mark.quick
def test_a_batch_is_as_large_as_there_are_trials():
    """Ground truth: the same ensemble in the usual batches."""
    found = lp.ensemble("uniform", DATA, lp.GradientFlow(), **PLAN, batch=10**12)
    assert found.drop_attrs().identical(
        lp.ensemble("uniform", DATA, lp.GradientFlow(), **PLAN).drop_attrs()
    )
