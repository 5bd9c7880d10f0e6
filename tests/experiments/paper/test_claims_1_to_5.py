"""Claims 1 to 5: they hold on a small bench, and their verdicts turn when the data are altered."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
import xarray as xr

from helpers import relative_error
from latephase.experiments import Bench, Finding, Support
from latephase.experiments.bench.paper_runs import TIMES, Trained, trained
from latephase.experiments.paper import (
    boundary,
    flow_direction,
    he_initialisation,
    initializers,
    rate,
)
from latephase.problem import GradientFlow
from latephase.problem import initializers as known

MODULES = [flow_direction, rate, boundary, initializers, he_initialisation]
Alter = Callable[[xr.Dataset], xr.Dataset]


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench(trials=300, seed=3)


@pytest.fixture(scope="module")
def findings(bench: Bench) -> dict[str, Finding]:
    return {module.CLAIM.key: module.CLAIM.examine(bench) for module in MODULES}


def of(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]


@pytest.mark.parametrize("module", MODULES, ids=of)
def test_claim_is_supported(module: ModuleType, findings: dict[str, Finding]):
    """Ground truth: the theorems of docs/theory.md, which these five claims restate."""
    assert findings[module.CLAIM.key].verdict is Support.SUPPORTED


@pytest.mark.parametrize("module", MODULES, ids=of)
def test_finding_is_whole_and_light(module: ModuleType, findings: dict[str, Finding]):
    """Ground truth: what the report asks of a finding (experiments/bench/finding.py)."""
    finding = findings[module.CLAIM.key]
    assert finding.figures
    assert finding.tables
    for table in finding.tables:
        assert len({len(column) for column in table.columns.values()}) == 1
    captions = " ".join(figure.caption for figure in finding.figures)
    assert not re.search(r"\b(left|right|middle)\b", captions, re.I)
    for panel in (panel for figure in finding.figures for panel in figure.panels):
        for series in panel.series:
            extra = series.kind == "steps"
            assert len(np.asarray(series.x)) == len(np.asarray(series.y)) + extra <= 2000


def altered(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Alter:
    """Replace one variable of an ensemble by `change` of it."""
    return lambda runs: runs.assign({name: (runs[name].dims, change(runs[name].values))})


def scaled(factor: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda values: values * factor


def frozen(values: np.ndarray) -> np.ndarray:
    """Stop half-way, as training in floating point does."""
    stopped = values.copy()
    half = values.shape[1] // 2
    stopped[:, half:] = values[:, [half]]
    return stopped


def first_less(values: np.ndarray) -> np.ndarray:
    """As if the first sample were a little worse."""
    worse = values.copy()
    worse[:, 0] *= 0.99
    return worse


UNTRAINED = altered("regime", lambda regime: np.full_like(regime, "one_dead"))


def verdict_of_flow(bench: Bench, alter: Alter) -> Support:
    method, times = GradientFlow(), flow_direction.TIMES
    runs = trained(alter(bench.ensemble("he_normal", method=method, until=times[-1], at=times)))
    target = flow_direction.limit()
    return flow_direction.decide([flow_direction.direction(runs, target.parameters)], target)


def verdict_of_rate(bench: Bench, alter: Alter) -> Support:
    return rate.decide([rate.rate(trained(alter(bench.ensemble("he_normal", at=TIMES))))])


def verdict_of_boundary(bench: Bench, alter: Alter) -> Support:
    runs = trained(alter(bench.ensemble("he_normal", at=TIMES)))
    return boundary.decide([boundary.check(runs)])


def verdict_of_he(bench: Bench, alter: Alter) -> Support:
    runs = bench.ensemble("he_normal", at=he_initialisation.TIMES)
    return he_initialisation.decide(he_initialisation.recovery(trained(alter(runs))))


JUDGES = [verdict_of_flow, verdict_of_rate, verdict_of_boundary, verdict_of_he]
PLANTED: list[tuple[Callable[[Bench, Alter], Support], Alter]] = [
    (verdict_of_flow, altered("weights", scaled(1.1))),
    (verdict_of_flow, altered("log_margin_deficit", frozen)),
    (verdict_of_rate, altered("law_constant", scaled(1.00001))),
    (verdict_of_rate, altered("law_offset", lambda beta: beta + 0.001)),
    (verdict_of_rate, altered("log_margin_deficit", frozen)),
    (verdict_of_rate, altered("log_margin_deficit", scaled(1.5))),
    (verdict_of_boundary, altered("robustness_margin", scaled(1 + 1e-9))),
    (verdict_of_boundary, altered("biases", scaled(1 + 1e-6))),
    (verdict_of_boundary, altered("law_offset", lambda beta: beta + 0.001)),
    (verdict_of_boundary, altered("boundary", lambda x: np.full_like(x, np.nan))),
    (verdict_of_he, altered("robustness_margin", first_less)),
    (verdict_of_he, altered("log_margin_deficit", lambda d: np.full_like(d, -np.inf))),
    (verdict_of_he, altered("law_constant", scaled(1.00001))),
]


@pytest.mark.parametrize("judge", JUDGES)
def test_verdict_follows_the_data(judge: Callable[[Bench, Alter], Support], bench: Bench):
    """Ground truth: unaltered runs support the claim; without trained runs nothing is decided."""
    assert judge(bench, lambda runs: runs) is Support.SUPPORTED
    assert judge(bench, UNTRAINED) is Support.UNDECIDED


@pytest.mark.parametrize(("judge", "alter"), PLANTED)
def test_verdict_turns_on_planted_errors(
    judge: Callable[[Bench, Alter], Support], alter: Alter, bench: Bench
):
    """Ground truth: data altered so that the claim is false of them."""
    assert judge(bench, alter) is not Support.SUPPORTED


@pytest.fixture(scope="module")
def found(bench: Bench) -> list[initializers.Initialised]:
    return [initializers.initialised(bench, name) for name in known.names()]


def test_initializers_verdict_turns_on_planted_errors(found: list[initializers.Initialised]):
    """Ground truth: counts, constants and means altered so that the claim is false of them."""
    he, *others = found
    dead, one, trained_ = he.counts
    planted = [
        replace(he, counts=(dead + 60, one - 60, trained_)),
        replace(he, measured=he.measured * 1.00001),
        replace(he, mean=he.mean + 6 * he.error),
    ]
    for wrong in planted:
        assert initializers.decide([wrong, *others]) is Support.NOT_SUPPORTED
    tiny = [replace(i, predicted=i.predicted * 1e-12) for i in found]
    assert initializers.decide(tiny) is Support.UNDECIDED
    empty = np.empty(0)
    none = replace(he, measured=empty, predicted=empty, offset=empty)
    assert initializers.decide([none, *others]) is Support.UNDECIDED


def test_constants_that_vanish_refute_claim_4(found: list[initializers.Initialised]):
    """Ground truth: a twentieth of the runs with C = 0, measured and predicted alike."""
    he, *others = found
    some = np.arange(he.measured.size) % 20 == 0
    still = [np.where(some, 0.0, values) for values in (he.measured, he.predicted)]
    wrong = replace(he, measured=still[0], predicted=still[1])
    assert initializers.decide([wrong, *others]) is Support.NOT_SUPPORTED


def test_flows_of_either_pace_are_judged(bench: Bench):
    """Ground truth: flows that land on 0 shrink like 1/(t ln t), the others like 1/ln t."""
    times = flow_direction.TIMES
    target = flow_direction.limit()
    runs = bench.ensemble("standard_normal", method=GradientFlow(), until=times[-1], at=times)
    one = flow_direction.direction(trained(runs, "standard_normal"), target.parameters)
    assert one.fall.size > 10
    assert one.spread.size > 3
    assert flow_direction.decide([one], target) is Support.SUPPORTED
    for wrong in (replace(one, fall=one.fall * 10), replace(one, spread=one.spread * 2)):
        assert flow_direction.decide([wrong], target) is Support.NOT_SUPPORTED


@pytest.mark.parametrize("name", ["he_normal", "xavier_uniform", "standard_normal", "uniform"])
def test_expected_size_of_constants(name: str):
    """Ground truth: a million draws of C = (min(p, 0) - min(q, 0)) / 2 of trained networks."""
    weights, biases = known.get(name)(trials=1_000_000, seed=11)
    w, b = weights[..., 0].T, biases.T
    kept = (w[0] + b[0] > 0) & (b[1] - w[1] > 0)
    at_other = (w[1] + b[1])[kept], (b[0] - w[0])[kept]
    sizes = np.abs(np.minimum(at_other[0], 0) - np.minimum(at_other[1], 0)) / 2
    assert relative_error(initializers.expected_size(name), sizes.mean()) < 6e-3


def lawful(constant: float, offset: float) -> Trained:
    """One trial that follows x* = constant / (ln t + offset) exactly, at TIMES from 100 on."""
    log_t = np.array([float(t[2:]) if "e" in t else np.log10(float(t)) for t in TIMES[3:]])
    log_t = log_t * np.log(10)
    x = constant / (log_t + offset)
    one, none = np.array([constant]), np.full((1, log_t.size), np.nan)
    law = one, np.array([offset]), np.zeros(1)
    pairs = np.full((1, log_t.size, 2), np.nan)
    size = np.log(np.abs(x))[None]
    return Trained("", 1.0, log_t, pairs, pairs, x[None], 1 - np.abs(x)[None], size, none, *law)


def test_constant_is_read_off_the_slope():
    """Ground truth: a boundary that follows the law exactly."""
    for constant, offset in [(0.3, -1.6), (-2.0, 5.0)]:
        runs = lawful(constant, offset)
        assert relative_error(initializers.measured_constant(runs), [constant]) < 1e-12
        scaled_x = np.abs(runs.boundary[0, 5:] * runs.log_t[5:])
        assert relative_error(rate.rate(runs).upper, [scaled_x.max()]) < 1e-12


def test_half_recovery():
    """Ground truth: the law, under which half of |C|/(ln t0 + beta) is left at 2 ln t0 + beta."""
    runs = lawful(0.3, -1.6)
    half = he_initialisation.recovery(runs).half
    assert relative_error(half, [2 * runs.log_t[0] - 1.6]) < 1e-12
