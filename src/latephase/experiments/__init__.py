"""The paper's claims, one file per claim, and what they find: data for the report, no plotting."""

from __future__ import annotations

from .bench.base import Bench, Claim, Evidence, Statement
from .bench.finding import Figure, Finding, Number, Panel, Series, Support, Table
from .beyond import (
    arithmetic,
    attacks,
    both_layers,
    cross_check,
    data_plane,
    digits,
    leaky_layers,
    proved,
    settled_networks,
    share_of_best,
    transition,
    wider,
)
from .paper import (
    boundary,
    flow_against_descent,
    flow_direction,
    he_initialisation,
    how_slow,
    initializers,
    patterns,
    rate,
)
from .remedies import adam, clocks, constant, rescaling, sharpness, sign
from .remedies import both_layers as remedies_both_layers

CLAIMS: tuple[Claim, ...] = (
    flow_direction.CLAIM,
    rate.CLAIM,
    boundary.CLAIM,
    initializers.CLAIM,
    he_initialisation.CLAIM,
    flow_against_descent.CLAIM,
    patterns.CLAIM,
    how_slow.CLAIM,
    data_plane.CLAIM,
    cross_check.CLAIM,
)

BEYOND: tuple[Claim, ...] = (
    proved.CLAIM,
    transition.CLAIM,
    wider.CLAIM,
    digits.CLAIM,
    clocks.CLAIM,
    constant.CLAIM,
    rescaling.CLAIM,
    adam.CLAIM,
    sharpness.CLAIM,
    sign.CLAIM,
    arithmetic.CLAIM,
    attacks.CLAIM,
    share_of_best.CLAIM,
    both_layers.CLAIM,
    leaky_layers.CLAIM,
    remedies_both_layers.CLAIM,
    settled_networks.CLAIM,
)
"""What goes beyond the paper and takes longer: `reproduce --all`."""

__all__ = [
    "BEYOND",
    "CLAIMS",
    "Bench",
    "Claim",
    "Evidence",
    "Figure",
    "Finding",
    "Number",
    "Panel",
    "Series",
    "Statement",
    "Support",
    "Table",
]
