"""Study: handwritten digits, 3 against 8, from where training usually ends to t = 10^100."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from latephase.core import LatephaseError, Rigour
from latephase.core.arrays import Floats
from latephase.core.workers import workers
from latephase.margin import margin_of, normalised_margin
from latephase.problem import Dataset, GradientDescent, ShallowReLU

from ..bench.base import Bench, Claim, Evidence
from ..bench.finding import Columns, Figure, Finding, Number, Panel, Series, Support, Table
from ..bench.statistics import Interval, wilson

FEATURES, WIDTH = 10, 8
STARTS, FIRST = 20, 100  # seeds of the networks: FIRST + the bench's seed, and those after it
WARM_STEP, EVERY, LONGEST = 0.02, 200, 20_000  # loss-scaled updates until training usually ends
STRETCH = 2_500  # of them, after which one looks who is done
STEP_SIZE, UNTIL = 2e-4, "1e100"
USUAL = np.log(1e-7)  # ln of the loss at which training usually ends
GROWTH, LEVEL = 1.01, 0.95
CAPTION = "Every network, at a loss of 1e-7 and at t = 10^100."
COLUMNS: Columns[Path] = {
    "seed": "seed",
    "ln loss, first": lambda p: float(p.log_loss[0]),
    "normalised margin, first": lambda p: float(p.normalised[0]),
    "normalised margin, last": lambda p: float(p.normalised[-1]),
    "robustness margin, first (input units)": lambda p: float(p.robust[0]),
    "robustness margin, last (input units)": lambda p: float(p.robust[-1]),
    "error of a neuron": "error",
}
SAMPLES = ("0", "1e8", "1e12", "1e20", "1e40", "1e100")


@dataclass(frozen=True)
class Path:
    """One network from a loss of 1e-7 on.

    log10_t, log_loss, normalised (S,): at SAMPLES;  robust (2,): robustness margins at the first
    and the last of them;  error: of a neuron at the end, NaN if it was not followed so far.
    """

    seed: int
    log10_t: Floats
    log_loss: Floats
    normalised: Floats
    robust: Floats
    error: float

    @property
    def growth(self) -> tuple[float, float]:
        """Of the normalised margin, and of the robustness margin."""
        normal, robust = (float(m[-1] / m[0] - 1) for m in (self.normalised, self.robust))
        return normal, robust


def digits() -> Dataset:
    """scikit-learn's digits 3 (+1) and 8 (-1): centred, projected on the first ten principal
    components, divided by the one standard deviation of all their entries."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise LatephaseError(
            "expected scikit-learn for the digits, got none; pip install 'latephase[studies]'"
        ) from None
    found = load_digits()
    chosen = np.isin(found.target, [3, 8])
    pixels = found.data[chosen] - found.data[chosen].mean(axis=0)
    _, _, components = np.linalg.svd(pixels, full_matrices=False)
    components = components[:FEATURES]
    largest = np.abs(components).argmax(axis=1)[:, None]  # which sign they have is up to LAPACK
    inputs = pixels @ (components * np.sign(np.take_along_axis(components, largest, 1))).T
    return Dataset(inputs / inputs.std(), np.where(found.target[chosen] == 3, 1, -1))


def network(seed: int) -> ShallowReLU:
    """Eight Gaussian neurons, output weights alternating +1 and -1."""
    rng = np.random.default_rng(seed)
    outer = np.where(np.arange(WIDTH) % 2 == 0, 1.0, -1.0)
    weights = 0.3 * rng.normal(size=(WIDTH, FEATURES))
    return ShallowReLU(weights, 0.1 * rng.normal(size=WIDTH), outer)


def trained(seeds: range, data: Dataset) -> list[ShallowReLU | None]:
    """The networks where their loss first is below 1e-7, by loss-scaled steps; None if never.

    Gradient descent from the start needs a step size far below 1e-3 not to overflow; steps scaled
    by the loss (`LossScaled`) do not, and go the same way.
    """
    from latephase.training.loops.follow import follow
    from latephase.training.methods.table import LossScaled

    found: dict[int, ShallowReLU] = {}
    nets = [network(seed) for seed in seeds]
    outer = nets[0].output_weights
    weights = np.stack([net.weights for net in nets])
    biases = np.stack([net.biases_or_zeros for net in nets])
    for _ in range(0, LONGEST, STRETCH):
        runs = follow(
            weights,
            biases,
            range(EVERY, STRETCH + 1, EVERY),
            inputs=data.inputs,
            labels=data.labels,
            output_weights=outer,
            method=LossScaled(WARM_STEP),
        )
        for i in set(range(len(nets))) - found.keys():
            for w, b in zip(runs.weights[:, i], runs.biases[:, i], strict=True):
                net = ShallowReLU(w, b, outer)
                if np.logaddexp.reduce(-data.labels * net(data.inputs)) < USUAL:
                    found[i] = net
                    break
        if len(found) == len(nets):
            break
        weights, biases = runs.weights[-1], runs.biases[-1]
    return [found.get(i) for i in range(len(nets))]


def path(item: tuple[int, ShallowReLU], data: Dataset) -> Path:
    """Gradient descent from the trained network on, measured at SAMPLES."""
    from latephase.runs import simulate

    seed, net = item
    gd = GradientDescent(STEP_SIZE)
    t = simulate(net, data, gd, until=UNTIL, at=SAMPLES, slide_tolerance=1e-3).trajectory
    w, b, v = t.weights.values, t.biases.values, net.output_weights
    robust = [float(margin_of(w[k], b[k], v, data.inputs, data.labels)) for k in (0, -1)]
    normalised = normalised_margin(w, b, v, data.inputs, data.labels)
    error = float(t.error.values[-1])
    return Path(seed, t.log10_t.values, t.log_loss.values, normalised, np.array(robust), error)


def paths(bench: Bench) -> list[Path]:
    """All networks that get to a loss of 1e-7, on all cores."""
    seeds, data = range(FIRST + bench.seed, FIRST + bench.seed + STARTS), digits()
    ready = [(s, n) for s, n in zip(seeds, trained(seeds, data), strict=True) if n is not None]
    follow_one = partial(path, data=data)
    if bench.processes == 1:
        return [follow_one(item) for item in ready]
    with workers(bench.processes) as pool:
        return list(pool.map(follow_one, ready))


def shares(found: list[Path]) -> tuple[Interval, Interval]:
    """Shares of the networks whose normalised margin grows by GROWTH, whose robust one grows."""
    normal = sum(p.normalised[-1] >= GROWTH * p.normalised[0] for p in found)
    robust = sum(p.robust[-1] > p.robust[0] for p in found)
    return wilson(normal, len(found), LEVEL), wilson(robust, len(found), LEVEL)


def decide(found: list[Path]) -> Support:
    """As the criterion says."""
    if len(found) < 20 or not all(np.isfinite(p.error) for p in found):
        return Support.UNDECIDED
    both = shares(found)
    if all(share.lower > 0.5 for share in both):
        return Support.SUPPORTED
    return Support.NOT_SUPPORTED if any(s.upper < 0.5 for s in both) else Support.UNDECIDED


def examine(bench: Bench) -> Finding:
    """The paths of all networks; `bench.trials` does not matter here."""
    found = paths(bench)
    normal, robust = shares(found)
    growth, seeds = tuple(zip(*(p.growth for p in found), strict=True)), [p.seed for p in found]
    return Finding(
        verdict=decide(found),
        summary=f"""From a loss of 1e-7 to t = 10^100 the normalised margin of {_share(normal)} of
            {len(found)} networks grows by 1 % or more (median: {np.median(growth[0]):.1%}), the
            robustness margin of {_share(robust)} grows at all (median:
            {np.median(growth[1]):.1%}).""",
        run=f"""{len(digits().labels)} digits in {FEATURES} principal components, {WIDTH} neurons,
            {STARTS} starts; loss-scaled steps of size {WARM_STEP:g} to a loss below 1e-7 (sum of
            exponential losses), then gradient descent at step size {STEP_SIZE:g}; exact robustness
            margins by branch and bound over activation cells.""",
        numbers=[
            Number("networks followed", len(found)),
            Number("share whose normalised margin grows by 1 %", _share(normal)),
            Number("share whose robustness margin grows", _share(robust)),
            Number("median growth, normalised", float(np.median(growth[0])), Rigour.estimated),
            Number("median growth, robust", float(np.median(growth[1])), Rigour.estimated),
            Number("largest fall of a robust one", min(growth[1]), Rigour.estimated),
            Number("largest error of a neuron", max(p.error for p in found), Rigour.estimated),
        ],
        settings={"step_size": STEP_SIZE, "until": UNTIL, "seeds": seeds, "width": WIDTH},
        tables=[Table.of("digits", CAPTION, found, COLUMNS)],
        figures=[_figure(found)],
    )


def _share(interval: Interval) -> str:
    return f"{interval.estimate:.0%} ({interval.lower:.0%} to {interval.upper:.0%})"


def _figure(found: list[Path]) -> Figure:
    caption = """Digits 3 against 8, one line or dot for each start. (a) Normalised margin over its
        value at a loss of 1e-7, where training usually ends, against the decimal logarithm of the
        steps made since. (b) Robustness margin at t = 10^100 against the one at a loss of 1e-7;
        above the line it has grown."""
    log10_t, grown = found[0].log10_t[1:], [p.normalised[1:] / p.normalised[0] for p in found]
    lines = [Series("line", log10_t, one, role="sample") for one in grown]
    lines.append(Series("line", log10_t, np.median(grown, axis=0), "median", colour=0))
    robust = np.array([p.robust for p in found])
    ends = [float(robust.min()), float(robust.max())]
    dots = [
        Series("points", robust[:, 0], robust[:, 1], "networks", colour=0),
        Series("line", ends, ends, "no change", role="reference"),
    ]
    first, last = "at a loss of 1e-7 (input units)", "at t = 10^100 (input units)"
    over_time = Panel(lines, "log10 t", "normalised margin / first", "normalised margin")
    return Figure("digits", caption, [over_time, Panel(dots, first, last, "robustness margin")])


CLAIM = Claim(
    number=14,
    key="digits",
    title="Handwritten digits, long after training",
    statement="""On real data, too, the margins of most trained networks go on growing long after
        the loss is as small as anybody waits for.""",
    criterion=f"""Of {STARTS} networks, from a loss below 1e-7 to t = 10^100: the share whose
        normalised margin grows by 1 % or more, and the share whose robustness margin grows, exceed
        one half with the whole of their intervals (Wilson, {LEVEL:.0%}). NOT SUPPORTED if one
        interval lies below it, UNDECIDED otherwise, or if fewer than 20 networks get there.""",
    source="docs/theory.md, Any shallow network; intervals: [wilson1927]",
    examine=examine,
    apart=True,
    evidence=Evidence.independent,
)
