"""Decisions of the general engine: pure functions of what is asked and where a run stands."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import latephase as lp
from latephase.core import LogTime
from latephase.late.chain.decision import decide
from latephase.late.chain.ending import ending, pattern
from latephase.late.chain.run_chain import Chain, run_chain
from latephase.late.chain.state import Controls
from latephase.late.modes.dynamics import Dynamics
from latephase.problem import Problem
from references.problems import problems

SOME = problems()[5::120]


def arrays(record: object) -> list[np.ndarray]:
    """All arrays of a state, its last mode and its counts."""
    values = [getattr(record, f.name) for f in dataclasses.fields(record)]
    nested = [v for v in values if dataclasses.is_dataclass(v)]
    return [v for v in values if isinstance(v, np.ndarray)] + [a for v in nested for a in arrays(v)]


def ended(problem, method: lp.GradientDescent | lp.GradientFlow, until: str) -> Chain:
    """A run of a problem of `problems`."""
    net = lp.ShallowReLU(problem.weights, problem.biases, problem.output_weights)
    data = lp.Dataset(problem.inputs, problem.labels)
    dynamics = Dynamics.of(Problem.of(net, data, method, problem.loss))
    theta, horizon = np.c_[net.weights, net.biases], LogTime.parse(until)
    return run_chain(dynamics, theta, [horizon], horizon, Controls(1e-10, 1e-4, 20_000))


@pytest.mark.parametrize("until", ["1e4", "1e30"])
@pytest.mark.parametrize("flow", [False, True])
def test_a_decision_writes_nothing_and_is_the_same_when_asked_again(flow, until):
    """Ground truth: a finished run whose arrays cannot be written to, and the first answer."""
    for problem in SOME:
        method = lp.GradientFlow() if flow else lp.GradientDescent(problem.step_size)
        chain = ended(problem, method, until)
        for array in arrays(chain.state):
            array.setflags(write=False)
        with np.errstate(all="ignore"):
            first, again = (decide(chain.task, chain.state) for _ in range(2))
        assert first.must_step == again.must_step
        assert (first.mode.status == again.mode.status).all()
        pairs = zip(arrays(first.state), arrays(again.state))
        assert all(np.array_equal(one, two, equal_nan=True) for one, two in pairs)
        assert ending(chain) is ending(chain)
        assert (pattern(chain) == pattern(chain)).all()
