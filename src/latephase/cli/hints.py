"""What to do next, by how a run ended: sentences that are true of every run that ends so."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from latephase.core import Outcome, Regime

DEAD = "nothing moves any more; try other --weights or --biases"
NEVER_FITTED = "some point is never fitted; try other --weights or --biases, or more neurons"


def if_never_fitted(outcome: Outcome, regime: Regime | None) -> str | None:
    """The hint for a run whose loss does not tend to 0; None for any other.

    With one neuron dead the other one goes on for ever, from w = 0.78 to 115 at t = 10^100: what
    it fits it fits better and better, and only where both are dead nothing moves.
    """
    from latephase.core import Outcome, Regime

    if regime is Regime.both_dead:
        return DEAD
    if regime is Regime.one_dead or outcome is Outcome.unfitted:
        return NEVER_FITTED
    return None


def if_not_followed(outcome: Outcome, discrete: bool) -> str | None:
    """The hint for a run that could not be followed to its horizon; None for any other.

    discrete: whether there are steps, of a size, to be changed.
    """
    slower = "lower --step-size" if discrete else "ask for earlier times only"
    return {
        "budget_exhausted": f"raise --max-steps, or {slower}" if discrete else slower,
        "stalled": "run it without a dtype",
        "overflowed": slower,
        "inaccurate": f"centre or rescale the inputs, or {slower}",
    }.get(outcome.name)
