"""What became of a claim: proved, refuted, or undecided with a reason; never a bare bool."""

from __future__ import annotations

from enum import Enum

from latephase.core import LatephaseError


class Verdict(Enum):
    """What ball arithmetic says of a claim about a run.

    Examples
    --------
    >>> data = lp.Dataset([1.0, -1.0], [1, -1])
    >>> net = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2])
    >>> lp.certify(net, data, lp.GradientDescent(0.1), claim="slow").verdict.value
    'every number is enclosed and every step of the argument is decided'
    """

    PROVED = "every number is enclosed and every step of the argument is decided"
    REFUTED = "the opposite of what was claimed is proved"
    UNDECIDED = "neither the claim nor its opposite is proved"

    def __str__(self) -> str:
        return self.name

    def __bool__(self) -> bool:
        raise TypeError("a verdict has three values: compare it, `verdict is Verdict.PROVED`")


class Undecided(LatephaseError):
    """Something the balls do not decide at this precision; more bits may.

    bits: how many will, where that is known (0: twice as many are tried);  steps: single steps done
    by then.
    """

    def __init__(self, what: str, bits: int = 0) -> None:
        super().__init__(what)
        self.bits, self.steps = bits, 0


class Unprovable(LatephaseError):
    """Something that no precision will decide: there is no argument for it here."""
