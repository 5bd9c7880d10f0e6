"""P(trained), P(dead) and the distribution of |C| over an initializer, proved.

Two points with x1 x2 < -1 are the business of `repelling`.  On x = +-1 the points decouple
(1 + x1 x2 = 0).  Neuron 1 has the right sign for x = +1, neuron 2 for x = -1.  At a point with
right pre-activation r and wrong one w, and c = 2 step_size,

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
from latephase.core.balls import bounds, precision
from latephase.core.calls import public
from latephase.problem import Dataset, GradientDescent, Initializer, initializers
from latephase.problem.checks import finite_array, real_number
from latephase.problem.geometry import TwoPointGeometry, is_two_point
from latephase.problem.methods import followed_method

from .normal_biases import normal_biases
from .normal_mass import erfc
from .pboxes import Distribution, Interval
from .repelling.constants import constants_within
from .repelling.points import Repelling
from .repelling.shares import NormalPair, shares
from .uniform_biases import uniform_biases

BITS = 96
LEAST_WANTED = 5e-4  # a smaller width takes no more work than this: at most 20 s
PLUS_MINUS = (1.0, -1.0)
LARGEST_INPUT, SCALES = 1000.0, (1e-3, 30.0)  # where x1 x2 < -1: what has been tried out
SMALLEST_SCALE = 1e-280  # so that no unit of length is subnormal


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
    """Bounds of P(trained), P(dead) and P(trained and |C| <= c) for gradient descent.

    On x = +-1, and on any x1, x2 with x1 x2 < -1 for weights and biases that are normal.

    Parameters
    ----------
    initializer
        A name or a record, drawn for one feature and two neurons.
    data, method
        x = +1 labelled +1 and x = -1 labelled -1, in either order, or two inputs with x1 x2 < -1,
        at most 1000 in size, of different labels; GradientDescent.
    constants
        (k,) values c >= 0, unit of the inputs; in any order.
    undecided
        Wanted largest width of a bound, in (0, 1).  It sets the work, and what could not be decided
        shows in the widths: nothing is raised if they are larger.  Below 5e-4 (1e-2 for uniform
        biases) no more work is done.  Where x1 x2 < -1, 1e-2 of P(trained) takes ten seconds of
        processor time; constants above 0 a minute more, and their bounds stay up to 0.1 apart.

    Returns
    -------
    CertifiedDistribution
        Bounds, and the widths that are left.

    Raises
    ------
    InputError
        On other data, other methods, constants that are negative, not finite or missing, and
        initializers that are neither normal nor uniform; where x1 x2 < -1, also uniform ones, zero
        biases, and scales outside [1e-3, 30].

    Notes
    -----
    Rigour: proved (balls, exact integers), for the exact doubles of step size, scale and constants.
    Zero biases: closed forms.  Source: docs/theory.md, "Shares of an initializer".

    Examples
    --------
    >>> data = lp.Dataset([1.0, -1.0], [1, -1])
    >>> gd = lp.GradientDescent(0.1)
    >>> found = lp.certified_distribution("he_normal", data, gd, [0.5], undecided=0.1)
    >>> found.trained
    (0.25, 0.25)
    >>> print(f"P(|C| <= 0.5) from {found.lower[0]:.6f} to {found.upper[0]:.6f}")
    P(|C| <= 0.5) from 0.154805 to 0.154805
    """
    chosen = initializers.get(initializer)
    points, wanted = _checked(data, method, constants, undecided)
    geometry = TwoPointGeometry.of(data)
    if (geometry.x1, geometry.x2) != PLUS_MINUS:
        return _repelling(chosen, geometry, method.step_size, points, wanted)
    with precision(BITS):
        distribution = _distribution(chosen, method.step_size, points, max(wanted, LEAST_WANTED))
        found = [_outward(*_at(distribution, c)) for c in points]
    return CertifiedDistribution(
        trained=(0.25, 0.25),
        one_dead=(0.5, 0.5),
        both_dead=(0.25, 0.25),
        constants=points,
        lower=tuple(low for low, _ in found),
        upper=tuple(high for _, high in found),
    )


def _checked(
    data: Dataset, method: GradientDescent, constants: ArrayLike, undecided: float
) -> tuple[tuple[float, ...], float]:
    """The constants, and the width that is wanted."""
    if not (isinstance(data, Dataset) and is_two_point(data) and _proved_for(data)):
        expected = "1 labelled 1 and -1 labelled -1, or two inputs with x1 * x2 < -1"
        raise InputError(expected, data, "probabilities are proved for these, up to 1000 in size")
    if not isinstance(followed_method(method), GradientDescent):
        raise InputError("GradientDescent", method, "probabilities are proved for it only")
    values = finite_array(constants, "constants", "(k,)")
    if values.ndim != 1:
        raise InputError("constants of shape (k,)", constants, "give a list of numbers")
    if np.any(values < 0):
        raise InputError("constants >= 0", float(np.min(values)), "they are compared with |C|")
    wanted = real_number(undecided, "undecided", "a probability in (0, 1)")
    if not 0 < wanted < 1:
        raise InputError("undecided in (0, 1)", undecided, "give the largest width wanted")
    return tuple(values.tolist()), wanted


def _proved_for(data: Dataset) -> bool:
    geometry = TwoPointGeometry.of(data)
    if (geometry.x1, geometry.x2) == PLUS_MINUS:
        return True
    return geometry.gram_sign < 0 and max(abs(geometry.x1), abs(geometry.x2)) <= LARGEST_INPUT


def _repelling(
    initializer: Initializer,
    geometry: TwoPointGeometry,
    step_size: float,
    points: tuple[float, ...],
    wanted: float,
) -> CertifiedDistribution:
    """Where x1 x2 < -1: normal weights and biases.  InputError for other initializers."""
    scale = real_number(initializer.scale(1, 2), "the scale of the initializer", "a number > 0")
    least, most = SCALES
    if initializer.law != "normal" or initializer.zero_bias or not least <= scale <= most:
        expected = f"normal weights and biases of a scale from {least:g} to {most:g}"
        raise InputError(expected, initializer, "nothing else is proved where x1 * x2 < -1")
    pair = NormalPair.of(Repelling.of(geometry.x1, geometry.x2, step_size), scale)
    trained, one_dead, both_dead = shares(pair, wanted)
    some = [c for c in points if c > 0]
    # C has no atoms: null parts have a density, whatever the free parts are.
    found = (
        dict(zip(some, constants_within(pair, some, trained, wanted), strict=True)) if some else {}
    )
    bands = [found.get(c, (0.0, 0.0)) for c in points]
    lower, upper = (tuple(band[i] for band in bands) for i in (0, 1))
    return CertifiedDistribution(trained, one_dead, both_dead, points, lower, upper)


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
        return _zero_biases(law, scale)
    if law == "normal":
        return normal_biases(2 * step_size, scale, constants, undecided)
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


def _outward(lower: Fraction, upper: Fraction) -> tuple[float, float]:
    """The nearest doubles on the outer sides, or the next ones."""
    low, high = float(lower), float(upper)
    return (
        low if Fraction(low) <= lower else math.nextafter(low, -math.inf),
        high if Fraction(high) >= upper else math.nextafter(high, math.inf),
    )


def _zero_biases(law: str, scale: float) -> Distribution:
    """|C| = ||w1| - |w2|| / 2 for w1 > 0 > w2.

    Uniform on (-scale, scale): exact.  Normal of that deviation: (1 - erfc(c / scale)^2) / 4, since
    v = (w1 + w2) / sqrt 2 and (w1 - w2) / sqrt 2 are independent normals, w1 > 0 > w2 says that the
    second exceeds |v|, and |C| <= c that |v| <= sqrt 2 c: integrate 2 phi(v) Q(v) over v > 0.
    """

    def distribution(c: float) -> Interval:
        if law == "uniform":
            rest = max(1 - 2 * Fraction(c) / Fraction(scale), Fraction(0))
            return ((1 - rest**2) / 4,) * 2
        tail = erfc(c, scale)
        return bounds((1 - tail * tail) / 4)  # tail ** 2 is NaN where tail may be negative

    return distribution
