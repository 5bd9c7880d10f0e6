"""Study: what floating point does to gradient descent, format by format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latephase.core import Rigour
from latephase.core.arrays import Floats
from latephase.experiments.bench.base import Bench, Claim, Evidence
from latephase.experiments.bench.finding import (
    Figure,
    Finding,
    Number,
    Panel,
    Series,
    Table,
    Verdict,
)
from latephase.margin import margins
from latephase.problem import Dataset, GradientDescent, ShallowReLU, TwoPointGeometry

if TYPE_CHECKING:
    from latephase.runs import Stall


INITIALIZER, STEP_SIZE, TRIALS = "standard_normal", 1.0, 40
POINTS = ((1.0, -1.0), (2.0, -0.5))
HORIZON = 1e22  # updates after which even float64 has stalled
LATE = 1e13  # float64 is followed from here on: before, an update is dozens of units
ROWS: tuple[tuple[str, bool], ...] = (
    ("bfloat16", False),
    ("bfloat16", True),
    ("float16", False),
    ("float16", True),
    ("float32", False),
    ("float64", False),
)
"""(format, gradients accumulated in float32)."""
STEP_FACTOR, DEFICIT_FACTOR, SHARE = 1.5, 1.25, 0.9
STOCHASTIC_UNTIL = 10**4
MAX_LEAPS = 20_000
RUNS = 7  # of each data set: as many on both, so that nothing is compiled twice
FEWEST = 5
FRESH = 1000  # the criterion was fixed before these seeds were looked at


@dataclass(frozen=True)
class Row:
    """One format on one data set; arrays over trials that specialise (T,).

    stalled, predicted: updates;  gap, predicted_gap: |x* - x_inf|;  drift: how much |C| of what the
    network has become differs from the exact one, as a share of it;  perfect: gap 0 though C is
    not;  margin: the smaller one at the stall.
    """

    inputs: str
    dtype: str
    accumulate: bool
    stalled: Floats
    predicted: Floats
    gap: Floats
    predicted_gap: Floats
    drift: Floats
    perfect: Floats
    margin: Floats

    @property
    def step_ratio(self) -> float:
        """Median of measured over predicted stall."""
        return float(np.nanmedian(self.stalled / self.predicted))

    @property
    def gap_ratio(self) -> float:
        """Median of measured over predicted gap."""
        return float(np.nanmedian(self.gap / self.predicted_gap))


def row(data: Dataset, dtype: str, accumulate: bool, late: Any, expected: list[Stall]) -> Row:
    """Run one format to its stall, and predict that for every trial."""
    from latephase.training.arithmetic.real_arithmetic import descend

    start = 0.0 if dtype != "float64" else LATE
    position = 0 if dtype != "float64" else 1
    w, b = late.weights.values[:, position], late.biases.values[:, position]
    kind: dict[str, Any] = {"dtype": dtype, "accumulate": accumulate, "start": start}
    kind["max_leaps"] = MAX_LEAPS
    found = descend(w, b, [HORIZON], **kind, **_setting(data))
    limit = TwoPointGeometry.of(data).x_inf
    gap = np.abs(_boundary(found.weights[0], found.biases[0]) - limit)
    exact = np.abs(late.law_constant.values)
    return Row(
        ", ".join(f"{x:g}" for x in data.inputs.ravel()),
        dtype,
        accumulate,
        found.stalled,
        np.array([one.step.as_float for one in expected]),
        gap,
        np.array([abs(one.boundary - limit) for one in expected]),
        np.abs(np.abs(_constant(data, found.weights[0], found.biases[0])) / exact - 1),
        (gap == 0) & (exact > 1e-12),
        _least_margin(data, found),
    )


def predictions(data: Dataset, dtype: str, late: Any) -> list[Stall]:
    """The predicted stall of every network."""
    from latephase.runs import stall

    nets = zip(late.weights.values[:, 0], late.biases.values[:, 0], strict=True)
    gd = GradientDescent(STEP_SIZE)
    return [stall(ShallowReLU(*net), data, gd, dtype) for net in nets]


def _setting(data: Dataset) -> dict[str, Any]:
    outer = np.array([1.0, -1.0])
    points = {"inputs": data.inputs, "labels": data.labels}
    return {**points, "output_weights": outer, "step_size": STEP_SIZE}


def _boundary(weights: Floats, biases: Floats) -> Floats:
    w, b = weights[..., 0], biases
    with np.errstate(all="ignore"):
        return np.asarray(-(b[:, 0] - b[:, 1]) / (w[:, 0] - w[:, 1]))


def _constant(data: Dataset, weights: Floats, biases: Floats) -> Floats:
    """C of exact gradient descent from these networks on, (T,)."""
    from latephase.core import Regime
    from latephase.late.pair.law import laws

    g = TwoPointGeometry.of(data)
    a = np.moveaxis(g.preactivations(weights[..., 0], biases), 0, -1)
    named = np.full(a.shape[-1], Regime.specialised, object)
    with np.errstate(all="ignore"):
        return laws(g, named, a, 0.0).constant


def starts(bench: Bench, data: Dataset) -> Any:
    """Networks that specialise: at initialisation and at t = 10^13, with their laws."""
    from latephase.runs import ensemble

    trials = min(bench.trials, TRIALS)
    found = ensemble(
        INITIALIZER,
        data,
        GradientDescent(STEP_SIZE),
        trials=trials,
        seed=FRESH + bench.seed,
        until=f"{LATE:.0e}",
        at=["0", f"{LATE:.0e}"],
    )
    settled = np.flatnonzero(found.regime.values == "specialised")
    return found.isel(trial=settled[:RUNS])


def decide(found: Sequence[Row]) -> Verdict:
    """As the criterion says."""
    if min(len(one.stalled) for one in found) < FEWEST:
        return Verdict.UNDECIDED
    seen = all(np.isfinite(one.stalled).mean() >= SHARE for one in found)
    steps = all(abs(np.log(one.step_ratio)) <= np.log(STEP_FACTOR) for one in found)
    gaps = all(abs(np.log(one.gap_ratio)) <= np.log(DEFICIT_FACTOR) for one in _wide(found))
    return Verdict.SUPPORTED if seen and steps and gaps else Verdict.NOT_SUPPORTED


def _wide(found: Sequence[Row]) -> list[Row]:
    """The rows whose gaps are judged: bfloat16 has too few digits for one."""
    return [one for one in found if one.dtype != "bfloat16"]


def examine(bench: Bench) -> Finding:
    """All formats on two data sets, and stochastic rounding as the remedy."""
    found: list[Row] = []
    loose = (np.empty(0), np.empty(0), np.empty(0))
    for points in POINTS:
        data = Dataset(list(points), [1, -1])
        late = starts(bench, data)
        expected = {dtype: predictions(data, dtype, late) for dtype, _ in ROWS}
        found += [row(data, *kind, late, expected[kind[0]]) for kind in ROWS]
        loose = loose if len(loose[0]) else stochastic(data, late, FRESH + bench.seed)
    steps = {one.dtype: float(np.nanmedian(one.stalled)) for one in found[: len(ROWS)]}
    perfect = max((float(one.perfect.mean()), one.dtype) for one in found)
    nearest = float(np.nanmedian(found[0].gap))
    least = min(float(np.isfinite(one.stalled).mean()) for one in found)
    gap = max(_wide(found), key=lambda one: abs(np.log(one.gap_ratio)))
    worst = max((one.step_ratio, one.dtype) for one in found)
    return Finding(
        verdict=decide(found),
        summary=(
            f"On x = 1, -1 at step size 1 training stops at update {steps['bfloat16']:.0f} in "
            f"bfloat16, {steps['float16']:.0f} in float16, {steps['float32']:.2e} in float32 and "
            f"{steps['float64']:.2e} in float64 (medians), {worst[0]:.2f} times the prediction or "
            f"nearer; at least {least:.0%} of the runs of each kind are seen to stop. The gap left "
            f"is up to {gap.gap_ratio:.2f} times the predicted one ({_name(gap)}, x = "
            f"{gap.inputs})."
        ),
        run=(
            f"{min(bench.trials, TRIALS)} networks ({INITIALIZER}) on each of two data sets, "
            f"{RUNS} of those that specialise, in each arithmetic until no parameter changes; "
            f"float64 from the exact run at t = {LATE:.0e} on."
        ),
        numbers=[
            *(
                Number(
                    f"x = {one.inputs}, {_name(one)}: stall / prediction",
                    one.step_ratio,
                    Rigour.measured,
                )
                for one in found
            ),
            *(
                Number(
                    f"x = {one.inputs}, {_name(one)}: gap / prediction",
                    one.gap_ratio,
                    Rigour.measured,
                )
                for one in found
            ),
            Number(
                "largest share of perfect margins that are none",
                perfect[0],
                Rigour.measured,
                perfect[1],
            ),
            Number(
                "bfloat16, to nearest: median gap for ever", nearest, Rigour.measured, "input unit"
            ),
            Number(
                f"bfloat16, stochastic rounding: median gap at t = {STOCHASTIC_UNTIL:.0e}",
                float(np.nanmedian(loose[1][-1])),
                Rigour.measured,
                "input unit",
            ),
        ],
        settings={
            "trials": min(bench.trials, TRIALS),
            "seed": FRESH + bench.seed,
            "initializer": INITIALIZER,
            "step_size": STEP_SIZE,
            "inputs": [list(points) for points in POINTS],
        },
        tables=[_table(found)],
        figures=[_figure(found, loose)],
        deviations=_deviations(found, loose),
    )


def stochastic(data: Dataset, late: Any, seed: int) -> tuple[Floats, Floats, Floats]:
    """(times (S,), gaps (S, T), least margins at the end (T,)) of stochastically rounded "
    "bfloat16."""
    from latephase.training.arithmetic.real_arithmetic import descend

    times = np.unique(np.rint(np.geomspace(1, STOCHASTIC_UNTIL, 21)))
    w, b = late.weights.values[:, 0], late.biases.values[:, 0]
    found = descend(
        w, b, list(times), dtype="bfloat16", rounding="stochastic", seed=seed, **_setting(data)
    )
    limit = TwoPointGeometry.of(data).x_inf
    gaps = [
        np.abs(_boundary(*now) - limit) for now in zip(found.weights, found.biases, strict=True)
    ]
    return times, np.stack(gaps), _least_margin(data, found)


def _least_margin(data: Dataset, found: Any) -> Floats:
    """The smaller margin of the last sample, (T,)."""
    outer = np.array([1.0, -1.0])
    return np.asarray(
        margins(found.weights[-1], found.biases[-1], outer, data.inputs, data.labels).min(axis=-1)
    )


def _name(one: Row) -> str:
    return one.dtype + (" (float32 gradients)" if one.accumulate else "")


def _table(found: Sequence[Row]) -> Table:
    def middle(values: Floats) -> float:
        return float(np.nanmedian(values))

    columns: dict[str, list[Any]] = {
        "inputs": [one.inputs for one in found],
        "arithmetic": [_name(one) for one in found],
        "runs": [len(one.stalled) for one in found],
        "stall, measured (updates)": [middle(one.stalled) for one in found],
        "stall, predicted (updates)": [middle(one.predicted) for one in found],
        "gap left, measured (input units)": [middle(one.gap) for one in found],
        "gap left, predicted (input units)": [middle(one.predicted_gap) for one in found],
        "drift of C (share of |C|)": [middle(one.drift) for one in found],
        "perfect margins that are none (share)": [float(one.perfect.mean()) for one in found],
    }
    caption = (
        "Where training stops in floating point (medians over the runs that specialise), the gap "
        "|x* - x_inf| that is left for ever, and what rounding does to the conserved quantities: "
        "the drift of the constant C, and the share of runs whose gap is exactly 0 though C is not."
    )
    return Table("arithmetic", caption, columns)


def _figure(found: Sequence[Row], loose: tuple[Floats, Floats, Floats]) -> Figure:
    paper = [one for one in found if one.inputs == found[0].inputs and not one.accumulate]
    series = []
    for one in paper:
        seen = np.isfinite(one.stalled) & (one.gap > 0)
        x = np.log10(np.maximum(one.stalled[seen], 1))
        series.append(Series("points", x, one.gap[seen], one.dtype))
    exact = np.concatenate([one.predicted for one in paper])
    gaps = np.concatenate([one.predicted_gap for one in paper])
    order = np.argsort(exact)
    series.append(
        Series("points", np.log10(exact[order]), gaps[order], "predicted", role="prediction")
    )
    with np.errstate(all="ignore"):
        middle = np.nanmedian(loose[1], axis=1)
    series.append(
        Series("line", np.log10(loose[0]), middle, "bfloat16, stochastic", role="reference")
    )
    caption = (
        "x = 1, -1, step size 1: each dot is a run at the update where it stops for ever, with the "
        "gap that is left; hollow, the predictions. Thin line, the median of bfloat16 with "
        "stochastic rounding, which does not stop."
    )
    panel = Panel(series, "log10 updates at the stall", "gap (input units)", y_scale="log")
    return Figure("arithmetic", caption, [panel])


def _deviations(found: Sequence[Row], loose: tuple[Floats, Floats, Floats]) -> list[str]:
    late = [
        f"{_name(one)} on x = {one.inputs} "
        f"({float(np.nanquantile(one.stalled / one.predicted, 0.9)):.1f})"
        for one in found
        if np.nanquantile(one.stalled / one.predicted, 0.9) > STEP_FACTOR
    ]
    texts = [
        "The stall comes at 0.8753 of the time f 2^p / a: updates are whole units in the last "
        "place, and round up on the way; sum_k ln((k + 1/2)/(k - 1/2)) / (2k) = 0.8753."
    ]
    if late:
        texts.append(
            "Where weights and biases stop one after the other, the last one goes on alone and the "
            f"stall comes later; 90 % quantile of measured over predicted: {', '.join(late)}."
        )
    open_ = [
        f"{np.isnan(one.stalled).mean():.0%} in {_name(one)} on x = {one.inputs}"
        for one in found
        if np.isnan(one.stalled).any()
    ]
    if open_:
        texts.append(
            "A parameter that happens to lie near 0 has tiny units and goes on far longer: not "
            f"seen to stall, {', '.join(open_)}."
        )
    nearest, free = float(np.nanmedian(found[0].margin)), float(np.nanmedian(loose[2]))
    texts.append(
        "Stochastic rounding keeps training going, but is no remedy for the gap: in bfloat16 the "
        f"smaller margin reaches {free:.1f} at t = {STOCHASTIC_UNTIL:.0e} instead of {nearest:.1f} "
        "for ever, while its noise redraws the null components and C with them."
    )
    return texts


CLAIM = Claim(
    number=21,
    key="arithmetic",
    title="What real arithmetic does",
    statement=(
        "With a p-bit significand training stops when an update falls below half a unit in the "
        "last place, long before any limit: after tens of updates in bfloat16, millions in "
        "float32, and a few 10^14 in float64. What is left of the gap is left for ever."
    ),
    criterion=(
        f"In every arithmetic on both data sets at least {SHARE:.0%} of the runs that specialise "
        "are seen to stall; the median of measured over predicted stall is within a factor "
        f"{STEP_FACTOR:g}, and, bfloat16 apart, that of the gap left within {DEFICIT_FACTOR:g}."
    ),
    source='docs/theory.md, "Real arithmetic"',
    examine=examine,
    evidence=Evidence.independent,
)
