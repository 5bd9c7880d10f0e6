"""How a gap decays: four models, fitted in closed form and chosen by an information criterion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from latephase.core.arrays import Floats

FLOOR = 1e-13  # below it, a gap is rounding
DECADES = 1.5  # of time that are fitted: the last ones with a gap above FLOOR
RESOLUTION = 1e-3  # relative misfit that does not count against a model
_FEWEST = 6  # samples that are worth a fit
_RESAMPLED = 200


@dataclass(frozen=True)
class Decay:
    """The model that the samples speak for.

    model: "1/ln t", "power", "exponential", "stalled", "vanished" (the gap is below FLOOR), or
    "undecided" (whether it falls or grows: a rate whose interval holds 0);
    value: its constant, exponent, rate per update, or the gap it stalls at; low, high: its 95 %
    interval over trials (bootstrap of the median);  weight: Akaike weight among the four.
    """

    model: str
    value: float
    low: float
    high: float
    weight: float

    @property
    def text(self) -> str:
        """The decay in a few characters."""
        size, grows = f"{abs(self.value):.3g}", self.value < 0
        forms = {
            "1/ln t": f"{size}/(ln t + b)",
            "power": f"t^{-self.value:.2f}" + (" (grows)" if grows else ""),
            "exponential": f"exp({'+' if grows else '-'}{size} t)" + (" (grows)" if grows else ""),
            "stalled": f"stalled at {size}",
        }
        return forms.get(self.model, self.model)


def decay(times: Floats, gaps: Floats, seed: int = 0) -> Decay:
    """The decay of the median of `gaps` (T, S) at `times` (S,), updates.

    Models: gap = a/(ln t + b), a t^-p, a e^(-ct), a; least squares of the relative residuals over
    the last decade and a half in which the median is above 1e-13; corrected Akaike criterion
    [hurvich1989].
    Rigour: estimated; residuals here are misfit, not noise, so that the weight ranks models and is
    no probability.
    """
    middle = np.median(gaps, axis=0)
    good = (times >= 1) & np.isfinite(middle) & (middle > FLOOR)
    shown = good & (times >= times[good].max(initial=0.0) * 10**-DECADES)
    if shown.sum() < _FEWEST:
        return Decay("vanished", 0.0, 0.0, 0.0, 1.0)
    t = times[shown]
    fits = {name: fit(t, middle[shown]) for name, (fit, _) in MODELS.items()}
    scores = {}
    for name, (misfit, _) in fits.items():
        k = MODELS[name][1] + 1  # the variance is a parameter, too
        fitted = len(t) * np.log(max(misfit, RESOLUTION**2))
        scores[name] = fitted + 2 * k + 2 * k * (k + 1) / (len(t) - k - 1)
    best = min(scores, key=lambda name: scores[name])
    weight = 1 / sum(np.exp((scores[best] - score) / 2) for score in scores.values())
    # The interval of the fitted value: trials drawn again with replacement.
    drawn = np.random.default_rng(seed).integers(0, len(gaps), (_RESAMPLED, len(gaps)))
    middles = np.maximum(np.median(gaps[:, shown][drawn], axis=1), FLOOR)
    low, high = np.nanquantile([MODELS[best][0](t, m)[1] for m in middles], [0.025, 0.975])
    undecided = best in ("power", "exponential") and low <= 0 <= high
    name = "undecided" if undecided else best
    return Decay(name, fits[best][1], float(low), float(high), float(weight))


def _logarithmic(t: Floats, gap: Floats) -> tuple[float, float]:
    """gap (ln t + b) = a: a straight line with the relative errors as weights."""
    columns = np.stack([gap * np.log(t), gap], axis=1)
    (slope, shift), *_ = np.linalg.lstsq(columns, np.ones(len(t)), rcond=None)
    with np.errstate(divide="ignore", invalid="ignore"):
        predicted = 1 / (slope * np.log(t) + shift)
        usable = slope > 0 and (predicted > 0).all()
        misfit = float(np.mean(np.log(predicted / gap) ** 2)) if usable else np.inf
    return misfit, float(1 / slope) if usable else np.nan


def _line(x: Floats, gap: Floats) -> tuple[float, float]:
    """ln gap = alpha - value x."""
    slope, shift = np.polyfit(x, np.log(gap), 1)
    return float(np.mean((np.log(gap) - slope * x - shift) ** 2)), float(-slope)


def _constant(t: Floats, gap: Floats) -> tuple[float, float]:
    """ln gap = alpha."""
    level = np.log(gap).mean()
    return float(np.mean((np.log(gap) - level) ** 2)), float(np.exp(level))


MODELS: dict[str, tuple[Callable[[Floats, Floats], tuple[float, float]], int]] = {
    "1/ln t": (_logarithmic, 2),
    "power": (lambda t, gap: _line(np.log(t), gap), 2),
    "exponential": (_line, 2),
    "stalled": (_constant, 1),
}
"""Each model: its fit, which gives the misfit (mean square of the relative residuals) and what the
model is about (`Decay.value`), and how many parameters it has."""
