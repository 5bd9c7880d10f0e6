"""Steps on kinks, many in a row; and runs that need more bits than a checker would follow."""

from __future__ import annotations

import json

import pytest

import latephase as lp
from latephase.certificates.check import form
from latephase.certificates.check.verify import verify
from latephase.certificates.file.record import record
from latephase.certificates.prove import proof
from latephase.certificates.prove.system import System
from latephase.certificates.prove.walk.chatter import chatter, chatters
from latephase.certificates.prove.walk.step import loss_step, moving, start, step_once
from latephase.core.balls import exact, precision
from samples.certificates import RUNS, certificate


def system(run: str) -> System:
    inputs, weights, biases, step = RUNS[run]
    data = lp.Dataset([float(x) for x in inputs], [1, -1])
    net = lp.ShallowReLU([float(w) for w in weights], [float(b) for b in biases])
    return System.of(net, data, lp.GradientDescent(step))


@pytest.mark.parametrize("run", ["single slide", "single slide, mirrored", "even slide"])
def test_steps_in_a_row_are_single_steps(run: str) -> None:
    """Ground truth: `step_once`, which is itself held against steps by definition."""
    problem, seen = system(run), 0
    with precision(192):
        step, gram, state = exact(problem.step), problem.gram(), start(problem)
        for _ in range(200):
            one = state
            pulls = [loss_step(one, p, step) if moving(one.active, p) else None for p in (0, 1)]
            one = step_once(problem, one, gram, pulls)
            if chatters(problem, state):
                row = chatter(state, gram, step, 1)
                assert (row.active, row.nulls, row.time) == (one.active, one.nulls, one.time)
                for x, y in zip(sum(row.a, ()), sum(one.a, ()), strict=True):
                    assert x.overlaps(y)
                    assert x.rad() <= y.rad() * 4
                seen += 1
            state = one
    assert seen > 50


def test_a_row_ends_where_its_pattern_does() -> None:
    """Ground truth: the pattern that the last step leads to; the step before is still in it."""
    problem = system("even slide")
    with precision(192):
        step, gram, state = exact(problem.step), problem.gram(), start(problem)
        for _ in range(100):
            pulls = [loss_step(state, p, step) if moving(state.active, p) else None for p in (0, 1)]
            state = step_once(problem, state, gram, pulls)
            if not chatters(problem, state):
                continue
            row = chatter(state, gram, step, 50)
            assert row.time > state.time
            if row.time < state.time + 50:
                assert not chatters(problem, row)
                before = chatter(state, gram, step, row.time - state.time - 1)
                assert chatters(problem, before)
                return
    pytest.fail("no row has ended")


def test_what_a_checker_would_not_follow_is_undecided(monkeypatch) -> None:
    """Ground truth: the checker's own limits; files of two modes at 8192 bits were refused."""
    assert (form._WORK, form._COST["mode"]) == (proof._MOST_WORK, proof._MODE)
    assert proof._LEG == form._COST["orbit"] == form._COST["half"] == form._COST["hold"]
    for run, cost in ("flow revived", proof._MODE), ("metastable", proof._LEG):
        body = certificate(run)
        work = len(body["path"]) * cost * body["bits"]
        monkeypatch.setattr(proof, "_MOST_WORK", work)
        assert certificate(run)["verdict"] == "PROVED"
        monkeypatch.setattr(proof, "_MOST_WORK", work - 1)
        again = certificate(run)
        assert again["verdict"] == "UNDECIDED"
        assert "too long to be checked at" in again["reason"]
        monkeypatch.undo()


def test_what_is_proved_of_close_points_can_be_checked() -> None:
    """Ground truth: the checker; of 4,000 steps and more, whose signs take 512 bits and more."""
    net, data = lp.ShallowReLU([0.0625, -0.0625], [0.0, 1.0]), lp.Dataset([2.0, 3.0], [1, -1])
    found = lp.certify(net, data, lp.GradientDescent(0.05))
    assert found.proof.bits >= 512
    report = verify(json.loads(json.dumps(record(found))))
    assert (report.valid, report.regime) == (True, "single_slide")


def test_bits_that_a_checker_would_not_follow_are_not_tried(monkeypatch) -> None:
    """Ground truth: steps times bits: so many steps at 1024 bits, fewer than the run has."""
    net, data = lp.ShallowReLU([0.0625, -0.0625], [0.0, 1.0]), lp.Dataset([2.0, 3.0], [1, -1])
    monkeypatch.setattr(proof, "_MOST_WORK", 1024 * 1000)
    told: set[int] = set()
    note = lambda done, most: told.add(most)  # noqa: E731
    found = lp.certify(net, data, lp.GradientDescent(0.05), progress=note)
    assert found.verdict is lp.Verdict.UNDECIDED
    assert told <= {8000, 4000, 2000, 1000}
    assert 8000 in told
