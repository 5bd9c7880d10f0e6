"""Which engine carries a problem, and what is refused because it has not what was asked for."""

from __future__ import annotations

from latephase.core import InputError, Words
from latephase.late.engine import Engine, Goal
from latephase.problem import Problem

from .exact_pieces import ExactPieces
from .layered_modes import LayeredModes
from .layered_pieces import LayeredPieces
from .modes import Modes
from .rounded_steps import RoundedSteps
from .single_steps import SingleSteps

ENGINES: tuple[Engine, ...] = (
    ExactPieces(),
    LayeredPieces(),
    Modes(),
    LayeredModes(),
    SingleSteps(),
)
"""The first one that takes a problem carries it."""
ARITHMETIC: Engine = RoundedSteps()
MOST_POINTS, MOST_NEURONS = 20_000, 20_000  # Gram matrices of 3 GB


def engine_for(problem: Problem, goal: Goal) -> Engine:
    """The engine that carries a problem to a goal.

    Raises InputError where there is none, and on options that it has not.
    """
    n, m = problem.data.n, problem.network.m
    if n > MOST_POINTS or m > MOST_NEURONS:
        expected = f"at most {MOST_POINTS:,} points and {MOST_NEURONS:,} neurons"
        raise InputError(expected, Words(f"{n:,} and {m:,}"), "take fewer: each pair is looked at")
    choice = ENGINES if goal.dtype is None else (ARITHMETIC,)
    engine = next((one for one in choice if one.takes(problem)), None)
    if engine is None and problem.network.output_bias is not None:
        wanted = "a method that is stepped, without dtype, with an output bias"
        got = Words("a dtype") if goal.dtype is not None else problem.method
        do = "use GradientDescent(step_size), which is stepped, or leave out output_bias"
        raise InputError(wanted, got, do)
    if engine is None and goal.dtype is not None:
        expected = "GradientDescent(step_size) with a dtype"
        raise InputError(expected, problem.method, "leave out dtype")
    if engine is None:
        raise InputError("a method that an engine takes", problem.method, "give it init and step")
    for name, value in goal.asked.items():
        if name not in engine.options:
            do = "pass dtype, too" if name in ARITHMETIC.options else "leave it out"
            raise InputError(f"no {name} where {engine.name} carry the run", value, do)
    return engine
