"""The limit of the robustness margin, and how fast a settled network comes to it.

theta(t) / ln t = w + e Theta(t), e = 1 / ln t: the nearest feet of the limit w, and at what rate
their distances change with e.  Source: docs/certificates-general.md, "constant" and "rate".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from latephase.certificates.verdict import Undecided
from latephase.core.balls import Rational, RationalMatrix, arb, exact

from .feet import BallNetwork, Foot, nearest
from .system import Row
from .tail import Settled


class MarginLaw(NamedTuple):
    """limit - margin(t) ~ constant / ln t."""

    limit: arb
    constant: arb


def margin_law(settled: Settled) -> MarginLaw | None:
    """Limit and constant of the robustness margin; None where they are not found."""
    if settled.limit.idle:
        return MarginLaw(arb(0), arb(0))
    turning = settled.parameters_in(settled.for_ever())
    feet = _limit_feet(settled)
    if feet is None:
        return None
    try:
        rates = [_rate(settled, foot, turning, _limit_rows(settled)) for foot in feet]
    except Undecided:
        return None
    low = rates[0]
    for rate in rates[1:]:
        low = low.min(rate)
    return MarginLaw(feet[0].distance, -low)


def margin_rate(settled: Settled, log_from: float) -> tuple[arb, arb] | None:
    """(lower, upper) of (limit - margin(t)) ln t for all ln t >= log_from; None if not found."""
    start = exact(log_from).exp()
    limit_feet = _limit_feet(settled)
    if limit_feet is None or not start >= settled.base + 1:
        return None
    turning = settled.parameters_in(settled.from_on(start))
    late = arb(0).union(1 / exact(log_from))
    frozen, rows = _frozen(settled), _limit_rows(settled)
    moved = [
        turn if still else [a + late * b for a, b in zip(row, turn, strict=True)]
        for row, turn, still in zip(rows, turning, frozen, strict=True)
    ]
    outputs = [
        arb(v) * (late if f else 1) for v, f in zip(settled.system.outputs, frozen, strict=True)
    ]
    system = settled.system
    network = BallNetwork(moved, outputs, arb(system.slope), system.biased)
    found = nearest(network, system.inputs, system.labels)
    if not found:
        return None

    # The nearest ones are those of the limit, whatever the frozen neurons do, and no others.
    def name(foot: Foot) -> tuple[object, ...]:
        signs = tuple(s for s, f in zip(foot.signs, frozen, strict=True) if not f)
        return foot.point, foot.kinks, signs, foot.flat

    if {name(foot) for foot in found} != {name(foot) for foot in limit_feet}:
        return None
    if len(found) != len(limit_feet) or not all(foot.certain for foot in found):
        return None
    try:
        rates = [-_rate(settled, foot, turning, moved) for foot in found]
    except Undecided:
        return None
    low = high = rates[0]
    for rate in rates[1:]:
        low, high = low.max(rate), high.max(rate)
    return low.lower(), high.upper()


def _frozen(settled: Settled) -> list[bool]:
    """Which neurons the limit leaves out (m,)."""
    k, drifts = settled.system.k, settled.geometry.units.drifts
    return [not any(drifts[j : j + k]) for j in range(0, len(drifts), k)]


def _limit_rows(settled: Settled) -> list[list[arb]]:
    k, drifts = settled.system.k, [arb(d) for d in settled.geometry.units.drifts]
    return [drifts[j : j + k] for j in range(0, len(drifts), k)]


def _limit_feet(settled: Settled) -> list[Foot] | None:
    """The nearest feet of the limit, all at the same distance; None where that is not decided."""
    system, rows = settled.system, _limit_rows(settled)
    groups = _groups(settled)
    leaders = list(groups)
    outputs = [
        arb(_dot(groups[j].values(), (system.outputs[i] for i in groups[j]))) for j in leaders
    ]
    network = BallNetwork([rows[j] for j in leaders], outputs, arb(system.slope), system.biased)
    found = nearest(network, system.inputs, system.labels)
    if not found:
        return None
    feet = [_named(foot, leaders, groups, system.m) for foot in found]
    if len(feet) > 1:  # which of them are, exactly
        try:
            squares = [_exact_square(settled, foot, groups) for foot in feet]
        except ZeroDivisionError:  # a foot that is not determined
            return None
        least = min(squares)
        feet = [foot for foot, square in zip(feet, squares, strict=True) if square == least]
    return feet if all(foot.certain for foot in feet) else None


def _groups(settled: Settled) -> dict[int, dict[int, Rational]]:
    """The neurons of the limit of one kink and side, by the first: their lengths by its own."""
    k, drifts = settled.system.k, settled.geometry.units.drifts
    groups: dict[int, dict[int, Rational]] = {}
    for j, still in enumerate(_frozen(settled)):
        row = drifts[j * k : j * k + k]
        if still:
            continue
        for leader, members in groups.items():
            first = drifts[leader * k : leader * k + k]
            c = next(c for c, x in enumerate(first) if x)
            ratio = row[c] / first[c]
            if ratio > 0 and all(a == ratio * b for a, b in zip(row, first, strict=True)):
                members[j] = ratio
                break
        else:
            groups[j] = {j: Rational(1)}
    return groups


def _named(foot: Foot, leaders: list[int], groups: dict[int, dict[int, Rational]], m: int) -> Foot:
    """With the numbers of all neurons; those that are left out have no sign."""
    signs = [False] * m
    for leader, s in zip(leaders, foot.signs, strict=True):
        for j in groups[leader]:
            signs[j] = s
    kinks = tuple(leaders[j] for j in foot.kinks)
    return foot._replace(kinks=kinks, signs=tuple(signs))


def _exact_square(settled: Settled, foot: Foot, groups: dict[int, dict[int, Rational]]) -> Rational:
    """The square of the distance, exactly.  ZeroDivisionError where the foot is not determined."""
    system, drifts = settled.system, settled.geometry.units.drifts
    k, dim = system.k, system.inputs.shape[1]
    theta = [drifts[j : j + k] for j in range(0, len(drifts), k)]
    rows: list[Row] = [theta[j] for j in foot.kinks]
    if not foot.flat:
        kinked = {j for leader in foot.kinks for j in groups[leader]}
        gains = [
            Rational(0) if j in kinked else v * system.gain(s)
            for j, (v, s) in enumerate(zip(system.outputs, foot.signs, strict=True))
        ]
        rows = [*rows, (RationalMatrix([gains]) * RationalMatrix(theta)).tolist()[0]]
    if not rows:
        return Rational(0)
    point = system.points[foot.point]
    values = [_dot(row, point) for row in rows]
    normals = RationalMatrix([row[:dim] for row in rows])
    weights = (normals * normals.transpose()).solve(RationalMatrix([[b] for b in values]))
    return _dot(weights.entries(), values)


def _dot(x: Iterable[Rational], y: Iterable[Rational]) -> Rational:
    return sum((a * b for a, b in zip(x, y, strict=True)), Rational(0))


def _rate(settled: Settled, foot: Foot, turning: list[list[arb]], rows: list[list[arb]]) -> arb:
    """The rate at which the distance of a foot changes with e.  Raises Undecided."""
    system, frozen = settled.system, _frozen(settled)
    z = [*foot.place, arb(1)] if system.biased else foot.place
    turned = [sum((a * b for a, b in zip(row, z, strict=True)), arb(0)) for row in turning]
    if not foot.distance > 0 or any(len(_groups(settled)[j]) > 1 for j in foot.kinks):
        raise Undecided("a foot at its input, or where kinks of the limit that are one come apart")
    pushes = [turned[j] for j in foot.kinks]
    change = arb(0)
    for j, (v, s, f) in enumerate(zip(system.outputs, foot.signs, frozen, strict=True)):
        if j in foot.kinks:
            continue
        if f:
            if not (turned[j] > 0 or turned[j] <= 0):
                raise Undecided("on which side a frozen neuron is")
            s = bool(turned[j] > 0)
        if foot.flat and s:  # the plain of the limit is tilted by a frozen neuron
            raise Undecided("where a plain of the limit network tilts")
        change = change + arb(v * system.gain(s)) * turned[j]
    if not foot.flat:
        pushes.append(change)
    total = sum((w * push for w, push in zip(foot.weights, pushes, strict=True)), arb(0))
    return total / foot.distance
