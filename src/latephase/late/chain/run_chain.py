"""Any shallow network from start to horizon: state -> decision -> state.

Gradient descent is stepped while a step is large, then its mode is followed by the modified flow;
gradient flow is followed from the start. `caution` divides what counts as small: a run is compared
with a more cautious one to see how far it may be off.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import cache

import numpy as np
from threadpoolctl import ThreadpoolController

from latephase.core import LogTime, Outcome
from latephase.core.arrays import Floats, Ints
from latephase.late.modes.dynamics import Dynamics

from .account import Account, ChainSamples
from .decision import decide
from .instant import Instant
from .moves import move_by_mode, move_by_steps
from .state import ChainState, ChainTask, Controls, altered, start

_MOST_ROUNDS = 50_000


@dataclass(frozen=True)
class Chain:
    """A run that has ended: what was asked of it, where it stands, its samples, and the time at
    which its last mode began."""

    task: ChainTask
    state: ChainState
    samples: ChainSamples
    entry: Instant


def run_chain(
    dynamics: Dynamics,
    theta: Floats,
    times: list[LogTime],
    until: LogTime,
    controls: Controls,
    signs: Ints | None = None,
    tell: Callable[[float], None] | None = None,
) -> Chain:
    """Run a network from theta (m, d + 1) to `until`, recording it at the sorted `times`.

    signs (m, n): of its pre-activations, where they are not those of theta;  tell: called with the
    share of the way, of ln(1 + until), that lies behind.
    """
    return run_together([rounds(dynamics, theta, times, until, controls, signs)], until, tell)[0]


def run_together(
    runs: list[Generator[float, None, Chain]],
    until: LogTime,
    tell: Callable[[float], None] | None = None,
) -> list[Chain]:
    """The rounds of some runs to `until`, always next those of the one that is farthest behind: so
    runs of one network go through a mode one soon after another, while it is remembered."""
    ended: dict[int, Chain] = {}
    stands, whole = dict.fromkeys(range(len(runs)), -np.inf), np.logaddexp(0.0, until.log)
    quiet = np.errstate(over="ignore", under="ignore", invalid="ignore")  # the outcome says it
    with _libraries().limit(limits=1, user_api="blas"), quiet:
        while stands:
            behind = min(stands, key=stands.__getitem__)
            try:
                stands[behind] = next(runs[behind])
            except StopIteration as end:
                ended[behind] = end.value
                del stands[behind]
            if tell:
                left = sum(1 - float(np.logaddexp(0.0, log) / whole) for log in stands.values())
                tell(1 - left / len(runs) if whole > 0 else 1.0)
    return [ended[k] for k in range(len(runs))]


def rounds(
    dynamics: Dynamics,
    theta: Floats,
    times: list[LogTime],
    until: LogTime,
    controls: Controls,
    signs: Ints | None = None,
) -> Generator[float, None, Chain]:
    """A run as `run_chain` has it, that yields ln t where it stands before each of its rounds."""
    task, state = start(dynamics, theta, times, until, controls, signs)
    account = Account.open(task, state)
    for _ in range(_MOST_ROUNDS):
        state = _recorded_here(task, state, account)
        yield state.now.log
        if state.outcome is not None or state.now.is_past(until):
            break
        try:
            decision = decide(task, state)
            if decision.moved is not None:
                account = account.charged(decision.moved, dynamics.reach(decision.moved))
            if decision.must_step:
                state, account = move_by_steps(task, decision.state, account)
            else:
                state, account = move_by_mode(task, decision.state, account, decision.mode)
        except (ArithmeticError, ValueError, np.linalg.LinAlgError):
            # Numbers beyond float64 in some matrix: the samples so far stand.
            state = state.unresolved(task)
    else:
        state = altered(state, outcome=Outcome.budget_exhausted)
    return Chain(task, state, account.samples, account.entry)


def _recorded_here(task: ChainTask, state: ChainState, account: Account) -> ChainState:
    """The state once the samples that it stands at are written to the account."""
    while state.passed < len(task.times):
        if not state.now.is_past(task.times[state.passed]):
            break
        account.write(state.passed, state.theta, state.rounding)
        state = altered(state, passed=state.passed + 1)
    return state


@cache
def _libraries() -> ThreadpoolController:
    """The BLAS that is loaded: more threads only wait for one another on matrices of this size."""
    return ThreadpoolController()
