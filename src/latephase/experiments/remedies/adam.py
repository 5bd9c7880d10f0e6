"""Claim: Adam with eps > 0 ends as gradient descent with the step size step_size / eps."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..bench.base import PAPER_DATA, Bench, Claim, Evidence
from ..bench.finding import Figure, Finding, Number, Panel, Series, Support
from .runs import FEWEST, INITIALIZER

STEP_SIZE, EPS, UNTIL, TRIALS = 1.0, 1e-8, "1e6", 64
METHODS = (f"adam:step_size={STEP_SIZE:g}", f"adam:step_size={STEP_SIZE:g}:eps=0")
NEAR = 0.3  # of ln L; a plain number, since a step size is known to a factor only
SLOPE = 0.1
PICTURE = """Adam on x = 1, -1: median ln(1/L) over log10 t. With eps = 1e-8 it bends onto gradient
    descent with the step size step_size / eps (dashed) as soon as the gradient falls below eps."""
FRESH = 1000  # the criterion was fixed before these seeds were looked at


def decide(off: float, slopes: tuple[float, ...], trials: int) -> Support:
    """As the criterion says."""
    if trials < FEWEST:
        return Support.UNDECIDED
    near = abs(off) <= NEAR and 1 - SLOPE <= slopes[0] <= 1 + SLOPE
    return Support.of(near and slopes[1] > 2)


def examine(bench: Bench) -> Finding:
    """ln(1/L) over ln t, with eps and without."""
    from latephase.runs.compare import compare
    from latephase.training.methods.table import named

    trials = min(bench.trials, TRIALS)
    methods = [named(text, STEP_SIZE) for text in METHODS]
    settings: dict[str, Any] = {"trials": trials, "seed": FRESH + bench.seed, "until": UNTIL}
    found = compare(INITIALIZER, PAPER_DATA, methods, samples=41, **settings)
    fitted = found.fitted.values.all(axis=0)
    inverse = -np.median(found.log_loss.values[:, fitted], axis=1)  # (method, time)
    log_t = np.log(10) * found.log10_t.values
    predicted = log_t + np.log(STEP_SIZE / EPS)  # L = 2 e^-u with u = ln(2 step t)
    off, last = float(inverse[0, -1] - predicted[-1]), log_t > log_t[-1] - 0.5 * np.log(10)
    slopes = tuple(float(np.polyfit(log_t[last], u[last], 1)[0]) for u in inverse)
    shown = found.log10_t.values > 1
    log10_t, u = found.log10_t.values[shown], inverse[:, shown]
    series = [
        Series("line", log10_t, u[0], "eps = 1e-8"),
        Series("line", log10_t, u[1], "eps = 0"),
        Series("line", log10_t, predicted[shown], "step size 1e8", role="prediction"),
    ]
    return Finding(
        verdict=decide(off, slopes, int(fitted.sum())),
        summary=f"""With eps = {EPS:g} ln(1/L) ends at {inverse[0, -1]:.2f}, where gradient descent
            with the step size {STEP_SIZE / EPS:.0e} would be at {predicted[-1]:.2f}, and grows by
            {slopes[0]:.2f} per unit of ln t; with eps = 0 by {slopes[1]:.1f}.""",
        run=f"""{trials} networks ({INITIALIZER}) on x = 1, -1, step size {STEP_SIZE:g}, {UNTIL}
            updates.""",
        numbers=[
            Number("ln(1/L) less gradient descent's, eps = 1e-8", off),
            Number("d ln(1/L) / d ln t at the end, eps = 1e-8", slopes[0]),
            Number("d ln(1/L) / d ln t at the end, eps = 0", slopes[1]),
            Number("fitted trials", int(fitted.sum())),
        ],
        settings={**settings, "step_size": STEP_SIZE},
        figures=[
            Figure("remedies_adam", PICTURE, [Panel(series, "log10 t", "ln(1/L)", "the loss")])
        ],
    )


CLAIM = Claim(
    number=18,
    key="remedies_adam",
    title="Adam becomes slow gradient descent",
    statement="""Adam's margins grow faster than logarithmically only until the gradient is as small
        as eps; from then on it is gradient descent with the step size step_size / eps.""",
    criterion=f"""On x = 1, -1 the median ln(1/L) at t = {UNTIL} is within {NEAR:g} of ln(step_size
        t / eps), and its slope in ln t over the last half decade within {SLOPE:g} of 1; with eps =
        0 the slope exceeds 2.""",
    source='[kingma2015]; docs/theory.md, "Remedies"',
    examine=examine,
    apart=True,
    evidence=Evidence.independent,
)
