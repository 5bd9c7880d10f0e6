"""Why a network is slow, in words: what each neuron keeps that no point can move, and what of the
constant that is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from latephase.core import Outcome
from latephase.draw.panels.typeset import power_of_ten
from latephase.late.pattern import ACTIVE, SLIDING
from latephase.problem.geometry import TwoPointGeometry

from .compute import Followed

_NOTHING = 1e-12  # of the constant: rounding
_ROUNDING = 64 * np.finfo(float).eps  # of the length of a neuron


@dataclass(frozen=True)
class Reason:
    """One line on a neuron or point: who, what of it, and how much of the constant it is to blame
    for, from 0 to 1 (NaN where that is not known)."""

    who: str
    says: str
    blame: float


def headline(found: Followed) -> str:
    """What the run does, in one or two sentences."""
    run, law = found.run, found.run.law
    if law is None:
        if run.outcome is Outcome.settled and run.regime is not None:
            return f"Never fitted: {run.regime.value}."
        return f"{run.outcome.value.capitalize()}."
    constant = law.margin_constant
    if constant is None or math.isnan(constant):
        return "Fitted: the loss tends to 0. The margin is not measured exactly here."
    if constant == 0 and (found.margin == run.data.optimal_margin).all():
        return "The margin is the best possible one all along."
    if constant == 0:
        return "Fast: no term in 1/ln t is left, and the deficit falls like a power of 1/t."
    power = {1.0: "ln t", 0.5: "√(ln t)"}.get(law.exponent, f"(ln t)^{law.exponent:.3g}")
    way = "from below" if constant > 0 else "from above"
    text = f"Slow: the margin comes to its limit {way} like {abs(constant):.3g} / {power}."
    best = run.data.optimal_margin
    log = law.log_time_within(0.01 * best)
    if log is not None and log > 0:
        unit = "flow time" if run.flow else "step"
        text += f" From {unit} {_power(log)} on it is less than 1\N{NO-BREAK SPACE}% of the best"
        text += " margin away."
    return text


def _power(log: float) -> str:
    """exp(log) as a power of ten."""
    x = log / math.log(10)
    if x < 5:
        return f"{float(f'{math.exp(log):.3g}'):,.6g}"
    return power_of_ten(round(x)) if x < 1e5 else f"10^({x:.3g})"


def data(found: Followed) -> list[Reason]:
    """What the two points of a pair decide, whatever the network: how its map over them is read."""
    run = found.run
    if not run.problem.has_closed_form or run.law is None:
        return []
    geometry = TwoPointGeometry.of(run.data)
    product = f"x1 x2 = {geometry.k12 - 1:.4g}"
    if geometry.gram_sign > 0:
        says = f"{product} is above −1: each point moves both neurons, which slide on kinks; "
        says += "no null part is left, and C is the same for all networks that come here."
    elif geometry.gram_sign == 0:
        says = f"{product}: no point moves the other's neuron, so that null parts stay for ever."
    else:
        says = f"{product} is below −1: each point turns the other's neuron away. Null parts stay"
        best = geometry.x_inf == geometry.midpoint
        says += "." if best else ", and the limit is not the middle between the points."
    return [Reason("The points", says.replace("= -", "= −"), math.nan)]


def neurons(found: Followed) -> list[Reason]:
    """A line on every neuron."""
    run = found.run
    if run.pattern is None:
        return []
    kept, shares = _null_parts(found), _shares(found)
    blamed = np.abs(shares).sum() if run.law is not None and run.law.margin_constant else math.nan
    reasons = []
    for j, row in enumerate(run.pattern):
        blame = abs(shares[j]) / blamed if blamed > _NOTHING else math.nan
        says = [_serves(found, row)]
        if np.isfinite(kept[j]) and (row != 0).any():
            says.append(_keeps(kept[j], shares[j]))
        reasons.append(Reason(f"Neuron {j + 1}", " ".join(says), blame))
    return reasons


def of_other(others: Followed, k: int) -> Reason:
    """A line on the other method at the same flow time."""
    name = "Gradient descent" if others.run.method.discrete else "Gradient flow"
    law, margin = others.run.law, float(others.margin[k])
    says = f"at the same flow time: margin {margin:.6g}"
    if law is not None and law.margin_constant is not None:
        says += f", constant {law.margin_constant:.4g}"
    return Reason(name, f"{says}.".replace("-", "−"), math.nan)


def _null_parts(found: Followed) -> np.ndarray:
    """(m,), at the last sample that was reached; 0 where it is rounding of the parameters."""
    m, kept = found.run.network.m, found.run.conserved()
    if "null_part" not in kept:
        return np.full(m, np.nan)
    parts = kept.null_part.values
    reached = np.flatnonzero(np.isfinite(parts).all(axis=1))
    if not len(reached):
        return np.full(m, np.nan)
    sample = found.run.trajectory.isel(time=reached[-1])
    lengths = np.linalg.norm(sample.weights.values, axis=-1)
    if "biases" in sample:
        lengths = np.hypot(lengths, sample.biases.values)
    return np.where(parts[reached[-1]] > _ROUNDING * lengths, parts[reached[-1]], 0.0)


def _shares(found: Followed) -> np.ndarray:
    """What each neuron gives to the constant (m,), NaN where that is not known."""
    unknown = np.full(found.run.network.m, np.nan)
    law = found.run.law
    known = None if law is None else law.constant_shares
    if law is None or known is None or not law.constant or law.margin_constant is None:
        return unknown
    shares = np.asarray(known) * (law.margin_constant / law.constant)  # of the one that is shown
    return np.where(np.abs(shares) > 1e-9 * np.abs(shares).sum(), shares, 0.0)


def _serves(found: Followed, row: np.ndarray) -> str:
    """Which points a neuron is active on."""
    names = point_names(found)
    on = [name for name, status in zip(names, row, strict=True) if status == ACTIVE]
    sliding = [name for name, status in zip(names, row, strict=True) if status == SLIDING]
    if not on and not sliding:
        leaky = found.run.network.negative_slope > 0
        return "inactive on every point." if leaky else "dead: inactive on every point for ever."
    parts = [f"serves {_listed(on)}"] if on else []
    parts += [f"slides at {_listed(sliding)}"] if sliding else []
    alone = " alone" if len(on) == 1 and not sliding and found.run.data.n > 1 else ""
    return f"{', '.join(parts)}{alone}."


def _keeps(part: float, share: float) -> str:
    told = f"{share:+.3g}".replace("-", "−")
    if part == 0:
        text = "Every part of it can move"
        ahead = np.isfinite(share) and share != 0
        return f"{text}; its lead over others makes {told} of C." if ahead else f"{text}."
    text = f"No active point moves its null part of {part:.3g}"
    return f"{text}; with its lead it makes {told} of C." if np.isfinite(share) else f"{text}."


def _listed(names: list[str], kind: str = "points") -> str:
    if len(names) > 4:
        return f"{len(names)} {kind}"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def point_names(found: Followed) -> list[str]:
    """How points are called: by their input on the line, by their number in the plane."""
    inputs = found.run.data.inputs
    if inputs.shape[1] > 1:
        return [f"point {i + 1}" for i in range(len(inputs))]
    return [f"x = {x:.4g}".replace("-", "−") for x in inputs[:, 0]]


def points(found: Followed, k: int) -> list[Reason]:
    """A line on every point: its margin y N(x) at a sample, and who serves it in the end."""
    network, data = found.network_at(k), found.run.data
    if network is None:
        return []
    q = data.labels * network(data.inputs)
    lowest = float(np.min(q))
    lines = []
    for i, (name, value) in enumerate(zip(point_names(found), q, strict=True)):
        says = f"y N(x) = {value:.4g}" + (": the least sure." if value == lowest > 0 else ".")
        says = f"misclassified: y N(x) = {value:.4g}." if value <= 0 else says
        lines.append(Reason(name, says + _served(found, i), math.nan))
    return lines


def _served(found: Followed, i: int) -> str:
    """Which neurons serve a point in the end, and what they keep that no point moves: it is slow
    where that is much."""
    if found.run.pattern is None:
        return ""
    serve = np.flatnonzero(found.run.pattern[:, i] == ACTIVE)
    if not len(serve):
        return " No neuron serves it."
    kept = _null_parts(found)[serve]
    said = f" Served by {_listed([f'neuron {j + 1}' for j in serve], 'neurons')}"
    if not np.isfinite(kept).all():
        return f"{said}."
    return f"{said}, null part {'up to ' if len(serve) > 1 else ''}{kept.max():.3g}."
