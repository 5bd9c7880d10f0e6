"""P(trained), P(dead) and the distribution of |C| over an initializer, proved, for x = +-1.

On x = +-1 the points decouple (1 + x1 x2 = 0).  Neuron 1 has the right sign for x = +1, neuron 2
for x = -1.  At a point with right pre-activation r and wrong one w, and c = 2 step_size,

    r > 0, w > 0    r grows and w falls by c e^(w - r) a step, until w <= 0
    r > 0, w <= 0   r grows for ever, w is frozen
    r <= 0, w > 0   w falls by c e^w a step until w <= 0; r is frozen
    r <= 0, w <= 0  nothing moves

so r keeps its side of 0, and every w ends at or below 0 after finitely many steps.  Hence neuron j
ends alive if and only if its own r is positive at the start.  (w, b) and (-w, -b) are equally
likely, r = 0 has probability 0 and neurons are independent: trained 1/4, one dead 1/2, both 1/4.
The law C = (p2 - q1) / 2 [smorodinsky2026] takes the final wrong-side pre-activations: p2 of neuron
2 at x = +1, q1 of neuron 1 at x = -1.

The draws are taken as the real random variables they stand for, not as the doubles of a generator.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike

from latephase.core import InputError
from latephase.core.arrays import Floats, Ints
from latephase.core.balls import arb, bounds, exact, float_bounds, precision
from latephase.core.calls import public
from latephase.problem import Dataset, GradientDescent, Initializer, initializers
from latephase.problem.checks import finite_array, real_number

from .normal_biases import RESULT_BITS, normal_landing
from .normal_mass import whole
from .pboxes import exceedance, refined
from .uniform_biases import Distribution, Interval, uniform_biases

__all__ = ["CertifiedDistribution", "certified_distribution"]

BITS = 96
MASS_BITS = 30  # of p-boxes: products of two stay below 2^63
LEAST_WANTED = 5e-4  # a smaller width takes no more work than this: at most 20 s
SMALLEST_SCALE = 1e-280  # so that no unit of length is subnormal
HALF = 1 << MASS_BITS - 1  # P(r > 0)
FINENESS, CELLS = 1.0, 2  # cells for the wanted width; measured, no part of the proof


@dataclass(frozen=True)
class CertifiedDistribution:
    """Bounds of probabilities over an initializer, rounded outward.  Rigour: proved.

    Attributes
    ----------
    trained, one_dead, both_dead
        (lower, upper) of P(both neurons, exactly one, none ends alive).
    constants
        Where the distribution is given: values c of |C|, in the order asked for.
    lower, upper
        Bounds of P(trained and |C| <= c), one per constant.
    """

    trained: tuple[float, float]
    one_dead: tuple[float, float]
    both_dead: tuple[float, float]
    constants: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]

    @property
    def undecided(self) -> float:
        """The largest width of all bounds, a probability."""
        widths = [high - low for low, high in (self.trained, self.one_dead, self.both_dead)]
        return max(*widths, *(high - low for low, high in zip(self.lower, self.upper, strict=True)))


@public
def certified_distribution(
    initializer: str | Initializer,
    data: Dataset,
    method: GradientDescent,
    constants: ArrayLike,
    *,
    undecided: float,
) -> CertifiedDistribution:
    """Bounds of P(trained), P(dead) and P(trained and |C| <= c) for gradient descent on x = +-1.

    Parameters
    ----------
    initializer
        A name or a record, drawn for one feature and two neurons.
    data, method
        x = +1 labelled +1 and x = -1 labelled -1, in either order; GradientDescent.
    constants
        (k,) values c >= 0, unit of the inputs; in any order.
    undecided
        Wanted largest width of a bound, in (0, 1).  It sets the work, and what could not be decided
        shows in the widths: nothing is raised if they are larger.  Below 5e-4 (1e-2 for uniform
        biases) no more work is done.

    Returns
    -------
    CertifiedDistribution
        Bounds, and the widths that are left.

    Raises
    ------
    InputError
        On other data, other methods, constants that are negative, not finite or missing, and
        initializers that are neither normal nor uniform.

    Notes
    -----
    Rigour: proved (balls, exact integers), for the exact doubles of step size, scale and constants.
    Zero biases: closed forms.
    """
    chosen = initializers.get(initializer)
    _check_problem(data, method)
    points = _checked_constants(constants)
    wanted = real_number(undecided, "undecided", "a probability in (0, 1)")
    if not 0 < wanted < 1:
        raise InputError("undecided in (0, 1)", undecided, "give the largest width wanted")
    with precision(BITS):
        distribution = _distribution(chosen, method.step_size, points, max(wanted, LEAST_WANTED))
        found = [_at(distribution, c) for c in points]
    return CertifiedDistribution(
        trained=(0.25, 0.25),
        one_dead=(0.5, 0.5),
        both_dead=(0.25, 0.25),
        constants=points,
        lower=tuple(_below(low) for low, _ in found),
        upper=tuple(_above(high) for _, high in found),
    )


def _check_problem(data: Dataset, method: GradientDescent) -> None:
    if not isinstance(data, Dataset) or sorted(
        zip(data.inputs.ravel().tolist(), data.labels.tolist(), strict=False)
    ) != [(-1.0, -1), (1.0, 1)]:
        raise InputError("Dataset([1, -1], [1, -1])", data, "probabilities are proved for it only")
    if not isinstance(method, GradientDescent):
        raise InputError("GradientDescent", method, "probabilities are proved for it only")


def _checked_constants(constants: ArrayLike) -> tuple[float, ...]:
    values = finite_array(constants, "constants", "(k,)")
    if values.ndim != 1:
        raise InputError("constants of shape (k,)", constants, "give a list of numbers")
    if np.any(values < 0):
        raise InputError("constants >= 0", float(np.min(values)), "they are compared with |C|")
    return tuple(values.tolist())


def _distribution(
    initializer: Initializer, step_size: float, constants: Sequence[float], undecided: float
) -> Distribution:
    """c -> bounds of P(trained and |C| <= c), for that initializer."""
    scale = real_number(initializer.scale(1, 2), "the scale of the initializer", "a number > 0")
    law = initializer.law
    if law == "other" or not scale > SMALLEST_SCALE:
        expected = f"a normal or uniform initializer of scale above {SMALLEST_SCALE}"
        raise InputError(expected, initializer, "use a known one")
    if initializer.zero_bias:
        return _zero_bias_normal(scale) if law == "normal" else _zero_bias_uniform(scale)
    if law == "normal":
        return _normal(2 * step_size, scale, constants, undecided)
    return uniform_biases(2 * step_size, scale, undecided)


def _at(distribution: Distribution, c: float) -> Interval:
    """Bounds at c, with what is known of every distribution.

    C has no atoms: frozen pre-activations have a density, and given u_0 so has every L, which is
    S / 2 up to a constant on each piece.  So c = 0 has probability 0.
    """
    if c == 0:
        return Fraction(0), Fraction(0)
    lower, upper = distribution(c)
    return max(lower, Fraction(0)), min(upper, Fraction(1, 4))


def _below(x: Fraction) -> float:
    """The largest double <= x, or its neighbour below."""
    nearest = float(x)
    return nearest if Fraction(nearest) <= x else math.nextafter(nearest, -math.inf)


def _above(x: Fraction) -> float:
    """The smallest double >= x, or its neighbour above."""
    nearest = float(x)
    return nearest if Fraction(nearest) >= x else math.nextafter(nearest, math.inf)


def _zero_bias_normal(scale: float) -> Distribution:
    """|C| = ||w1| - |w2|| / 2 for w1 > 0 > w2, normal of that deviation: (1 - erfc(c / s)^2) / 4.

    v = (w1 + w2) / sqrt 2 and (w1 - w2) / sqrt 2 are independent normals, w1 > 0 > w2 says that the
    second exceeds |v|, and |C| <= c that |v| <= sqrt 2 c: integrate 2 phi(v) Q(v) over v > 0.
    """

    def distribution(c: float) -> Interval:
        tail = _erfc(c, scale)
        return bounds((1 - tail * tail) / 4)  # tail ** 2 is NaN where tail may be negative

    return distribution


def _erfc(length: float, unit: float) -> arb:
    """erfc(length / unit); from 30 on, where it is below 1e-390, a ball around 0.

    The radius of erfc(1e20) has an exponent that fills the memory once it is written as a fraction.
    """
    if length > 30 * unit:
        return arb(0, 1e-300)
    return (exact(length) / exact(unit)).erfc()


def _zero_bias_uniform(scale: float) -> Distribution:
    """|C| = ||w1| - |w2|| / 2 for w1 > 0 > w2, uniform on (-h, h): exact."""

    def distribution(c: float) -> Interval:
        rest = max(1 - 2 * Fraction(c) / Fraction(scale), Fraction(0))
        return ((1 - rest**2) / 4,) * 2

    return distribution


def _normal(
    c: float, deviation: float, constants: Sequence[float], undecided: float
) -> Distribution:
    """Normal weights and biases: p2 and q1 are independent and follow the same law."""
    grid, box = _wrong_side(c, deviation, constants, undecided)
    everything = Fraction(1, 4)

    def distribution(constant: float) -> Interval:
        lower, upper = exceedance(grid, box, box, 2 * Fraction(constant))
        scale = Fraction(2, 4**MASS_BITS)  # p - q > 2c and q - p > 2c are equally likely
        return everything - upper * scale, everything - lower * scale

    return distribution


def _wrong_side(
    c: float, deviation: float, constants: Sequence[float], undecided: float
) -> tuple[Floats, Ints]:
    """Grid and bounds of P(r > 0, final w <= x), units of 2^-MASS_BITS."""
    coarse = undecided * min(1.0, deviation)
    smallest = max(min([coarse, *(k / 2 for k in constants if k > 0)]), coarse / 4)
    landing = normal_landing(c, deviation, math.ceil(FINENESS / undecided), smallest)
    shift = RESULT_BITS - MASS_BITS

    def below(x: float) -> tuple[int, int]:
        if -x < landing.finest or x == 0:
            return (below(-landing.finest)[0] if x else HALF), HALF
        frozen = whole(*float_bounds([_erfc(-x, 2 * deviation) / 4]), MASS_BITS)
        low, high = landing.below(x)
        return int(frozen[0][0]) + (low >> shift), int(frozen[1][0]) - (-high >> shift)

    steepest = math.log2(2 * c) + landing.top / math.log(2)  # a first step from u = -top
    farthest = min(max(math.log2(landing.top), steepest) + 1, 1000.0)
    nearest = math.log2(max(landing.finest, 2.0**-20 * min(c, deviation)))
    points = np.append(-(2.0 ** np.arange(farthest, nearest, -1.0)), 0.0)
    return refined(below, points, math.ceil(undecided * HALF / CELLS))
