"""Where a pattern leads: the direction of largest margin, in exact rationals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latephase.certificates.verdict import Unprovable
from latephase.core.balls import Rational, RationalMatrix, arb
from latephase.core.nonnegative import nonnegative_least_squares

from .gradients import Gradients
from .system import GeneralSystem, Row


@dataclass(frozen=True)
class Limit:
    """The shortest vector of margins >= 1 on all points that are not idle.

    support, rest: points;  inverse (|S|, |S|): of the Gram matrix of the support's gradients;
    multipliers (n,), 0 off the support;  margins (n,), 0 of idle ones.
    """

    gradients: Gradients
    support: list[int]
    rest: list[int]
    inverse: Any
    multipliers: Row
    margins: Row

    @property
    def idle(self) -> list[int]:
        return self.gradients.idle

    @property
    def gram(self) -> list[Row]:
        return self.gradients.gram

    def seen_from(self, products: list[Row], kappas: list[Row] | None = None) -> Seen:
        """What is to be known of vectors e whose products with what is across of all g_i are
        given, (r, n); kappas (r, |A|): what of them is along the kinks."""
        slid = kappas or []
        if not self.support:
            return Seen([Rational(0)] * len(products), [], [arb(0)] * len(products), [], slid)
        inside = RationalMatrix([[row[i] for i in self.support] for row in products])
        weights = inside * self.inverse
        weight_rows = weights.tolist()
        lengths = [
            arb(sum((x * w for x, w in zip(c, ws, strict=True)), Rational(0))).sqrt()
            for c, ws in zip(inside.tolist(), weight_rows, strict=True)
        ]
        drifts = [sum(ws, Rational(0)) for ws in weight_rows]
        across: list[Row] = [[] for _ in products]
        if self.rest:
            beside = RationalMatrix([[self.gram[i][k] for k in self.rest] for i in self.support])
            outer = RationalMatrix([[row[k] for k in self.rest] for row in products])
            across = (outer - weights * beside).tolist()
        return Seen(drifts, weight_rows, lengths, across, slid)


@dataclass(frozen=True)
class Seen:
    """Of r vectors e with products c with the gradients: drifts (r,): sum_S c_i lambda_i, exactly;
    weights (r, |S|): C' G^-1;  lengths (r,): p;  across (r, |R|): Q;  kappas (r, |A|)."""

    drifts: Row
    weights: list[Row]
    lengths: list[arb]
    across: list[Row]
    kappas: list[Row]


def limit(system: GeneralSystem, gradients: Gradients) -> Limit:
    """The limit of a pattern.  Raises Unprovable where there is none, or it is degenerate."""
    gram, living = gradients.gram, [i for i in range(system.n) if i not in gradients.idle]
    multipliers, margins = [Rational(0)] * system.n, [Rational(0)] * system.n
    if not living:
        return Limit(gradients, [], [], None, multipliers, margins)
    support = _guessed(system, gradients, living)
    for _ in range(4 * len(living)):
        found = _inverse(gram, support)
        weights = [sum(row, Rational(0)) for row in found.tolist()]
        least = min(range(len(support)), key=lambda a: weights[a])
        if weights[least] <= 0:
            del support[least]
            continue
        rest = [k for k in living if k not in support]
        for k in living:
            pairs = zip(support, weights, strict=True)
            margins[k] = sum((gram[k][i] * w for i, w in pairs), Rational(0))
        nearest = min(rest, key=lambda k: margins[k], default=None)
        if nearest is not None and margins[nearest] < 1:
            support = sorted([*support, nearest])
            continue
        if nearest is not None and margins[nearest] == 1:
            raise Unprovable("a point without a multiplier is exactly on the margin")
        for i, w in zip(support, weights, strict=True):
            multipliers[i] = w
        return Limit(gradients, support, rest, found, multipliers, margins)
    raise Unprovable("the support of the limit was not found")


def _inverse(gram: list[Row], support: list[int]) -> Any:
    if not support:
        raise Unprovable("the support of the limit was not found")
    try:
        return RationalMatrix([[gram[i][k] for k in support] for i in support]).inv()
    except ZeroDivisionError:
        why = "linearly dependent support vectors: their multipliers are not unique"
        raise Unprovable(why) from None


def _guessed(system: GeneralSystem, gradients: Gradients, living: list[int]) -> list[int]:
    """The likely support, in floats: least distance by non-negative least squares
    [lawsonhanson1995, Chapter 23]."""
    pulls, points, shares = map(_floats, (gradients.pulls, system.points, gradients.shares))
    outer = np.einsum("ji,ik->ijk", pulls, points)
    for a, (j, p) in enumerate(gradients.kinks):
        outer[:, j] -= shares[:, a, None] * points[p]
    rows = outer.reshape(system.n, -1)[living]
    scale, unit = np.linalg.norm(rows, axis=1).max(), np.append(np.zeros(rows.shape[1]), 1.0)
    for _ in range(4):
        columns = np.vstack([rows.T / scale, np.ones(len(rows))])
        weights, residual = nonnegative_least_squares(columns, unit)
        if residual < 1e-9:
            break
        margin = scale * residual / np.sqrt(max(1 - residual**2, 1e-300))
        if 0.5 < margin / scale < 2:
            strong = weights > 1e-10 * weights.max()
            return [i for i, kept in zip(living, strong, strict=True) if kept]
        scale = margin
    raise Unprovable("no parameters of the pattern put every point on its side")


def _floats(rows: list[Row]) -> NDArray[np.float64]:
    return np.array([[int(x.p) / int(x.q) for x in row] for row in rows])
