"""Claim: sharpness-aware minimisation with a large radius stops training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latephase.problem import TwoPointGeometry

from ..bench.base import Bench, Claim, Evidence
from ..bench.finding import Finding, Number, Support
from .compared import STUCK
from .runs import FEWEST, MethodRuns, compared, settings, words

LARGE, SMALL, RADIUS = "sam:radius=1", "sam", 1.0
SHARE = 0.5


@dataclass(frozen=True)
class Stopped:
    """Among the trials that gradient descent fits: shares that end with ln L > STUCK.

    dead: of those stuck at the large radius, the share with a neuron that is inactive at its point;
    blind: the share with a neuron that is active there but not at the point of ascent.
    """

    name: str
    trials: int
    large: float
    small: float
    dead: float
    blind: float


def outcome(one: MethodRuns) -> Stopped:
    """What the two radii did on one data set."""
    kept = one.found.sel(algorithm="gd").fitted.values
    large, small = (
        one.found.sel(algorithm=m).log_loss.values[kept, -1] > STUCK for m in (LARGE, SMALL)
    )
    run = one.found.sel(algorithm=LARGE).isel(trial=np.flatnonzero(kept), time=-1)
    own, there = _own(one, run.weights.values[..., 0], run.biases.values)
    dead = np.any(own <= 0, axis=1)[large]
    blind = np.any((own > 0) & (there <= 0), axis=1)[large]
    shares = [float(s.mean()) if len(s) else 0.0 for s in (large, small, dead, blind)]
    return Stopped(one.name, int(kept.sum()), *shares)


def _own(one: MethodRuns, w: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pre-activations of each neuron at its point (T, 2), here and at the point of ascent."""
    g = TwoPointGeometry.of(one.data)
    x = np.array([g.x1, g.x2])
    own, wrong = w * x + b, w * x[::-1] + b[:, [0, 1]]
    active, other = own > 0, wrong > 0
    margins = np.maximum(own, 0) - np.maximum(wrong, 0)[:, ::-1]
    seen = np.where(active | other[:, ::-1], margins, np.inf)
    with np.errstate(invalid="ignore"):  # nobody active: nothing pulls
        pull = np.nan_to_num(np.exp(-seen + seen.min(axis=1, keepdims=True)))
    # Ascent lowers a_jj by pull_j and raises a_j at the other's point by that point's pull.
    gw = -pull * active * x + pull[:, ::-1] * other * x[::-1]
    gb = -pull * active + pull[:, ::-1] * other
    size = np.sqrt((gw**2).sum(axis=1) + (gb**2).sum(axis=1))[:, None]
    with np.errstate(all="ignore"):
        return own, own + RADIUS * np.where(size > 0, (gw * x + gb) / size, 0.0)


def decide(found: list[Stopped]) -> Support:
    """As the criterion says."""
    if min(one.trials for one in found) < FEWEST:
        return Support.UNDECIDED
    return Support.of(all(one.large >= SHARE and one.dead + one.blind >= 0.9 for one in found))


def examine(bench: Bench) -> Finding:
    """How often training stops, and in which way."""
    found = [outcome(one) for one in compared(bench)]
    shown = {
        "stopped at radius 1": "large",
        "of these, a neuron dead": "dead",
        "of these, dead at the ascent only": "blind",
        "stopped at radius 0.1": "small",
    }
    large, small, blind = ([getattr(o, of) for o in found] for of in ("large", "small", "blind"))
    return Finding(
        verdict=decide(found),
        summary=f"""At radius 1 training stops with the loss above e^{STUCK:g} in {min(large):.0%}
            to {max(large):.0%} of the runs that gradient descent fits, at radius 0.1 in
            {min(small):.0%} to {max(small):.0%}.""",
        run=words(bench),
        numbers=[
            Number(f"x = {o.name}: {label}", getattr(o, of))
            for o in found
            for label, of in shown.items()
        ],
        settings=settings(bench),
        deviations=[
            f"""The neuron need not die: in {min(blind):.0%} to {max(blind):.0%} of the stopped runs
                it is active at its point, and inactive where the ascent takes it, so that its
                gradient is 0 for ever.""",
            f"""Radius 0.1 is not quite gradient descent: {max(small):.0%} of the runs stop there
                too.""",
        ],
    )


CLAIM = Claim(
    number=19,
    key="remedies_sharpness",
    title="Sharpness-aware minimisation with a large radius",
    statement="""With a large radius, sharpness-aware minimisation stops training: the gradient is
        taken where a neuron is dead.""",
    criterion="""On each data set at radius 1 at least half of the trials that gradient descent fits
        end with ln L > -3, and in 90 % of these a neuron is inactive at its point, or is so at the
        point of ascent.""",
    source='[foret2021]; docs/theory.md, "Remedies"',
    examine=examine,
    apart=True,
    evidence=Evidence.independent,
)
