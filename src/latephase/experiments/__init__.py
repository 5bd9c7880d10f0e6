"""The paper's claims, one file per claim, and what they find: data for the report, no plotting."""

from __future__ import annotations

from . import (
    arithmetic,
    attacks,
    boundary,
    cross_check,
    data_plane,
    digits,
    flow_against_descent,
    flow_direction,
    he_initialisation,
    how_slow,
    initializers,
    patterns,
    proved,
    rate,
    remedies,
    remedies_adam,
    remedies_constant,
    remedies_rescaling,
    remedies_sharpness,
    remedies_sign,
    transition,
    wider,
)
from .base import Bench, Claim, Evidence
from .finding import Figure, Finding, Number, Panel, Series, Table, Verdict

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
    remedies.CLAIM,
    remedies_constant.CLAIM,
    remedies_rescaling.CLAIM,
    remedies_adam.CLAIM,
    remedies_sharpness.CLAIM,
    remedies_sign.CLAIM,
    arithmetic.CLAIM,
    attacks.CLAIM,
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
    "Table",
    "Verdict",
]
