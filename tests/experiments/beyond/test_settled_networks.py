"""Claim 27 in small: what it counts, and what it makes of that."""

from __future__ import annotations

from collections import Counter

import pytest

import latephase as lp
from latephase.experiments import Bench, Support
from latephase.experiments.beyond import settled_networks
from latephase.experiments.beyond.settled_networks import Tried, decide, network, tried


@pytest.mark.slow
def test_every_network_is_counted_once(monkeypatch):
    """Ground truth: certificates and runs of the same networks, one by one."""
    shape = (4, 2, 1)
    monkeypatch.setitem(settled_networks.NETWORKS, shape, 4)
    found = tried(Bench(seed=0), shape)
    assert len(found.ends) == 4
    assert found.proved + found.reasons.total() == found.ends.count("still")
    assert found.trained <= found.proved
    assert found.differ == 0
    slid = found.single.count + found.several.count
    assert slid == found.ends.count("slides")
    proved = 0
    for number, end in enumerate(found.ends):
        net, data = network(shape, 0, number)
        assert (net.m, data.n, data.d) == shape
        step = 2.0**-4 if lp.max_stable_step(net, data) >= 2.0**-3 else None
        if end == "slides":
            assert step, "each of these four takes the largest step"
            verdict = lp.certify(net, data, lp.GradientDescent(step), max_steps=20_000).verdict
            proved += verdict is lp.Verdict.PROVED
    assert proved == found.single.proved + found.several.proved > 0
    assert found.single.differ == found.several.differ == 0


def test_the_verdict_is_that_of_the_criterion():
    """Ground truth: the criterion: enough networks, nine tenths proved, none contradicted."""

    def of(still: int, proved: int, differ: int = 0) -> Support:
        ends = ["still"] * still + ["slides", "open"]
        return decide([Tried((2, 2, 2), ends, proved, proved, Counter(), differ)])

    assert of(10, 9) is Support.of(True)
    assert of(10, 8) is Support.of(False)
    assert of(10, 10, differ=1) is Support.of(False)
    assert of(7, 7) is Support.UNDECIDED
