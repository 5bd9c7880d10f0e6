"""Claim 11, what is proved: its criterion, and its numbers on few trials."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from latephase.certificates.odds.probability import CertifiedDistribution
from latephase.experiments import BEYOND, Bench, Support
from latephase.experiments.beyond import proved
from latephase.problem import initializers


def proven(**changes) -> proved.Proven:
    """An initializer of which everything is proved."""
    certified = CertifiedDistribution(
        (0.25, 0.25), (0.5, 0.5), (0.25, 0.25), (0.0, 1.0, 9.0), (0.0, 0.1, 0.25), (0.0, 0.1, 0.25)
    )
    sizes = np.concatenate([np.full(100, 0.5), np.full(150, 2.0)])
    whole = proved.Proven("he_normal", 1000, 1000, 0, sizes, 1e-30, certified, 1.0)
    return dataclasses.replace(whole, **changes)


def widened(**changes) -> CertifiedDistribution:
    return dataclasses.replace(proven().certified, **changes)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Support.SUPPORTED),
        ({"proved": 991}, Support.SUPPORTED),
        ({"proved": 989}, Support.NOT_SUPPORTED),
        ({"disagreements": 1}, Support.NOT_SUPPORTED),
        ({"width": 2e-12}, Support.NOT_SUPPORTED),
        ({"certified": widened(trained=(0.2, 0.24))}, Support.NOT_SUPPORTED),
        ({"certified": widened(upper=(0.0, 0.102, 0.25))}, Support.NOT_SUPPORTED),
        ({"sizes": np.full(250, 0.5)}, Support.NOT_SUPPORTED),
        ({"trials": 99}, Support.UNDECIDED),
    ],
)
def test_verdict_follows_the_criterion(changes, verdict):
    """Ground truth: the criterion as written; one number off turns the verdict."""
    assert proved.decide([proven(**changes)]) is verdict


def test_empirical_distribution_counts_all_trials():
    """Ground truth: by hand: 100 of 1,000 trials train with |C| <= 1, 250 with |C| <= 9."""
    assert proven().empirical.tolist() == [0.0, 0.1, 0.25]
    assert proven().outside == 0.0


@pytest.mark.campaign
def test_examined_on_few_trials(monkeypatch):
    """Ground truth: the shares of quadrants, 1/4, and every one of 200 runs is provable."""
    monkeypatch.setattr(initializers, "names", lambda: ("he_normal", "pytorch_default"))
    finding = BEYOND[0].examine(Bench(trials=200, seed=1))
    assert finding.verdict is Support.SUPPORTED
    values = {number.label: number.value for number in finding.numbers}
    assert values["runs certified"] == 400
    assert values["P(trained), at least"] <= 0.25 <= values["P(trained), at most"]
    assert finding.tables[0].columns["trials"] == [200, 200]
