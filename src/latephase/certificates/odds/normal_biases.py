"""The wrong-side pre-activation after training when right and wrong side are independent normals.

Weights and biases of standard deviation s make the pre-activations of a neuron at x = +-1
independent normals of variance 2 s^2, so that S = r + w and u = r - w are independent of variance
4 s^2, and r, w > 0 reads S > |u|.  Given u_0, the orbit u_0, u_1, ... is known, and L <= x reads
max(u_(n-1), |u_0|) < S <= u_n + 2x for some n >= 1: erf takes care of S, and the line of u_0 is cut
into cells.  Masses are integers, rounded outward, and added exactly: those of S from the table in
`normal_mass`, those of u_0 in units of 2^-36.  Positions are doubles rounded outward.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from latephase.core.arrays import Floats, Ints
from latephase.core.balls import exact, float_bounds, precision

from . import normal_mass as mass
from .landing import Ladder, after_one_step, ladder, leftward, turning_point
from .pboxes import Distribution, Interval, exceedance, refined

U_BITS = 36
RESULT_BITS = mass.S_BITS + U_BITS
MASS_BITS = 30  # of p-boxes: products of two stay below 2^63
HALF = 1 << MASS_BITS - 1  # P(r > 0)
FINENESS, CELLS = 1.0, 2  # cells for the wanted width; measured, no part of the proof
BITS = 96  # the rungs lose one bit per unit of u, and 53 are needed


def normal_biases(
    c: float, deviation: float, constants: Sequence[float], undecided: float
) -> Distribution:
    """The function of a constant that bounds P(trained and |C| <= constant).  Rigour: proved.

    c = 2 step_size; p2 and q1 are independent and follow the same law.  `undecided` and the
    constants set the work.
    """
    coarse = undecided * min(1.0, deviation)
    smallest = max(min([coarse, *(k / 2 for k in constants if k > 0)]), coarse / 4)
    landing = normal_landing(c, deviation, math.ceil(FINENESS / undecided), smallest)
    shift = RESULT_BITS - MASS_BITS

    def below(x: float) -> tuple[int, int]:
        """Bounds of P(r > 0, final w <= x), units of 2^-MASS_BITS."""
        if -x < landing.finest or x == 0:
            return (below(-landing.finest)[0] if x else HALF), HALF
        frozen = mass.whole(*float_bounds([mass.erfc(-x, 2 * deviation) / 4]), MASS_BITS)
        low, high = landing.below(x)
        return int(frozen[0][0]) + (low >> shift), int(frozen[1][0]) - (-high >> shift)

    steepest = math.log2(2 * c) + landing.top / math.log(2)  # a first step from u = -top
    farthest = min(max(math.log2(landing.top), steepest) + 1, 1000.0)
    nearest = math.log2(max(landing.finest, 2.0**-20 * min(c, deviation)))
    points = np.append(-(2.0 ** np.arange(farthest, nearest, -1.0)), 0.0)
    grid, box = refined(below, points, math.ceil(undecided * HALF / CELLS))
    unit = Fraction(2, 4**MASS_BITS)  # p - q > 2c and q - p > 2c are equally likely

    def distribution(constant: float) -> Interval:
        lower, upper = exceedance(grid, box, box, 2 * Fraction(constant))
        return Fraction(1, 4) - upper * unit, Fraction(1, 4) - lower * unit

    return distribution


@dataclass(frozen=True)
class Cells:
    """Cells of u_0, (cells,) each, in falling order of `a`, which makes `_extreme` fast.

    Every orbit from the cell with S > |u_0| lands on its first rung above |u_0|, or on a later one.

    begin, end                  ends of the cell
    mass_lower, mass_upper      P(u_0 in the cell), units of 2^-U_BITS
    bottom_lower, bottom_upper  P(0 < S < start), units of 2^-S_BITS: that rung serves start < S
    top_lower, top_upper        that rung, in units of the table of erf
    a, b                        rungs of the ladder that enclose it
    reach                       twice the largest |L|
    """

    begin: Floats
    end: Floats
    mass_lower: Ints
    mass_upper: Ints
    bottom_lower: Ints
    bottom_upper: Ints
    top_lower: Floats
    top_upper: Floats
    a: Ints
    b: Ints
    reach: Floats

    def at(self, places: Ints) -> Cells:
        """The cells at those places, in that order."""
        return Cells(*(part[places] for part in vars(self).values()))


@dataclass(frozen=True)
class NormalLanding:
    """P(r > 0, w > 0, L <= x), see `below`; made by `normal_landing`.

    top                   bound of |u_0| and S: more is undecided
    finest                smallest |x| for which something is proved
    unit                  of the table of erf, and of the rungs
    lower, upper          bounds of the rungs, `phases` of them to a row
    psi_lower, psi_upper  bounds of P(0 < S < rung), units of 2^-S_BITS
    steps                 bounds of the steps from the rungs
    """

    top: float
    finest: float
    unit: float
    lower: Floats
    upper: Floats
    psi_lower: Ints
    psi_upper: Ints
    phases: int
    steps: Floats
    cells: Cells

    def below(self, x: float) -> tuple[int, int]:
        """(lower, upper) bounds of P(r > 0, w > 0, L <= x) for x <= -finest, x < 0.

        In units of 2^-RESULT_BITS.  Rigour: proved.
        """
        cells, low, high = self.within_cells(x)
        beyond = 1 << RESULT_BITS - 48
        return int(np.dot(cells.mass_lower, low)), int(np.dot(cells.mass_upper, high)) + beyond

    def within_cells(self, x: float) -> tuple[Cells, Ints, Ints]:
        """Bounds of P(S > |u_0|, L <= x) given any u_0 of a cell, units of 2^-S_BITS.

        For the cells where it is not 0, up to the mass of S beyond `top`.
        """
        shift = mass.in_units(np.array([2 * x]), self.unit)
        # P(S > u, L <= x) for an orbit at u between rungs i and i + 1, from there on; steps of
        # 2 |x| and less contribute nothing.
        J, rows = self.phases, len(self.lower) // self.phases - 2
        rows = min(rows, int(np.searchsorted(-self.steps, 2 * x, "left")) // J + 1)
        low = mass.psi_lower(mass.down(self.lower[J : J + rows * J] + shift[0]))
        high = mass.psi_upper(mass.up(self.upper[J + 1 : J + 1 + rows * J] + shift[1]))
        later_lower = _summed(low - self.psi_upper[1 : 1 + rows * J], J)
        later_upper = _summed(high - self.psi_lower[: rows * J], J)
        # And its first rung.
        cells = self.cells.at(np.flatnonzero(self.cells.reach > -2 * x))
        first_lower = mass.psi_lower(mass.down(cells.top_lower + shift[0])) - cells.bottom_upper
        first_upper = mass.psi_upper(mass.up(cells.top_upper + shift[1])) - cells.bottom_lower
        low = np.maximum(first_lower, 0) + _extreme(np.minimum, later_lower, cells)
        high = np.maximum(first_upper, 0) + _extreme(np.maximum, later_upper, cells)
        return cells, low, high


def normal_landing(c: float, deviation: float, fineness: int, finest: float) -> NormalLanding:
    """The law of landing for c = 2 step_size and weights and biases of that standard deviation.

    `fineness` is the number of cells per deviation, and of orbits per step; steps are followed
    until |L| is below `finest`.  More and less make the bounds closer and the work longer.
    """
    top, unit = 2 * mass.DEVIATIONS * deviation, deviation * 2.0 ** (1 - mass.TABLE_BITS)
    with precision(BITS):
        steps = ladder(c, -top, top, finest=finest, gap=deviation / fineness, share=fineness)
        ends = _ends(c, top, steps, fineness)
        first = after_one_step(c, [exact(u) for u in ends.tolist()])
        # P(u_0 in the cell), (cells,), in units of 2^-U_BITS.
        scale = 1 / (exact(8).sqrt() * exact(deviation))
        erfs = float_bounds([(1 + (exact(u) * scale).erf()) / 2 for u in ends.tolist()])
        low, high = mass.whole(*erfs, U_BITS)
        masses = np.maximum(low[1:] - high[:-1], 0), high[1:] - low[:-1]
        cells = _cells(ends, masses, first, steps, unit)
    lower, upper = mass.in_units(steps.lower, unit)[0], mass.in_units(steps.upper, unit)[1]
    # Orbits are followed up to here, where S is beyond top or steps are too short for any x.
    last = len(lower) - 2 * steps.phases
    finest = 0.0 if steps.lower[last] >= top else float(steps.steps[last]) / 2
    psi = mass.psi_lower(lower), mass.psi_upper(upper)
    return NormalLanding(top, finest, unit, lower, upper, *psi, steps.phases, steps.steps, cells)


def _ends(c: float, top: float, steps: Ladder, fineness: int) -> Floats:
    """Rising ends of the cells of u_0: even ones, and where an orbit has just come to a rung."""
    turn = turning_point(c)
    apart = max(float(steps.steps[0]) / fineness, float(np.ptp(steps.lower)) / 2**13)
    places = np.arange(float(steps.lower[0]), float(steps.lower[-1]), apart)
    few = steps.lower[np.searchsorted(steps.lower, places)]
    # Ends beside the rungs, not on them: else a rounding puts every orbit between three rungs.
    beside = 2.0**-40 * (1 + np.abs(few))
    few = np.concatenate([few - beside, few + beside])
    even = np.linspace(-top, top, 4 * mass.DEVIATIONS * fineness + 1)
    left = leftward(c, few)
    chosen = np.concatenate([even, few[few > turn], left[left < turn], [0.0, turn]])
    return np.unique(chosen[np.abs(chosen) <= top])


def _cells(
    ends: Floats,
    masses: tuple[Ints, Ints],
    first: tuple[Floats, Floats],
    steps: Ladder,
    unit: float,
) -> Cells:
    """The cells between `ends`, with the first rung above |u_0| found for each."""
    near = np.minimum(np.abs(ends[:-1]), np.abs(ends[1:]))
    far = np.maximum(np.abs(ends[:-1]), np.abs(ends[1:]))
    # The first u_n sure to be above |u_0|, the rungs around it, and u_(n-1) at most.  In the upper
    # bound of a mass that rung serves all S from `near` on: what lower ones may have served.
    J, rungs = steps.phases, len(steps.lower)
    a, b = steps.between(*first)
    turns = np.maximum(0, -((a - np.searchsorted(steps.lower, far, "left")) // J))
    # Beyond the ladder there is nothing to find: steps there are too short for any x.
    turns = np.where(a < rungs - J, turns, 0)
    nothing = (turns > 0) & (near >= steps.upper[-1]) & (b < rungs)
    a, b, before = a + turns * J, b + turns * J, b + (turns - 1) * J
    low, high = np.append(steps.lower, -np.inf), np.append(steps.upper, np.inf)
    served = np.where(turns > 0, high[np.clip(before, 0, rungs)], -np.inf)
    top_lower = np.where(turns > 0, low[np.minimum(a, rungs)], first[0])
    top_upper = np.where(turns > 0, high[np.minimum(b, rungs)], first[1])
    top_upper = np.where(nothing, -np.inf, top_upper)
    later = np.append(steps.steps, 0.0)[np.minimum(a, len(steps.steps))]
    cells = Cells(
        begin=ends[:-1],
        end=ends[1:],
        mass_lower=masses[0],
        mass_upper=masses[1],
        bottom_lower=mass.psi_lower(mass.in_units(near, unit)[0]),
        bottom_upper=mass.psi_upper(mass.in_units(np.maximum(far, served), unit)[1]),
        top_lower=mass.in_units(top_lower, unit)[0],
        top_upper=mass.in_units(top_upper, unit)[1],
        a=a,
        b=b,
        reach=np.maximum(mass.up(top_upper - near), later),
    )
    return cells.at(np.argsort(-a, kind="stable"))


def _extreme(choose: np.ufunc, later: Ints, cells: Cells) -> Ints:
    """The least or largest of later[a:b] for each cell, 0 beyond the end of `later`."""
    last = len(later)
    begin = np.minimum(cells.a, last)
    pairs = np.stack([begin, np.clip(cells.b, begin + 1, last + 1)], axis=1).ravel()
    return (
        np.asarray(choose.reduceat(np.append(later, [0, 0]), pairs)[::2]) if pairs.size else begin
    )


def _summed(pieces: Ints, phases: int) -> Ints:
    """Sums of the non-negative pieces i, i + J, i + 2J, ..., for every i."""
    rows = np.maximum(pieces, 0).reshape(-1, phases)[::-1]
    return np.cumsum(rows, axis=0)[::-1].ravel()
