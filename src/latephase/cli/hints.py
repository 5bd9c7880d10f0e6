"""What to do next, by how a run ended: sentences that are true of every run that ends so."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from latephase.core import Outcome, Regime

DEAD = "nothing moves any more; try other --weights or --biases"
NEVER_FITTED = "some point is never fitted; try other --weights or --biases, or more neurons"


def what_blocks(outcome: Outcome, regime: Regime | None, discrete: bool) -> str | None:
    """The hint for a run that does not fit every point, or could not be followed to its horizon.

    None for any other.  With one neuron dead the other one goes on for ever, from w = 0.78 to 115
    at t = 10^100: what it fits it fits better and better, and only where both are dead nothing
    moves.  discrete: whether there are steps, of a size, to be changed.
    """
    from latephase.core import Outcome, Regime

    if regime is Regime.both_dead:
        return DEAD
    if regime is Regime.one_dead or outcome is Outcome.unfitted:
        return NEVER_FITTED
    slower = "lower --step-size" if discrete else "ask for earlier times only"
    return {
        "budget_exhausted": f"raise --max-steps, or {slower}" if discrete else slower,
        "stalled": "run it without a dtype",
        "overflowed": slower,
        "inaccurate": f"centre or rescale the inputs, or {slower}",
    }.get(outcome.name)
