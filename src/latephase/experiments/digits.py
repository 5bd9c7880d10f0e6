"""Study: handwritten digits, 3 against 8, continued to t = 10^100."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latephase.core import LatephaseError, Rigour
from latephase.margin import margin_of, normalised_margin
from latephase.problem import Dataset, GradientDescent, ShallowReLU

from .base import Bench, Claim
from .finding import Figure, Finding, Number, Panel, Series, Table, Verdict

Array = NDArray[np.float64]
FEATURES, WIDTH, SEED = 10, 16, 0
STEP_SIZE, UNTIL = 2e-4, "1e100"
FEW = ("1e2", "1e4", "1e8", "1e12", "1e20", "1e40", "1e100")
USUAL = np.log(1e-7)  # ln of the loss at which training usually ends


@dataclass(frozen=True)
class Path:
    """log10 t (S,), ln loss, normalised and robustness margins (S,), errors of the parameters."""

    log10_t: Array
    log_loss: Array
    normalised: Array
    robust: Array
    error: Array


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


def network() -> ShallowReLU:
    """Sixteen Gaussian neurons, output weights alternating +1 and -1."""
    rng = np.random.default_rng(SEED)
    outer = np.where(np.arange(WIDTH) % 2 == 0, 1.0, -1.0)
    weights = 0.3 * rng.normal(size=(WIDTH, FEATURES))
    return ShallowReLU(weights, 0.1 * rng.normal(size=WIDTH), outer)


def follow(times: tuple[str, ...], until: str) -> tuple[Any, Path]:
    """Train and measure at the times."""
    from latephase.late import simulate

    data, net = digits(), network()
    gd = GradientDescent(STEP_SIZE)
    run = simulate(net, data, gd, until=until, at=times, slide_tolerance=1e-3)
    t = run.trajectory
    w, b, v = t.weights.values, t.biases.values, net.output_weights
    robust = [float(margin_of(w[k], b[k], v, data.inputs, data.labels)) for k in range(len(w))]
    normalised = normalised_margin(w, b, v, data.inputs, data.labels)
    path = Path(t.log10_t.values, t.log_loss.values, normalised, np.array(robust), t.error.values)
    return run, path


def decide(path: Path) -> Verdict:
    """As the criterion says."""
    stop = int(np.argmax(path.log_loss < USUAL))
    if not path.log_loss.min() < USUAL or not np.isfinite(path.error).all():
        return Verdict.UNDECIDED
    rises = path.normalised[-1] > 1.05 * path.normalised[stop]
    robust = path.robust[-1] > path.robust[stop]
    return Verdict.SUPPORTED if rises and robust else Verdict.NOT_SUPPORTED


def examine(bench: Bench) -> Finding:
    """The path of one network; `bench.trials` does not matter here."""
    run, path = follow(FEW, UNTIL)
    stop = int(np.argmax(path.log_loss < USUAL))
    return Finding(
        verdict=decide(path),
        summary=(
            f"Where training usually ends, at t = 10^{path.log10_t[stop]:.0f}, the normalised "
            f"margin is {path.normalised[stop]:.4f} and the robustness margin "
            f"{path.robust[stop]:.4f}; at 10^100 they are {path.normalised[-1]:.4f} and "
            f"{path.robust[-1]:.4f}."
        ),
        run=(
            f"{len(digits().labels)} digits in {FEATURES} principal components, {WIDTH} neurons, "
            f"gradient descent at step size {STEP_SIZE:g} on the sum of exponential losses; exact "
            "robustness margins by branch and bound over activation cells."
        ),
        numbers=[
            Number("outcome", run.outcome.name, Rigour.estimated),
            Number("normalised margin at 10^100", float(path.normalised[-1]), Rigour.estimated),
            Number("robustness margin at 10^100", float(path.robust[-1]), Rigour.estimated, "x"),
            Number("pairs that slide at 10^100", int((run.pattern == 2).sum()), Rigour.estimated),
            Number("largest error of a neuron", float(path.error.max()), Rigour.estimated),
        ],
        settings={"step_size": STEP_SIZE, "until": UNTIL, "seed": SEED, "width": WIDTH},
        tables=[_table(path)],
        figures=[_figure(path, stop)],
    )


def _table(path: Path) -> Table:
    return Table(
        "digits",
        "The path of the network.",
        {
            "log10 t": path.log10_t.tolist(),
            "ln loss": path.log_loss.tolist(),
            "normalised margin": path.normalised.tolist(),
            "robustness margin (input units)": path.robust.tolist(),
            "error": path.error.tolist(),
        },
    )


def _figure(path: Path, stop: int) -> Figure:
    caption = (
        "Digits 3 against 8. (a) Normalised margin, (b) robustness margin in units of the scaled "
        "principal components, over the decimal logarithm of the number of steps. Thin line: where "
        "the loss passes 1e-7, at which training usually ends."
    )
    panels = []
    for values, name in (
        (path.normalised, "normalised margin"),
        (path.robust, "robustness margin (input units)"),
    ):
        mark = [path.log10_t[stop]] * 2
        ends = [float(values.min()), float(values.max())]
        series = [
            Series("line", path.log10_t, values),
            Series("points", path.log10_t, values, colour=0),
            Series("line", mark, ends, "loss 1e-7", role="reference"),
        ]
        panels.append(Panel(series, "log10 t", name))
    return Figure("digits", caption, panels)


CLAIM = Claim(
    number=14,
    key="digits",
    title="Handwritten digits, long after training",
    statement=(
        "On real data, too, the margins of a trained network go on growing long after the loss is "
        "as small as anybody waits for."
    ),
    criterion=(
        "From the first sample with a loss below 1e-7 to t = 10^100 the normalised margin grows by "
        "5 % or more, and the robustness margin grows."
    ),
    source="docs/theory.md, Any shallow network",
    examine=examine,
    apart=True,
)
