"""Engines, one interface: what a record says means the same whoever filled it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import latephase as lp
from helpers import message_is_one_line, relative_error
from latephase.late.engine import OPTIONS, Goal
from latephase.late.engines.choice import ARITHMETIC, ENGINES, engine_for
from latephase.problem import Problem

PAIR = (lp.ShallowReLU([0.7, -0.4], [0.1, 0.2]), lp.Dataset([1.0, -1.0], [1, -1]))
GD = lp.GradientDescent(0.1)
EXACT, LAYERED, MODES, LAYERED_MODES, STEPS = ENGINES
BOTH = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2], train_output=True)
CASES = {
    "exact pieces": (Problem.of(*PAIR, GD), {}),
    "exact pieces of both layers": (Problem.of(BOTH, PAIR[1], GD), {}),
    "modes": (Problem.of(*PAIR, GD, "logistic"), {}),
    "modes of both layers": (Problem.of(BOTH, PAIR[1], GD, "logistic"), {}),
    "single steps": (Problem.of(*PAIR, lp.HeavyBall(0.1)), {}),
    "rounded steps": (Problem.of(*PAIR, GD), {"dtype": "float32"}),
}
TIMES = [lp.LogTime.parse(t) for t in (0, 1, 1000)]


@pytest.mark.parametrize("name", CASES)
def test_a_record_is_filled(name: str) -> None:
    """Ground truth: the initial network, the definition of a pattern, and the docs of `Record`."""
    problem, options = CASES[name]
    goal = Goal(until=TIMES[-1], **options)
    engine = engine_for(problem, goal)
    assert engine.name == name
    found = engine.run(problem, TIMES, goal)
    network, data = problem.network, problem.data
    start = np.concatenate([network.weights, network.biases[:, None]], axis=1)
    held = start.astype(np.float32) if options else start
    assert relative_error(found.parameters[0], held) == 0.0
    assert found.parameters.shape == (3, 2, 2)
    assert found.error.shape == found.margin_error.shape == found.rigour.shape == (3,)
    assert (found.margin_error[:1] >= 0).all()
    assert isinstance(found.outcome, lp.Outcome)
    a = found.parameters[-1, :, :-1] @ data.inputs.T + found.parameters[-1, :, -1:]
    assert found.pattern is not None
    assert found.pattern.tolist() == (a > 0).astype(int).tolist()
    assert (found.regime is None) == (found.entry is None)
    assert (found.outcome is lp.Outcome.settled) == (found.regime is not None)


def test_the_engines_of_a_pair_find_the_same_end() -> None:
    """Ground truth: one another: exact pieces and modes, each from its own formulas."""
    problem, goal = Problem.of(*PAIR, GD), Goal(until=lp.LogTime.parse("1e30"))
    one, two = (engine.run(problem, TIMES, goal) for engine in (EXACT, MODES))
    assert (one.outcome, one.regime) == (two.outcome, two.regime)
    assert one.pattern is not None
    assert np.array_equal(one.pattern, two.pattern)
    assert one.law is not None
    assert two.law is not None
    assert relative_error(two.law.constant, one.law.constant) < 1e-6


ASKED: dict[str, Any] = {
    "tolerance": 1e-8,
    "slide_tolerance": 1e-3,
    "accumulate": True,
    "rounding": "nearest",
}
HAVE = {
    "exact pieces": {"slide_tolerance"},
    "exact pieces of both layers": {"slide_tolerance"},
    "modes": {"tolerance", "slide_tolerance"},
    "modes of both layers": {"tolerance", "slide_tolerance"},
    "single steps": set(),
    "rounded steps": {"dtype", "accumulate", "rounding"},
}


@pytest.mark.parametrize("option", ASKED)
@pytest.mark.parametrize("name", CASES)
def test_what_an_engine_has_not_is_refused(name: str, option: str) -> None:
    """Ground truth: the table in `late/engine.py`, written out in HAVE."""
    problem, options = CASES[name]
    goal = Goal(until=TIMES[-1], **options, **{option: ASKED[option]})
    if option in HAVE[name]:
        assert engine_for(problem, goal).name == name
        return
    with pytest.raises(lp.InputError, match=f"no {option} where {name} carry the run, got "):
        engine_for(problem, goal)


def test_options_are_those_of_the_table() -> None:
    """Ground truth: HAVE; an option that no engine has would be refused everywhere."""
    for engine in (*ENGINES, ARITHMETIC):
        assert engine.options == HAVE[engine.name]
    assert set().union(*HAVE.values()) == set(OPTIONS)


@pytest.mark.parametrize("method", [lp.HeavyBall(0.1), lp.GradientFlow()])
def test_a_dtype_is_gradient_descents(method: Any) -> None:
    """Ground truth: `training.arithmetic` steps gradient descent only."""
    with pytest.raises(lp.InputError, match=r"GradientDescent\(step_size\) with a dtype") as caught:
        lp.simulate(*PAIR, method, until=10, dtype="float32")
    assert message_is_one_line(caught.value)


@pytest.mark.parametrize(("method", "dtype"), [(lp.HeavyBall(0.1), None), (GD, "float32")])
def test_runs_without_a_known_late_phase_have_no_limit(method: Any, dtype: str | None) -> None:
    """Ground truth: `limit` takes the mode for one that gradient descent stays in; momentum and
    rounding have others."""
    run = lp.simulate(*PAIR, method, until=100, at=[100], dtype=dtype)
    assert run.pattern is not None
    with pytest.raises(lp.InputError, match="a run of gradient descent or flow, without dtype"):
        lp.limit(run)
