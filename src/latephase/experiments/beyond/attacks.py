"""Study: from when on gradient-based attacks report a margin that is none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latephase.core.arrays import Floats

from ..bench.base import PAPER_DATA, STEP_SIZE, Bench, Claim, Evidence
from ..bench.finding import Columns, Figure, Finding, Number, Panel, Series, Support, Table

INITIALIZER, TRIALS = "standard_normal", 48
TIMES = tuple(f"1e{k}" for k in (1, 2, 4, 6, 7, 8, 9, 10, 12, 14, 16, 17, 18, 20, 25, 30, 35, 40))
LATER = tuple(f"1e{k}" for k in (43, 44, 45, 46, 48, 60, 100, 200, 300, 320, 323, 324, 325, 400))
RADII = np.linspace(0.02, 2.0, 100)  # up to twice the best possible margin
FALSE = 1.1  # times the exact margin, from where on a report is false
KINDS = (
    ("cross_entropy", "float32", 24 * np.log(2)),
    ("cross_entropy", "float64", 53 * np.log(2)),
    ("exponential", "float32", 149 * np.log(2)),
    ("exponential", "float64", 1074 * np.log(2)),
)
"""(loss, arithmetic, margin at which its slope is 0): 1 - p rounds to 0, e^-q underflows."""
ATTACKS = ("fgsm", "pgd")
CAPTION = "From when on attacks report a margin that is none."
COLUMNS: Columns[Failure] = {
    "attack": "attack",
    "loss": "where",
    "arithmetic": "dtype",
    "false from (log10 updates)": "measured",
    "predicted (log10 updates)": "predicted",
}
PICTURE = """Share of runs for which projected gradient descent (PGD) on the loss reports a margin
    more than a tenth too large: from the time on at which the gradient of the loss rounds to 0."""
NEAR = 1.5  # decades between predicted and measured


@dataclass(frozen=True)
class Failure:
    """One attack: the share of runs (S,) with a false report; log10 of the first time at which half
    of the runs have one, and of the time predicted."""

    attack: str
    loss: str
    dtype: str
    share: Floats
    measured: float
    predicted: float

    @property
    def where(self) -> str:
        """The loss as it is written."""
        return self.loss.replace("_", "-")


def failures(bench: Bench) -> tuple[Floats, list[Failure], int]:
    """(log10 t (S,), the attacks, trials) on runs that specialise."""
    from latephase.experiments.beyond.gradient_attacks import attack_margin

    few, at = min(bench.trials, TRIALS), (*TIMES, *LATER)
    found = bench.ensemble(INITIALIZER, until=LATER[-1], at=at, trials=few)
    kept = found.isel(trial=np.flatnonzero(found.regime.values == "specialised"))
    exact = kept.robustness_margin.values
    log10_t = kept.log10_t.values
    net = (kept.weights.values, kept.biases.values, np.array([1.0, -1.0]))
    points = (PAPER_DATA.inputs, PAPER_DATA.labels)
    done = []
    for loss, dtype, margin in KINDS:
        for attack in ATTACKS:
            told = attack_margin(*net, *points, RADII, attack=attack, loss=loss, dtype=dtype)
            share = (told > FALSE * np.maximum(exact, RADII[0])).mean(axis=0)
            first = log10_t[np.argmax(share >= 0.5)] if (share >= 0.5).any() else np.inf
            predicted = (margin - np.log(2 * STEP_SIZE)) / np.log(10)
            done.append(Failure(attack, loss, dtype, share, float(first), float(predicted)))
    return log10_t, done, kept.sizes["trial"]


def decide(found: list[Failure], trials: int) -> Support:
    """As the criterion says."""
    if trials < 5:
        return Support.UNDECIDED
    near = all(abs(one.measured - one.predicted) <= NEAR for one in found)
    honest = all(one.share[0] < 0.5 for one in found)
    return Support.of(near and honest)


def examine(bench: Bench) -> Finding:
    """Attack the runs of gradient descent at all times."""
    log10_t, found, trials = failures(bench)
    names = [f"{one.attack.upper()}, {one.where}, {one.dtype}" for one in found]
    first = min(found, key=lambda one: one.measured)
    curves = [
        Series("line", log10_t, one.share, f"{one.where}, {one.dtype}")
        for one in found
        if one.attack == "pgd"
    ]
    axes = "log10 updates", "share of false reports", "reports of PGD"
    panel = Panel(curves, *axes, x_limits=(0, 400))
    steps = found[0].predicted * np.log(10) + np.log(2 * STEP_SIZE)
    return Finding(
        verdict=decide(found, trials),
        summary=f"""Half of the runs get a false margin from t = 10^{first.measured:.0f} on by
            {first.attack.upper()} on the {first.where} loss in {first.dtype}; the exact margin
            needs no gradient.""",
        run=f"""{trials} networks ({INITIALIZER}) that specialise on x = 1, -1 at step size
            {STEP_SIZE:g}, followed exactly to t = 10^400 and attacked at {len(log10_t)} times with
            radii to twice the best margin; false: more than {FALSE:g} of the exact margin.""",
        numbers=[
            Number(f"{name}: false from", one.measured, unit="log10 updates")
            for one, name in zip(found, names, strict=True)
        ],
        settings=bench.settings(trials=trials, step_size=STEP_SIZE),
        tables=[Table.of("attacks", CAPTION, found, COLUMNS)],
        figures=[Figure("attacks", PICTURE, [panel])],
        deviations=[
            f"""A method on another clock gets there at the same margins: loss-scaled steps of size
                {STEP_SIZE:g} raise both by {STEP_SIZE:g} per update, so that cross-entropy in
                float32 is blind after about {steps / STEP_SIZE:.0f} updates."""
        ],
    )


CLAIM = Claim(
    number=22,
    key="attacks",
    title="Attacks that follow the gradient go blind",
    statement="""Attacks that follow the gradient of the loss report a false margin as soon as that
        gradient is 0 in floating point, though the exact margin barely changes.""",
    criterion=f"""For FGSM and PGD, two losses and two arithmetics, the first time at which half of
        the runs get a false report is within {NEAR:g} decades of the time at which the gradient
        rounds to 0, and at t = 10 fewer than half get one.""",
    source='[goodfellow2015], [madry2018]; docs/theory.md, "Real arithmetic"',
    examine=examine,
    evidence=Evidence.independent,
)
