"""The step sizes of a schedule, a user's function of the step number, as a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from latephase.core import InputError, Words
from latephase.core.arrays import Floats
from latephase.core.closures import written
from latephase.problem.checks import real_number
from latephase.training.parameters import SMALLEST_NORMAL

MOST = 10**7  # steps of a schedule: 80 MB of step sizes
_AT_ONCE = 2**16

Schedule = Callable[[Any], Any]


def tabulated(schedule: Schedule, updates: int) -> Floats:
    """schedule(0), ..., schedule(updates - 1), at least one of them: all at once where it is made
    of JAX operations, one by one where it is plain Python.

    Raises InputError on what is no finite number > 0, by the number of its step.
    """
    if updates > MOST:
        got, do = Words(f"{updates:,}"), "lower until or max_steps"
        raise InputError(f"at most {MOST:,} updates of a schedule", got, do)
    count = max(updates, 1)
    with jax.enable_x64(True):
        traced = _traced(schedule)
        if traced is None:
            return np.array([_one(schedule, step) for step in range(count)])
        # A whole number of blocks, so that they are one program.
        parts = [traced(first + jnp.arange(_AT_ONCE)) for first in range(0, count, _AT_ONCE)]
        sizes = np.concatenate(parts)[:count].astype(np.float64)
    # What is below the normal numbers is 0 to XLA.
    wrong = np.flatnonzero(~(np.isfinite(sizes) & (sizes >= SMALLEST_NORMAL)))
    if len(wrong):
        raise _refused(schedule, float(sizes[wrong[0]]), int(wrong[0]))
    return sizes


def _traced(schedule: Schedule) -> Any:
    """The schedule for many steps at once; None unless JAX can trace it and it depends on the step.

    What JAX would take for a constant may be plain Python that counts for itself.
    """
    outcome: list[Any] = []

    def one(step: Any) -> Any:
        outcome.append(schedule(step))
        return outcome[0]

    try:
        shape = jax.eval_shape(one, jnp.zeros((), int))
    except Exception:  # a branch, a math.sqrt, a NumPy function: plain Python, asked step by step
        return None
    plain = not isinstance(outcome[0], jax.core.Tracer) or shape.shape != ()
    return None if plain or shape.dtype.kind not in "iuf" else jax.jit(jax.vmap(schedule))


def _one(schedule: Schedule, step: int) -> float:
    try:
        value = schedule(step)
    except Exception as error:  # whatever a user's function may raise
        line = next((part for part in str(error).splitlines() if part.strip()), "no message")
        got = Words(f"{type(error).__name__}: {line}")
        raise InputError(f"{written(schedule)} to run at step {step}", got, "mend it") from error
    size = real_number(value, f"the step size at step {step}", "a finite number > 0")
    if size < SMALLEST_NORMAL:
        raise _refused(schedule, value, step)
    return size


def _refused(schedule: Schedule, got: Any, step: int) -> InputError:
    wanted = f"a finite step size of at least 2.3e-308 at step {step}"
    return InputError(wanted, got, f"change the schedule {written(schedule)}")
