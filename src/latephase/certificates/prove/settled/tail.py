"""All later times of a settled network: the induction, and what it encloses.

Symbols as in docs/certificates-general.md, "absorbed": rho is the distance to the curve
w ln(eta N) + const in the span of the support, N = sigma + t - base.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from latephase.core.balls import Rational, arb, length, plus_minus

from .gradients import Gradients
from .limit import Limit, Seen
from .strip import Bands, Strip
from .system import GeneralSystem, Kinks, Row, Signs

_OPEN, _NEAR = 2.0**-20, 2.0**-8  # of what is left of sums, and of sup, that is narrow


class Range(NamedTuple):
    """A stretch of time: balls that hold ln(N / sigma), |rho| <= reach, S_k (|R|,), 1/N or more."""

    log: arb
    reach: arb
    moved: list[arb]
    late: arb


@dataclass(frozen=True)
class Geometry:
    """What a limit looks like from the gradients, the pre-activations and the parameters."""

    limit: Limit
    points: Seen
    heights: Seen
    units: Seen
    products: list[Row]  # c of the pre-activations, (m n, n)

    @classmethod
    def of(cls, system: GeneralSystem, limit: Limit) -> Geometry:
        columns = list(zip(*system.points, strict=True))
        heights, slid = _products(limit.gradients, system.gram)
        units, slid_units = _products(limit.gradients, columns)
        seen = limit.seen_from(heights, slid), limit.seen_from(units, slid_units)
        return cls(limit, limit.seen_from(limit.gram), *seen, heights)

    @property
    def gradients(self) -> Gradients:
        return self.limit.gradients

    def opposed(self, signs: Signs) -> bool:
        """Whether a pre-activation drifts to its kink; those that slide have no drift."""
        flat = (s for row in signs for s in row)
        return any(d < 0 if s else d > 0 for d, s in zip(self.heights.drifts, flat, strict=True))


def _products(gradients: Gradients, sides: Sequence[Sequence[Rational]]) -> tuple[list[Row], ...]:
    """Of the vectors with a part of neuron j alone, whose products with all z_i are given by each
    of `sides`, by neurons: those with what is across of the gradients, and kappa."""
    rows, beside = [], []
    for j, pulls in enumerate(gradients.pulls):
        for side in sides:
            rows.append([x * s for x, s in zip(pulls, side, strict=True)])
            beside.append([side[p] if i == j else Rational(0) for i, p in gradients.kinks])
    return gradients.across(rows, beside)


class Held(NamedTuple):
    """The numbers of the induction, exact: `spill` and `fill` (n,) are 0 off the rest;  offset:
    x_i on the support, a ball each;  bands: of the kinks."""

    sigma: arb
    sup: arb
    spill: list[arb]
    slowest: arb
    power: arb
    tail: arb
    fill: list[arb]
    offset: list[arb]
    bands: Bands


@dataclass(frozen=True)
class Settled:
    """What holds for all t >= base: `parameters` (m, k) and `margins` (n,) are those at base, and
    of `margins` the part across the kinks is `across`;  `since`: the step of the last change of the
    pattern, but for its kinks."""

    system: GeneralSystem
    signs: Signs
    geometry: Geometry
    base: int
    since: int
    parameters: list[list[arb]]
    margins: list[arb]
    across: list[arb]
    strip: Strip
    held: Held

    @property
    def limit(self) -> Limit:
        return self.geometry.limit

    @property
    def kinks(self) -> Kinks:
        return self.geometry.gradients.kinks

    @property
    def pattern(self) -> list[list[int]]:
        """Of each pre-activation (m, n): 1 active, 0 not, 2 sliding."""
        rows = [[int(s) for s in row] for row in self.signs]
        for j, i in self.kinks:
            rows[j][i] = 2
        return rows

    @cached_property
    def length(self) -> arb:
        """|w| of the limit."""
        return arb(sum(self.limit.multipliers, Rational(0))).sqrt()

    @property
    def narrow(self) -> bool:
        """Whether more steps would tell little more: kicks that do not shrink never do."""
        if self.geometry.gradients.kicked:
            return True
        open_ = sum((s - f for s, f in zip(self.held.spill, self.held.fill, strict=True)), arb(0))
        return bool(open_ < _OPEN and self.held.sup < _NEAR)

    def at(self, t: arb) -> Range:
        """A time t >= base."""
        n = self.held.sigma + (t - self.base)
        late = self.held.sigma / n
        return Range((n / self.held.sigma).log(), self._reach(late), self._spilled(late), 1 / n)

    def from_on(self, t: arb) -> Range:
        """What of all times from t on has a limit: with ln t taken off `log`."""
        n = self.held.sigma + (t - self.base)
        late = self.held.sigma / n
        shift = arb(0).union(((self.held.sigma - self.base) / t).log1p())
        return Range(shift - self.held.sigma.log(), self._reach(late), self._spilled(late), 1 / n)

    def for_ever(self) -> Range:
        """The limit of that."""
        return Range(-self.held.sigma.log(), arb(0), self._spilled(None), arb(0))

    def _reach(self, late: arb) -> arb:
        near = self.held.tail * (self.held.power * late.log()).exp()
        return near.min(self.held.sup)

    def _spilled(self, late: arb | None) -> list[arb]:
        """S_k of the rest, where sigma / N is `late` or (None) on its way to 0."""
        found = []
        for k in self.limit.rest:
            gap = arb(self.limit.margins[k]) - 1
            share = arb(1) if late is None else 1 - (late.log() * gap).exp()
            found.append((self.held.fill[k] * share).union(self.held.spill[k]))
        return found

    def seen(self, family: Seen, here: Sequence[arb], when: Range) -> list[arb]:
        """e . theta in a stretch of time, for vectors e with these products at `base`."""
        found = []
        kicked, bands = self.geometry.gradients.kicked, zip(*self.held.bands, strict=True)
        slid = [
            (-low).union(up * when.late) if a in kicked else (-low).union(up) * when.late
            for a, (up, low) in enumerate(bands)
        ]
        slid = [span - r for span, r in zip(slid, self.strip.here, strict=True)]
        for r, a in enumerate(here):
            x = a - dot(family.weights[r], self.held.offset) if family.weights else a
            x = x + (dot(family.kappas[r], slid) if family.kappas else 0)
            x = x + arb(family.drifts[r]) * when.log + plus_minus(family.lengths[r] * when.reach)
            across = family.across[r] if family.across else []
            found.append(x + dot(across, when.moved))
        return found

    def margins_in(self, when: Range) -> list[arb]:
        """u (n,)."""
        across = self.seen(self.geometry.points, self.across, when)
        ends = self.strip.off(self.held.bands, when.late)
        return [u + below.union(above) for u, (below, above) in zip(across, ends, strict=True)]

    def parameters_in(self, when: Range) -> list[list[arb]]:
        """theta (m, k)."""
        flat = self.seen(self.geometry.units, [x for row in self.parameters for x in row], when)
        k = self.system.k
        return [flat[j : j + k] for j in range(0, len(flat), k)]

    def normalised_margin(self, when: Range) -> arb:
        """min_i u_i / |theta|; 0 if that is the margin of an idle point."""
        u = self.margins_in(when)
        least = u[0]
        for x in u[1:]:
            least = least.min(x)
        if least.is_zero():
            return least
        return least / length([x for row in self.parameters_in(when) for x in row])


def dot(xs: Iterable[Any], ys: Iterable[Any]) -> arb:
    """The inner product of balls and rationals."""
    return sum((arb(x) * y for x, y in zip(xs, ys, strict=True)), arb(0))
