"""Records that several rooms hand to each other."""

from __future__ import annotations

from dataclasses import dataclass

from latephase.core.calls import public


@public
@dataclass(frozen=True)
class Law:
    """Law of the late phase: x*(t) - limit_boundary ~ constant / (ln t + offset).

    Units: `limit_boundary` and `constant` are those of the inputs, `offset` is a natural logarithm.
    A constant that is exactly zero is 0.0: the boundary then converges faster than 1/ln t.
    Source: the rate of [smorodinsky2026]; constants from docs/theory.md, "Laws".
    """

    limit_boundary: float
    constant: float
    offset: float
