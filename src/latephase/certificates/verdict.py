"""What became of a claim: proved, refuted, or undecided with a reason; never a bare bool."""

from __future__ import annotations

from enum import Enum

from latephase.core import LatephaseError


class Verdict(Enum):
    """What ball arithmetic says of a claim about a run."""

    PROVED = "every number is enclosed and every step of the argument is decided"
    REFUTED = "the opposite of what was claimed is proved"
    UNDECIDED = "neither the claim nor its opposite is proved"

    def __str__(self) -> str:
        return self.name

    def __bool__(self) -> bool:
        raise TypeError("a verdict has three values: compare it, `verdict is Verdict.PROVED`")


class Undecided(LatephaseError):
    """Something the balls do not decide at this precision; more bits may.

    bits: how many will, where that is known (0: twice as many are tried).
    """

    def __init__(self, what: str, bits: int = 0) -> None:
        super().__init__(what)
        self.bits = bits


class Unprovable(LatephaseError):
    """Something that no precision will decide: there is no argument for it here."""
