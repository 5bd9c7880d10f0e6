"""A comparison as it is made: batches of networks, each by every method."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from latephase.core.arrays import Floats
from latephase.core.workers import threads, workers
from latephase.problem import Initializer, Problem
from latephase.runs.times import Times
from latephase.runs.trajectory import OF_TRIAL, dataset, settings_of

from .batches import NAME, RIGOUR, drawn_networks, problems_of
from .ends import ends, unknown_ends
from .one_method import variables_of
from .planned import Planned
from .result import Shards, Variables
from .settings import drawn_settings, network_settings

if TYPE_CHECKING:
    import xarray as xr
    from distributed import Client

    from latephase.training.loops.follow import Followed

_SPANS = {"long_name": "updates are combinations of the (x_i, 1) of active points"}
_TEXTS = {"long_name": "method and parameters"}
_OVER = dict.fromkeys(("fitted", *OF_TRIAL), ("trial", "algorithm"))
_DIMS = ("algorithm", "trial", "time", "neuron", "feature")
_TYPES = {"regime": NAME, "outcome": NAME, "rigour": RIGOUR, "law_rigour": RIGOUR}


@dataclass(frozen=True)
class Comparison:
    """Trials of one initializer by several methods.

    output_weights: what these are drawn of, None where the problems' networks have them;
    problems: one for each method, on a network of zeros;  planned: the methods;  processes: for
    what goes one by one.
    """

    initializer: Initializer
    trials: int
    seed: int
    batch: int
    output_weights: Initializer | str | None
    problems: tuple[Problem, ...]
    planned: Planned
    times: Times
    processes: int
    progress: Callable[[int, int], None] | None

    def batches(
        self, starts: Iterable[int], finished: int, kept: str
    ) -> Iterator[tuple[int, Variables]]:
        """As `Plan.made`: (first trial, variables (trial, algorithm, ...))."""
        with workers(self.processes, kept) if self.processes > 1 else nullcontext() as pool:
            for start in starts:
                yield start, self._batch(start, pool)

    def shards(self, client: Client) -> Shards:
        """The same batches by the workers of a cluster."""
        alone = replace(self, processes=1, progress=None)
        return Shards(client, alone.batch_from, self._tell)

    def batch_from(self, start: int) -> Variables:
        """One batch, in this process."""
        return self._batch(start, None)

    def _tell(self, finished: int) -> None:
        if self.progress is not None:
            total = int(self.times.sorted[-1].as_float) * len(self.problems)
            batches = -(-self.trials // self.batch)
            self.progress(-(-finished // self.batch) * total, total * batches)

    @property
    def template(self) -> xr.Dataset:
        """The dataset of no trials."""
        problem, samples = self.problems[0], len(self.times.sorted)
        theta = np.full((samples, 1, *problem.network.parameters.shape), np.nan)
        nobody = variables_of(problem, self.times, _unreached(theta, problem))
        nobody |= unknown_ends(1) | {"fitted": np.zeros(1, bool)}
        together = self._together([nobody] * len(self.problems))
        return self.label({name: values[:0] for name, values in together.items()})

    def label(self, found: Variables) -> xr.Dataset:
        """The variables with their names, dims and settings."""
        problem = self.problems[0]
        whose = {
            **self.planned.settings,
            **drawn_settings(self.initializer, self.seed, self.trials),
            **network_settings(problem.network, self.output_weights),
            "batch": self.batch,
        }
        settings = settings_of(problem.data, problem.loss.name, self.times.until, **whose)
        made = dataset(found, self.times.given, ("trial", "algorithm"), _OVER, settings)
        return made.assign_coords(
            algorithm=("algorithm", list(self.planned.labels), _TEXTS),
            spans=("algorithm", [one.method.spans for one in self.problems], _SPANS),
        )

    def _batch(self, start: int, pool: Executor | None) -> Variables:
        trials = min(self.batch, self.trials - start)
        drawn = drawn_networks(self, self.problems[0], start, trials)
        followed = self._followed(*drawn, start)
        last = int(np.argmax([t.log for t in self.times.given]))
        found = []
        for problem, seen in zip(self.problems, followed, strict=True):
            problems = problems_of(problem, *drawn)
            found.append(seen | ends(problems, self.times.until, seen, last, pool, start))
        return self._together(found)

    def _together(self, found: list[Variables]) -> Variables:
        together = {name: np.stack([one[name] for one in found], axis=1) for name in found[0]}
        return {
            name: values.astype(_TYPES.get(name, values.dtype)) for name, values in together.items()
        }

    def _followed(
        self, weights: Floats, biases: Floats | None, outer: Floats, start: int
    ) -> list[Variables]:
        """What each method did; as many at a time as there are cores: a loop is on one."""
        from latephase.training.loops.follow import follow
        from latephase.training.methods.table import stepped

        problem, whole = self.problems[0], [int(t.as_float) for t in self.times.sorted]
        batches = -(-self.trials // self.batch)
        total = whole[-1] * len(self.problems)
        done = dict.fromkeys(range(len(self.problems)), 0)

        def tell(number: int, updates: int) -> None:
            done[number] = updates
            if self.progress is not None:
                before = start // self.batch * total
                self.progress(before + sum(done.values()), total * batches)

        def run(number: int) -> Variables:
            found = follow(
                weights,
                biases,
                whole,
                inputs=problem.data.inputs,
                labels=problem.data.labels,
                output_weights=outer if problem.network.train_output else outer[0],
                method=stepped(self.problems[number].method),
                loss=problem.loss.name,
                first_trial=start,
                progress=lambda updates, _: tell(number, updates),
                negative_slope=problem.network.negative_slope,
            )
            return variables_of(self.problems[number], self.times, found)

        return _at_once(run, len(self.problems))


def once(found: xr.Dataset) -> xr.Dataset:
    """Algorithms first, and once what does not depend on the trial, of which a store has all."""
    shared = found.gradient_evaluations.isel(trial=0, drop=True)
    return found.assign(gradient_evaluations=shared).transpose(*_DIMS, missing_dims="ignore")


def _unreached(theta: Floats, problem: Problem) -> Followed:
    """What is followed of networks that nothing is known of, theta (S, T, m, k) NaN."""
    from latephase.training.loops.follow import Followed

    unknown, network = np.full(theta.shape[:2], np.nan), problem.network
    outer = theta[..., 0] if network.train_output else None
    return Followed(*network.parted(theta), unknown[:, 0], unknown, outer)


def _at_once(run: Callable[[int], Variables], count: int) -> list[Variables]:
    """run(0), run(1), ..., as many at a time as there are cores."""
    with ThreadPoolExecutor(min(count, threads())) as pool:
        futures = [pool.submit(run, number) for number in range(count)]
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        return [future.result() for future in futures]
