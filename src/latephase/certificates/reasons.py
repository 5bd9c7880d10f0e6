"""Why a regime is never left: the arguments that a certificate may give, by name."""

from __future__ import annotations

REASONS = {
    "nothing moves": "no pre-activation is positive, so no gradient acts on anything",
    "wrong sides frozen": "x1 x2 = -1: each point moves its own pre-activations only; the living "
    "ones grow, the others do not move",
    "wrong sides sink": "x1 x2 < -1: as the living pre-activations grow, the inactive ones fall",
    "closed form": "x1 x2 = -1: gradient flow has a closed form at each point",
    "kicked back": "x1 x2 > -1: the living neuron is kicked back whenever the other point "
    "activates it, too weakly to die",
    "kinks held": "x1 x2 > -1: both kinks are held between multiples of 1/t, by induction",
    "kink held": "x1 x2 > -1: one neuron serves both points; the kink of the other is held between "
    "multiples of 1/t, by induction",
    "kinks attract": "x1 x2 > -1: a kink that holds a pre-activation is active on its point for a "
    "share of the time that stays below 1",
}

SETTLED_REASONS = {
    "margins grow": "in this pattern it is a linear model whose margins grow, by induction, and no "
    "pre-activation drifts to its kink",
    "nothing moves": "no neuron that has a weight is active on any point",
}
"""Of any network."""
