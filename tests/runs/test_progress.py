"""`progress`: called on the way, never going back, wherever it is accepted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import latephase as lp

LINE = lp.Dataset([1.0, -1.0], [1, -1])
NEAR = lp.Dataset([2.0, 1.0], [1, -1])
NET = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2])
RNG = np.random.default_rng(4)
WIDE = lp.ShallowReLU(RNG.normal(size=(4, 2)), RNG.normal(size=4), [1.0, -1.0, 1.0, -1.0])
PLANE = lp.Dataset(RNG.normal(size=(3, 2)), [1, -1, 1])
GD, FLOW = lp.GradientDescent(0.1), lp.GradientFlow()
Summarised = Callable[[int, int], None]
CALLS: dict[str, tuple[Callable[[Summarised], object], int]] = {
    "exact pieces": (lambda p: lp.simulate(NET, LINE, GD, until="1e9", progress=p), 1),
    "a flow": (lambda p: lp.simulate(NET, NEAR, FLOW, until="1e9", progress=p), 1),
    "any network": (lambda p: lp.simulate(WIDE, PLANE, GD, until="1e4", progress=p), 1000),
    "logistic": (
        lambda p: lp.simulate(NET, LINE, GD, until="1e9", loss="logistic", progress=p),
        1000,
    ),
    "t = 0": (lambda p: lp.simulate(WIDE, PLANE, GD, until=0, progress=p), 1000),
    "a method": (lambda p: lp.simulate(NET, LINE, lp.Adam(0.1), until=50, progress=p), 50),
    "predict": (lambda p: lp.predict(NET, NEAR, FLOW, progress=p), 1),
    "ensemble": (
        lambda p: lp.ensemble("uniform", LINE, GD, trials=5, seed=0, until=9, batch=2, progress=p),
        5,
    ),
    "ensemble of flows": (
        lambda p: lp.ensemble("uniform", NEAR, FLOW, trials=5, seed=0, until=9, progress=p),
        5,
    ),
    "compare": (
        lambda p: lp.compare("uniform", LINE, [GD], trials=2, seed=0, until=50, progress=p),
        50,
    ),
}


@pytest.mark.parametrize(("call", "total"), CALLS.values(), ids=CALLS.keys())
def test_progress_is_told_and_reaches_its_end(call, total):
    """Ground truth: the documented totals: one run, thousandths, updates, trials."""
    told: list[tuple[int, int]] = []
    call(lambda done, all_: told.append((done, all_)))
    done = [d for d, _ in told]
    assert told
    assert {t for _, t in told} == {total}
    assert done == sorted(done)
    assert done[-1] == total
    assert all(isinstance(d, int) for d in done)


def test_a_run_with_several_modes_is_told_between_them():
    """Ground truth: two chains of several pieces each, none of which takes the whole way."""
    told: list[int] = []
    lp.simulate(WIDE, PLANE, GD, until="1e4", progress=lambda done, _: told.append(done))
    assert sum(0 < d < 500 for d in told) >= 2
    assert sum(500 < d < 1000 for d in told) >= 2


def test_a_run_is_the_same_whoever_watches():
    """Ground truth: the run without progress, bit by bit; and no watcher is left behind."""
    runs = [lp.simulate(WIDE, PLANE, GD, until="1e4", progress=p) for p in (None, lambda *_: None)]
    assert runs[0].trajectory.identical(runs[1].trajectory)

    def stop(done: int, total: int) -> None:
        if done:
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        lp.simulate(WIDE, PLANE, GD, until="1e4", progress=stop)
    lp.simulate(WIDE, PLANE, GD, until="1e4", at=[1])


def test_a_proof_tells_its_steps():
    """Ground truth: a slide of x1 x2 > -1, stepped until the budget of 3000 is used up."""
    told: list[tuple[int, int]] = []
    lp.certify(
        lp.ShallowReLU([0.8, 0.8], [0.7, 0.8]),
        lp.Dataset([3.0, 0.5], [1, -1]),
        lp.GradientDescent(0.01),
        max_steps=3000,
        progress=lambda done, total: told.append((done, total)),
    )
    assert len(told) >= 3
    assert told == sorted(told)
    assert {total for _, total in told} == {3000}
