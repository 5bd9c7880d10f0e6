"""The work of the solver once a run has settled: it grows like ln ln t, not like t or ln t."""

from __future__ import annotations

import numpy as np
import pytest

import latephase as lp
from latephase.late.chain import moves
from latephase.late.modes import follow


def steps(monkeypatch: pytest.MonkeyPatch, until: str, method: object) -> int:
    """How many steps of the solver lead to `until` in a run that slides and settles."""
    count = 0

    def counted(*told):
        nonlocal count
        found = follow.follow(*told)
        count += found.work
        return found

    rng = np.random.default_rng(4)
    outer = np.where(np.arange(6) % 2 == 0, 1.0, -1.0)
    net = lp.ShallowReLU(rng.normal(size=(6, 2)) / 3, rng.normal(size=6) / 3, outer)
    data = lp.Dataset(rng.normal(size=(5, 2)), [1, -1, 1, -1, 1])
    with monkeypatch.context() as patch:
        patch.setattr(moves, "follow", counted)
        run = lp.simulate(net, data, method, until=until, at=[until])
    assert run.outcome is lp.Outcome.settled
    return count


@pytest.mark.parametrize("compiled", {follow.COMPILED, False})
@pytest.mark.parametrize("method", [lp.GradientFlow(), lp.GradientDescent(0.05)])
def test_steps_grow_like_the_logarithm_of_the_logarithm(monkeypatch, method, compiled):
    """ln t = 10^2 to 10^5: a thousand times as long in ln t is no more work to speak of."""
    monkeypatch.setattr(follow, "COMPILED", compiled)
    horizons = [f"10**{round(x / np.log(10))}" for x in (1e2, 1e3, 1e4, 1e5)]
    work = [steps(monkeypatch, until, method) for until in horizons]
    assert 0 < max(work) <= 1.3 * work[0]
