"""Claims examined on a cluster: what one process finds, and the runs that its report keeps."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest

from latephase.core import LatephaseError
from latephase.core import cluster as ours
from latephase.experiments import CLAIMS, Bench
from latephase.experiments.examine import examine, examine_on

pytest.importorskip("distributed", reason="Dask is not installed (extra `cluster`)")
NAMES = ("he_initialisation", "initializers", "patterns")
QUICK = [claim for claim in CLAIMS if claim.key in NAMES]


def test_a_cluster_finds_the_same():
    """Ground truth: the claims examined in one process, and the runs on its bench."""
    here, there, told = Bench(100, 5), Bench(100, 5), []
    found = examine(QUICK, here, lambda *_: None, lambda *_: None)
    with ours.connected("local:2") as client:
        ended = examine_on(client, QUICK, there, lambda claim, _: told.append(claim.key))
    assert [claim.key for claim, _ in ended] == [claim.key for claim, _ in found]
    assert sorted(told) == sorted(claim.key for claim in QUICK)
    for (_, one), (_, other) in zip(found, ended, strict=True):
        assert repr(one) == repr(other)
        assert pickle.dumps(one.settings) == pickle.dumps(other.settings)
    kept, other = here.kept_runs(), there.kept_runs()
    assert kept.keys() == other.keys()
    assert all(kept[name].identical(other[name]) for name in kept)
    assert kept


@pytest.mark.campaign
def test_a_claim_that_fails_is_named():
    unknown = replace(QUICK[0], key="nothing")
    failed = pytest.raises(LatephaseError, match=r"claim [0-9]+ has failed, KeyError")
    with ours.connected("local:1") as client, failed:
        examine_on(client, [unknown], Bench(10, 0), lambda *_: None)
