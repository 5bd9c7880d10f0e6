"""Two points with x1 x2 < -1, as bounds in doubles."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from latephase.core.balls import arb, exact, float_bounds, precision

Bounds = tuple[float, float]
BITS = 96


@dataclass(frozen=True)
class Repelling:
    """Numbers of two points with k12 = 1 + x1 x2 < 0, each as (lower, upper).

    step_size     exact
    k11, k22      Gram numbers of the points with a 1 appended;  kappa = -k12
    tilt1, tilt2  kappa / k11, kappa / k22
    rest1, rest2  D / k11, D / k22, D = (x1 - x2)^2
    weight1, weight2, offset
                  C = offset + weight1 null1 + weight2 null2, null_j the final null part of neuron
                  j: its wrong pre-activation plus tilt_j times its right one
    """

    step_size: float
    k11: Bounds
    k22: Bounds
    kappa: Bounds
    tilt1: Bounds
    tilt2: Bounds
    rest1: Bounds
    rest2: Bounds
    weight1: Bounds
    weight2: Bounds
    offset: Bounds

    @staticmethod
    def of(x1: float, x2: float, step_size: float) -> Repelling:
        """x1 is the input labelled +1.  Source: docs/theory.md, "Laws"."""
        a, b = Fraction(x1), Fraction(x2)
        k11, k22, kappa, gap = 1 + a * a, 1 + b * b, -(1 + a * b), a - b
        size = k11 * k22 / (gap * (1 - a * b) ** 2)
        rational = {
            "k11": k11,
            "k22": k22,
            "kappa": kappa,
            "tilt1": kappa / k11,
            "tilt2": kappa / k22,
            "rest1": gap**2 / k11,
            "rest2": gap**2 / k22,
            "weight1": size * b * k11 / gap,
            "weight2": size * a * k22 / gap,
        }
        with precision(BITS):
            offset = exact(size) * exact(k22 / k11).log()
            numbers = {name: doubles(exact(x)) for name, x in rational.items()}
            return Repelling(step_size, **numbers, offset=doubles(offset))

    @property
    def mirrored(self) -> Repelling:
        """The same with neurons and points exchanged."""
        return Repelling(
            self.step_size,
            k11=self.k22,
            k22=self.k11,
            kappa=self.kappa,
            tilt1=self.tilt2,
            tilt2=self.tilt1,
            rest1=self.rest2,
            rest2=self.rest1,
            weight1=self.weight2,
            weight2=self.weight1,
            offset=self.offset,
        )


def doubles(ball: arb) -> Bounds:
    """(lower, upper) doubles around a ball."""
    lower, upper = float_bounds([ball])
    return float(lower[0]), float(upper[0])
