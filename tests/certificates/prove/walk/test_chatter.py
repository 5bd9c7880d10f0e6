"""Steps on kinks, many in a row; and runs that need more bits than a checker would follow."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import latephase as lp
from helpers import shares
from latephase.certificates.check import form
from latephase.certificates.check.verify import verify
from latephase.certificates.file.record import record
from latephase.certificates.prove import proof
from latephase.certificates.prove.system import System
from latephase.certificates.prove.walk.chatter import Chatter, chatters
from latephase.certificates.prove.walk.step import loss_step, moving, start, step_once
from latephase.certificates.verdict import Undecided
from latephase.core.balls import exact, precision
from samples.certificates import RUNS, certificate


def system(run: str) -> System:
    inputs, weights, biases, step = RUNS[run]
    data = lp.Dataset([float(x) for x in inputs], [1, -1])
    net = lp.ShallowReLU([float(w) for w in weights], [float(b) for b in biases])
    return System.of(net, data, lp.GradientDescent(step))


@pytest.mark.parametrize("run", ["single slide", "single slide, mirrored", "even slide"])
def test_steps_in_a_row_are_single_steps(run: str) -> None:
    """Ground truth: `step_once` in balls of 2048 bits, which is itself held against steps by
    definition.  The enclosures swell with the rounding of each step, and by no more."""
    problem, seen = system(run), 0
    with precision(2048):
        truth, gram, step = start(problem), problem.gram(), exact(problem.step)
    with precision(128):
        kinks, state = Chatter.of(problem, exact(problem.step)), start(problem)
    for _ in range(600):
        with precision(2048):
            before, truth = truth, single(problem, truth, gram, step)
        with precision(128):
            if chatters(problem, state):
                row = kinks.walked(state, 1)
                assert (row.active, row.nulls, row.time) == (truth.active, truth.nulls, truth.time)
                assert all(x.contains(y) for x, y in pairs(row, truth))
                assert all(x.rad() < 2.0**-110 for x, _ in pairs(row, truth))
                state, seen = row, seen + 1
            else:
                state = single(problem, state, problem.gram(), exact(problem.step))
        assert before.time == state.time - 1
    assert seen > 300


def single(problem, state, gram, step):
    """One step in balls."""
    pulls = [loss_step(state, p, step) if moving(state.active, p) else None for p in (0, 1)]
    return step_once(problem, state, gram, pulls)


def pairs(one, other):
    return list(zip(sum(one.a, ()), sum(other.a, ()), strict=True))


@pytest.mark.parametrize("part", shares(8))
def test_the_spread_holds_whatever_is_that_near(part: int) -> None:
    """Ground truth: other networks, at the spread from the centre, stepped in balls of 400 bits:
    large steps, too, which bring them apart."""
    rng, seen, grown = np.random.default_rng([31, part]), 0, 0
    while seen < 40:
        x1, x2 = rng.normal(size=2) * 1.5
        if not 1 + x1 * x2 > 0:
            continue
        w, b = rng.normal(size=(2, 2)) * rng.choice([0.3, 1.0])
        step_size = float(10 ** rng.uniform(-2, 0.7))
        data, gd = lp.Dataset([x1, x2], [1, -1]), lp.GradientDescent(step_size)
        problem = System.of(lp.ShallowReLU(w, b), data, gd)
        moves = 1e-6 * rng.normal(size=(2, 2))
        near = System.of(lp.ShallowReLU(w + moves[0], b + moves[1]), data, gd)
        if not chatters(problem, start(problem)):
            continue
        with precision(400):
            ends = (*near.weights, *near.biases), (*problem.weights, *problem.biases)
            moves = [float(x - y) for x, y in zip(*ends, strict=True)]
            spread = exact(float(np.linalg.norm(moves)) * (1 + 1e-12))
            kinks, truth = Chatter.of(problem, exact(problem.step)), start(near)
            state = replace(start(problem), spread=spread)
            try:
                for _ in range(60):
                    after = kinks.walked(state, 1)
                    if after is None or not chatters(problem, after):
                        break
                    truth = single(near, truth, near.gram(), exact(near.step))
                    assert after.active == truth.active
                    assert all(x.contains(y) for x, y in pairs(after, truth))
                    grown += bool(after.spread > state.spread * 1.01)
                    state = after
            except Undecided:
                pass
        seen += state.time > 0
    assert grown > 10


def test_a_row_ends_where_its_pattern_does() -> None:
    """Ground truth: the pattern that the last step leads to; the step before is still in it."""
    problem = system("even slide")
    with precision(192):
        step, gram, state = exact(problem.step), problem.gram(), start(problem)
        kinks = Chatter.of(problem, step)
        for _ in range(100):
            state = single(problem, state, gram, step)
            if not (chatters(problem, state) and to_and_fro(state)):
                continue
            row = kinks.walked(state, 50)
            assert row.time > state.time
            if row.time < state.time + 50:
                assert not (chatters(problem, row) and to_and_fro(row))
                before = kinks.walked(state, row.time - state.time - 1)
                assert to_and_fro(before)
                return
    pytest.fail("no row has ended")


def to_and_fro(state) -> bool:
    """Whether a neuron is active on the other's point."""
    return state.active[0][1] or state.active[1][0]


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
    """Ground truth: the checker; of 4,000 steps and more, of which balls alone take 1024 bits."""
    net, data = lp.ShallowReLU([0.0625, -0.0625], [0.0, 1.0]), lp.Dataset([2.0, 3.0], [1, -1])
    found = lp.certify(net, data, lp.GradientDescent(0.05))
    assert (found.proof.bits, found.entry_step > 4000) == (128, True)
    report = verify(json.loads(json.dumps(record(found))))
    assert (report.valid, report.regime) == (True, "single_slide")


def test_bits_that_a_checker_would_not_follow_are_not_tried(monkeypatch) -> None:
    """Ground truth: steps times bits: so many steps at 1024 bits, fewer than the run has."""
    net, data = lp.ShallowReLU([0.0625, -0.0625], [0.0, 1.0]), lp.Dataset([2.0, 3.0], [1, -1])
    monkeypatch.setattr(proof, "_MOST_WORK", 1024 * 1000)
    monkeypatch.setattr(Chatter, "walked", lambda *state: None)  # balls alone
    told: set[int] = set()
    note = lambda done, most: told.add(most)  # noqa: E731
    found = lp.certify(net, data, lp.GradientDescent(0.05), progress=note)
    assert found.verdict is lp.Verdict.UNDECIDED
    assert told <= {8000, 4000, 2000, 1000}
    assert 8000 in told
