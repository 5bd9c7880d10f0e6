"""The runs that the claims on remedies share: four data sets, every method, the same networks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from latephase.problem import Dataset

from ..bench.base import STEP_SIZE, Bench
from .compared import ALL, MethodRow, rows
from .shown import points_of

if TYPE_CHECKING:
    import xarray as xr

INITIALIZER = "standard_normal"
POINTS = ((1.0, -1.0), (3.0, -1.0), (2.0, -0.5), (0.5, -0.5))
TRIALS, UNTIL, SAMPLES = 128, "1e4", 31
# Criteria were thought up on the networks of seed 0, and claim 15 once more on those of 1000 (it
# had said that Polyak's steps end with another C, which is so on seed 0 only); judged by others.
FRESH = 2000
FEWEST = 10  # fitted trials
LATE = {"heavy_ball": "1e5"}  # held against the law later: at 10^4 it still levels its margins


@dataclass(frozen=True)
class MethodRuns:
    """One data set: the runs of `runs.compare` and a row for each method."""

    data: Dataset
    found: xr.Dataset
    rows: list[MethodRow]

    def row(self, method: str) -> MethodRow:
        """The row of a method."""
        return next(row for row in self.rows if row.method == method)

    @property
    def name(self) -> str:
        """The inputs, as text."""
        return points_of(self.data)

    @property
    def specialises(self) -> bool:
        """k12 <= 0: each neuron ends by serving one point, and the law has a constant C."""
        x1, x2 = self.data.inputs.ravel()
        return bool(1 + x1 * x2 <= 0)


def compared(bench: Bench) -> list[MethodRuns]:
    """All data sets, run once for all claims of a process."""
    return [_one(points, min(bench.trials, TRIALS), FRESH + bench.seed) for points in POINTS]


@cache
def _one(points: tuple[float, ...], trials: int, seed: int) -> MethodRuns:
    from latephase.runs.compare import compare
    from latephase.training.methods.table import named

    def run(texts: list[str], until: str, **sampled: Any) -> xr.Dataset:
        methods = [named(text, STEP_SIZE) for text in texts]
        return compare(INITIALIZER, data, methods, trials=trials, seed=seed, until=until, **sampled)

    data = Dataset(list(points), [1, -1])
    found = run([*ALL], UNTIL, samples=SAMPLES)
    late = {text: rows(run([text], t, at=[t]))[0].ratio for text, t in LATE.items()}
    judged = [replace(row, ratio=late.get(row.method, row.ratio)) for row in rows(found)]
    return MethodRuns(data, found, judged)


def settings(bench: Bench) -> dict[str, object]:
    """What is needed to run it again."""
    drawn = {"trials": min(bench.trials, TRIALS), "seed": FRESH + bench.seed}
    run = {"step_size": STEP_SIZE, "until": UNTIL, "inputs": [list(points) for points in POINTS]}
    return {"initializer": INITIALIZER, **drawn, **run}


def words(bench: Bench) -> str:
    """What was run, in words."""
    return f"""{min(bench.trials, TRIALS)} networks ({INITIALIZER}, the same for every method) on
        each of {len(POINTS)} data sets, step size {STEP_SIZE:g}, {UNTIL} updates, made one by one
        (gap / law of heavy ball: 1e5)."""
