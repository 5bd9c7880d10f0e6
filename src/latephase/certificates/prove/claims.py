"""What may be asked of a certificate: one entry a claim, each with three possible verdicts."""

from __future__ import annotations

from collections.abc import Callable

from latephase.certificates.prove.tails.law import Tail
from latephase.certificates.verdict import Verdict
from latephase.core import Regime

from .system import System

Judge = Callable[[System, Regime, Tail | None], Verdict]


def _decided(true: bool) -> Verdict:
    return Verdict.PROVED if true else Verdict.REFUTED


def _regime(wanted: Regime) -> Judge:
    return lambda system, regime, tail: _decided(regime is wanted)


def _trained(system: System, regime: Regime, tail: Tail | None) -> Verdict:
    """The loss tends to 0."""
    return _decided(tail is not None)


def _optimal(system: System, regime: Regime, tail: Tail | None) -> Verdict:
    """The robustness margin tends to the largest possible one."""
    return _decided(tail is not None and system.limit_boundary == system.midpoint)


def _slow(system: System, regime: Regime, tail: Tail | None) -> Verdict:
    """The margin tends to the optimum, and the deficit is of the exact order 1/ln t."""
    optimal = system.limit_boundary == system.midpoint
    return _decided(tail is not None and optimal and tail.lean is not None)


CLAIMS: dict[str, Judge] = {
    "settled": lambda system, regime, tail: Verdict.PROVED,
    "trained": _trained,
    "optimal_margin": _optimal,
    "slow": _slow,
    **{regime.name: _regime(regime) for regime in Regime},
}
"""Judges of a proved run.  `settled`: the run ends in a regime that is never left."""
