"""What may be asked of a certificate: one entry a claim, proved or refuted by a proof."""

from __future__ import annotations

from collections.abc import Callable

from latephase.certificates.prove.tails.law import Tail
from latephase.core import Regime

from .system import System

Judge = Callable[[System, Regime, Tail | None], bool]


def _trained(system: System, regime: Regime, tail: Tail | None) -> bool:
    """The loss tends to 0."""
    return tail is not None


def _optimal(system: System, regime: Regime, tail: Tail | None) -> bool:
    """The robustness margin tends to the largest possible one."""
    return tail is not None and system.limit_boundary == system.midpoint


def _slow(system: System, regime: Regime, tail: Tail | None) -> bool:
    """The margin tends to the optimum, and the deficit is of the exact order 1/ln t."""
    return tail is not None and tail.lean is not None and _optimal(system, regime, tail)


def _regime(wanted: Regime) -> Judge:
    return lambda system, regime, tail: regime is wanted


CLAIMS: dict[str, Judge] = {
    "settled": lambda system, regime, tail: True,
    "trained": _trained,
    "optimal_margin": _optimal,
    "slow": _slow,
    **{regime.name: _regime(regime) for regime in Regime},
}
"""Whether a claim is true of a proved run.  `settled`: it ends in a regime that is never left."""
