"""Findings made up for the tests of the report: every kind of series, every verdict."""

from __future__ import annotations

import numpy as np
import xarray as xr

from latephase.core import Rigour
from latephase.experiments.bench.base import Bench, Claim, Evidence, Statement
from latephase.experiments.bench.finding import (
    Figure,
    Finding,
    Number,
    Panel,
    Series,
    Support,
    Table,
)

NAMES = ("he_normal", "he_uniform", "xavier_normal", "xavier_uniform", "lecun_normal", "uniform")
PROVENANCE = {
    "command": "latephase reproduce --trials 10000 --seed 0",
    "versions": {"latephase": "0.1.0", "jax": "0.6.2", "numpy": "2.3.1"},
    "seed": 0,
    "trials": 10_000,
    "git_commit": "0123456789abcdef0123456789abcdef01234567",
}


def never(bench: Bench) -> Finding:
    """The report runs nothing."""
    raise AssertionError("the report must not run an experiment")


KINDS = (Evidence.both, Evidence.independent, Evidence.consistency)


def claim(number: int, key: str, title: str, source: str = "[smorodinsky2026]") -> Claim:
    """A claim with texts of ordinary length; the first three are of every kind of evidence."""
    return Claim(
        number,
        key,
        title,
        "From almost every initialisation the boundary x* = (b2 - b1)/(w1 - w2) tends to the "
        "midpoint like C/(ln t + beta), for step sizes eta <= 0.1 & x < y.",
        "The relative error of the deficit against |C|/(ln t + beta) is below 1e-6 at t = 1e1000.",
        source,
        never,
        evidence=KINDS[(number - 1) % 3],
    )


def margin_figure() -> Figure:
    """Sample paths, a band and its median; a cloud on its prediction."""
    rng = np.random.default_rng(3)
    t = np.linspace(0, 1000, 60)
    paths = 1 - np.abs(rng.normal(0.3, 0.3, (25, 1))) * 8 / (t + 9)
    low, middle, high = np.quantile(paths, [0.1, 0.5, 0.9], axis=0)
    samples = [Series("line", t, path, "single trials", role="sample") for path in paths]
    left = Panel(
        [
            *samples,
            Series("band", t, low, "10 to 90 %", y2=high, colour=0),
            Series("line", t, middle, "median", colour=0),
            Series("line", [0, 1000], [1, 1], "optimum", role="reference"),
        ],
        "log10 t",
        "robustness margin (input units)",
        "He initialisation",
    )
    c = rng.normal(0, 0.1, 3000)
    right = Panel(
        [
            Series("points", c, c * (1 + rng.normal(0, 0.02, 3000)), "trials"),
            Series("line", [-0.4, 0.4], [-0.4, 0.4], "equal", role="prediction"),
        ],
        "predicted C (input units)",
        "measured C (input units)",
        "Constant of the law",
    )
    caption = "(a) The margin drops, then recovers like 1/ln t [lyuli2020, Theorem 4.1]. (b) C."
    return Figure("margin", caption, [left, right])


def bars_figure() -> Figure:
    """Three groups of bars with error bars over six initializers; a histogram beside it."""
    rng = np.random.default_rng(4)
    series = []
    for regime, share in (("specialised", 0.25), ("one dead", 0.5), ("both dead", 0.25)):
        y = share + rng.normal(0, 0.004, len(NAMES))
        series.append(Series("bars", NAMES, y, regime, y2=np.stack([y - 0.01, y + 0.01])))
    series.append(Series("line", [-0.5, 5.5], [0.25, 0.25], "exact 1/4, 1/2", role="reference"))
    series.append(Series("line", [-0.5, 5.5], [0.5, 0.5], "exact 1/4, 1/2", role="reference"))
    return Figure("regimes", "Fractions agree.", [Panel(series, "initializer", "fraction")])


def ranges_figure() -> Figure:
    """Two rows of ranges over six initializers on a logarithmic axis, one with an end at 0."""
    series = []
    for deficit, exponent in ((0.1, 2.0), (0.01, 20.0)):
        y = exponent * (1 + np.arange(len(NAMES)))
        low = np.where(np.arange(len(NAMES)) == 2, 0.0, y / 3)
        series.append(Series("ranges", NAMES, y, f"deficit {deficit:g}", y2=np.stack([low, 3 * y])))
    panel = Panel(series, "initializer", "log10 steps", y_scale="log")
    return Figure("exponents", "A digit more is ten times the exponent.", [panel])


def steps_figure() -> Figure:
    """A histogram against its expectation, and a ladder on logarithmic axes."""
    edges = np.linspace(0, 1, 31)
    middle = (edges[1:] + edges[:-1]) / 2
    y = 1200 * np.exp(-4 * middle) * (1 + 0.05 * np.sin(40 * middle))
    histogram = Panel(
        [
            Series("steps", edges, y, "measured"),
            Series("steps", edges, 1200 * np.exp(-4 * middle), "expected", role="prediction"),
        ],
        "|C| / step size",
        "trials",
    )
    x = np.logspace(-6, -1, 6)
    ladder = Panel(
        [
            Series("points", x, 0.4 * x, "gradient descent, both wrong sides positive"),
            Series("points", x, 0.9 * x, "gradient descent, one wrong side positive"),
            Series("line", x, x, "step size", role="prediction"),
        ],
        "step size",
        "|C| (input units)",
        x_scale="log",
        y_scale="log",
    )
    return Figure("constants", "The constant is proportional to the step.", [histogram, ladder])


def map_figure() -> Figure:
    """A map of values and a map of categories over the plane of data."""
    x = np.linspace(-3, 3, 61)
    product = x[None, :] * x[:, None] + 1
    ratio = np.where(np.abs(x[None, :] - x[:, None]) < 0.05, np.nan, np.exp(-np.abs(product) / 4))
    edge = Series("line", x[x > 0.34], -1 / x[x > 0.34], "x1 x2 = -1", role="prediction")
    names = ("faster than 1/ln t", "1/ln t", "tends to a margin below the optimum")
    values = Series("map", x, x, z=ratio)
    kinds = Series("map", x, x, z=np.sign(product) + 1, categories=names)
    checks = Series("points", [-2, -1, 1, 2], [1, 2, -2, 2], "brute force", colour=1)
    labels = ("x1 (label +1)", "x2 (label -1)")
    return Figure(
        "data_plane",
        "Only on the curve k12 = 0 is gradient descent as slow as the paper says.",
        [
            Panel([values, edge], *labels, "Limiting margin", colour_label="margin / optimum"),
            Panel([kinds, edge, checks], *labels, "Rate"),
        ],
    )


def symlog_figure() -> Figure:
    """A signed quantity over many magnitudes, with more series than accents."""
    x = np.linspace(0, 30, 50)
    series = [Series("line", x, (-1) ** k * np.exp(-x / (k + 1)), f"run {k}") for k in range(8)]
    return Figure("signed", "Signs.", [Panel(series, "log10 t", "x*", y_scale="symlog")])


def numbers() -> list[Number]:
    """One of each rigour and of each kind of value."""
    return [
        Number("trials that specialise", 2497, Rigour.measured),
        Number("largest relative error of the deficit", 3.217e-13, Rigour.estimated),
        Number("limit of the boundary", 0.0, Rigour.exact, "input units"),
        Number("remainder of the Fatou coordinate at t = 10^1000", 1e-1004, Rigour.proved),
        Number("steps to a deficit of 0.001", "10^6021", Rigour.exact, "steps"),
        Number("years at 10^9 steps per second", float("inf"), Rigour.exact, "years"),
    ]


def long_table() -> Table:
    """More rows than are shown unfolded."""
    rows = 40
    columns = {
        "trial": list(range(rows)),
        "regime": ["specialised", "one_dead"] * (rows // 2),
        "C (input units)": [0.1 / (i + 1) for i in range(rows - 1)] + [float("nan")],
        "|C_GD - C_GF|": [10.0 ** (-3 * i) for i in range(rows)],
    }
    return Table("trials", "Every trial and its constant.", columns)


def short_table() -> Table:
    """Few rows, many columns: it must scroll inside its box on a phone."""
    columns = {"initializer": NAMES} | {
        f"steps to {d:g}, {q}": [10 ** (k + 2) * 12345 for k in range(len(NAMES))]
        for d in (0.1, 0.01, 0.001)
        for q in ("median", "90 %")
    }
    return Table("steps", "Steps to reach a deficit.", columns)


def wide_table() -> Table:
    """More columns than fit side by side, with long heads."""
    columns = {"initializer": NAMES} | {
        f"share that waits for {d:g} mostly {what} (relative)": [d / (k + 1) for k in range(6)]
        for d in (0.1, 0.01, 0.001)
        for what in ("specialised", "dead", "sliding", "undecided")
    }
    return Table("waits", "What a run waits for.", columns)


def findings() -> list[tuple[Claim, Finding]]:
    """Three claims, one of each verdict."""
    settings = {"trials": 10_000, "step_sizes": [1e-6, 0.1], "inputs": np.array([1.0, -1.0])}
    run = "10,000 he_normal networks on x = +-1, trained by GD to t = 10^1000."
    return [
        (
            claim(1, "law", "The law of the late phase"),
            Finding(
                Support.SUPPORTED,
                "The deficit is |C|/(ln t + beta) to 3.2e-13 in 2,497 of 2,497 trials.",
                run,
                numbers(),
                settings,
                [short_table(), long_table()],
                [margin_figure(), bars_figure(), ranges_figure()],
                ["The theory page has 1/ln t [smorodinsky2026]; the offset beta is ours."],
            ),
        ),
        (
            claim(2, "constants", "Constants", "[smorodinsky2026, Theorem 3]; [wilson1927]"),
            Finding(
                Support.UNDECIDED, "Too few trials.", run, [], {}, (), [steps_figure()], ["a", "b"]
            ),
        ),
        (
            claim(3, "plane", "Where it stops being true"),
            Finding(
                Support.NOT_SUPPORTED,
                "With k12 > 0 the deficit is below e^{-40}.",
                run,
                numbers()[:1],
                settings,
                [wide_table()],
                [map_figure(), symlog_figure()],
            ),
        ),
    ]


def comparison() -> tuple[Statement, Finding, xr.Dataset]:
    """A comparison of four methods of three kinds, and runs of two networks."""
    x = np.linspace(0.0, 4.0, 30)
    gaps = {
        "gd": 1 / (x + 1),
        "loss_scaled": 10.0**-x,
        "normalized_gd": 2 * 10.0**-x,
        "fixed_radius": 10.0 ** (-2.5 * x),
    }
    lines = [Series("line", x, y, name) for name, y in gaps.items()]
    panels = [
        Panel(part, "log10 updates", "gap (input units)", title, y_scale="log")
        for part, title in ((lines[:3], "updates in the span"), (lines[3:], "updates that leave"))
    ]
    own = "own clock, same C"
    table = {
        "method": list(gaps),
        "effect": ["the slow rate", own, own, "removes the null part"],
        "gap, x = 1, -1": [float(y[-1]) for y in gaps.values()],
    }
    finding = Finding(
        Support.SUPPORTED,
        "Of 3 other methods 2 follow the slow law. After 10^4 updates fixed_radius leaves least.",
        "4 methods train the same 2 networks on x = 1, -1.",
        [Number(f"{name}: gap / law", 1.0) for name in ("gd", "loss_scaled", "normalized_gd")],
        {"trials": 2, "seed": 0},
        [Table("compare", "What each does.", table, opened=True), short_table()],
        [
            Figure(f"compare_{clock}", f"The gap over {clock}.", panels)
            for clock in ("steps", "evaluations")
        ],
    )
    claim = Statement(1, "compare", "Methods compared", "They follow.", "Within 15 %.", "[he2015]")
    runs = xr.Dataset(
        {"limit_gap": (("algorithm", "time"), np.array(list(gaps.values())))},
        coords={"algorithm": np.array(list(gaps), dtype=str)},
    )
    return claim, finding, runs
