"""Claims and the bench they run on.

For developers: a claim is one file that defines `CLAIM = Claim(...)` and one line in `CLAIMS`
(experiments/__init__.py).  Its `examine` gets a Bench and returns a Finding; the report does the
rest.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

from latephase.problem import Dataset, GradientDescent, GradientFlow

from .finding import Finding, unwrap

if TYPE_CHECKING:
    import xarray as xr

PAPER_DATA = Dataset([1.0, -1.0], [1, -1])
STEP_SIZE = 0.1
PAPER_METHOD = GradientDescent(STEP_SIZE)
HORIZON = "1e1000"
_ENSEMBLE = "ensemble"  # what the keys of ensembles begin with
KEPT = 200  # trials of each initializer that a report has as data: half a megabyte each
Made = TypeVar("Made")
Runs = dict[tuple[Any, ...], "xr.Dataset"]
"""First trials of ensembles, by what was asked for."""


class Evidence(Enum):
    """What a verdict rests on, and so what could have turned it."""

    independent = "held against something made otherwise; a wrong theory would have shown"
    consistency = "samples held against a law made of the same quantities; only a slip would show"
    both = "partly the one, partly the other; the criterion says which"

    @property
    def words(self) -> str:
        """As a reader sees it."""
        return "independent, consistency" if self is Evidence.both else self.name


@dataclass(frozen=True)
class Statement:
    """What is put to the test, in words.

    number, key: order and file-safe name;  title: a few words;  statement: the paper's sentence in
    our words;  criterion: what makes it SUPPORTED, in words, as it is decided;
    source: theorem or section, with the key of references.bib;
    evidence: what the verdict rests on (not said: the kind that says least).
    """

    number: int
    key: str
    title: str
    statement: str
    criterion: str
    source: str
    evidence: Evidence = field(default=Evidence.consistency, kw_only=True)

    def __post_init__(self) -> None:
        unwrap(self, "statement", "criterion", "source")


@dataclass(frozen=True)
class Claim(Statement):
    """A statement of the paper (or beyond it) with its experiment.

    examine: runs it and decides as the criterion says;
    apart: it shares no ensemble with other claims, so that it may be examined beside them.
    """

    examine: Callable[[Bench], Finding]
    apart: bool = False


@dataclass
class Bench:
    """What experiments share: number of trials, seed, and ensembles run once for all claims."""

    trials: int = 10_000
    seed: int = 0
    processes: int = 1  # that share the work; more than 1 needs an importable main module
    _cache: dict[Hashable, Any] = field(default_factory=dict)

    def once(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What `make` gives, made only once under this key."""
        if key not in self._cache:
            self._cache[key] = make()
        return self._cache[key]

    def settings(self, **more: Any) -> dict[str, Any]:
        """What it takes to run an experiment again: trials, seed, and `more`, which overrides."""
        return {"trials": self.trials, "seed": self.seed} | more

    def ensemble(
        self,
        initializer: str,
        *,
        data: Dataset = PAPER_DATA,
        method: GradientDescent | GradientFlow = PAPER_METHOD,
        until: str = HORIZON,
        at: tuple[str, ...] | None = None,
        samples: int = 60,
        trials: int | None = None,
    ) -> xr.Dataset:
        """`lp.ensemble` with this bench's trials and seed; the same call is run only once."""
        from latephase.runs import ensemble

        trials = trials or self.trials
        key = (_ENSEMBLE, initializer, _points(data), repr(method), until, at, samples, trials)
        options: dict[str, Any] = {"until": until, "at": at, "samples": samples, "trials": trials}
        return self.once(
            key, lambda: ensemble(initializer, data, method, seed=self.seed, **options)
        )

    def kept_runs(self, most: int = KEPT) -> dict[str, xr.Dataset]:
        """The first `most` trials of each initializer in the paper's setting, of what was run.

        Of several ensembles of one initializer, that with the most samples.
        """
        kept: dict[str, xr.Dataset] = {}
        for key, found in self.runs_to_keep(most).items():
            known = kept.get(key[1])
            if known is None or found.sizes["time"] > known.sizes["time"]:
                kept[key[1]] = found
        return dict(sorted(kept.items()))

    def runs_to_keep(self, most: int = KEPT) -> Runs:
        """The first `most` trials of what ran in the paper's setting, by what was asked for."""
        setting = (_points(PAPER_DATA), repr(PAPER_METHOD), HORIZON)
        return {
            key: found.isel(trial=slice(most)).assign_attrs(kept=f"the first {most:,} trials")
            for key, found in self._cache.items()
            if isinstance(key, tuple) and key[0] == _ENSEMBLE and key[2:5] == setting
        }

    def adopt(self, runs: Runs) -> None:
        """Take what another bench keeps, after what is here already; for `kept_runs` only."""
        for key, found in runs.items():
            self._cache.setdefault(key, found)


def _points(data: Dataset) -> tuple[tuple[float, ...], ...]:
    return tuple(data.inputs.ravel()), tuple(data.labels)
