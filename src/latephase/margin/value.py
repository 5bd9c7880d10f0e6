"""What a measurement of the robustness margin returns: one number that is exact, or two bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from latephase.core import InputError, Rigour, Words

NORMS = (2.0, float("inf"), 1.0)


class Margin(float):
    """An exact robustness margin: a float in units of x that knows its norm.

    Attributes
    ----------
    norm : float
        2, 1 or inf: the norm in which it was measured.
    rigour : Rigour
        exact.
    lower, upper : float
        The number itself, so that `Margin` and `MarginBounds` read alike.
    """

    norm: float
    rigour: Rigour

    def __new__(cls, value: float, norm: float = 2.0) -> Margin:
        self = super().__new__(cls, value)
        self.norm, self.rigour = norm, Rigour.exact
        return self

    def __reduce__(self) -> tuple[type[Margin], tuple[float, float]]:
        return Margin, (float(self), self.norm)

    lower = upper = property(float, doc="The margin.")


@dataclass(frozen=True)
class MarginBounds:
    """A robustness margin between two bounds; not a number, so that float() raises InputError.

    Attributes
    ----------
    lower, upper : float
        The margin is at least `lower`, and at most `upper`, where N has changed sign; units of x.
    norm : float
        2, 1 or inf: the norm in which it was measured.
    rigour : Rigour
        estimated: both bounds hold up to rounding.
    """

    lower: float
    upper: float
    norm: float
    rigour: Rigour = Rigour.estimated

    def __float__(self) -> NoReturn:
        raise InputError(
            "an exact margin, for nets of up to 16 neurons or inputs of up to 2 features",
            Words(f"bounds {self.lower:.6g} and {self.upper:.6g}"),
            "use .lower or .upper",
        )


def checked_norm(norm: object) -> float:
    """The norm 1, 2 or inf (also as text).  Raises InputError on others."""
    try:
        value = float(norm)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        value = float("nan")
    if value not in NORMS or isinstance(norm, bool):
        raise InputError('norm 1, 2 or inf ("inf")', norm, "choose one of them")
    return value
