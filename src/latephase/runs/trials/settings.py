"""What draws many networks is given: checked once, and how it is written down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from latephase.core import InputError, Words
from latephase.core.closures import digest
from latephase.late.engine import SLIDE_TOLERANCE, Goal
from latephase.late.engines.choice import MOST_NEURONS, engine_for
from latephase.problem import Dataset, Initializer, Problem, ShallowReLU, initializers
from latephase.problem.checks import MOST, flag, positive_number, seed_number, whole_number
from latephase.problem.output_weights import ALTERNATING, BALANCED, alternating
from latephase.runs.times import Times
from latephase.runs.trajectory import settings_of

BATCH = 10_000  # trials that exact pieces carry at once
BATCH_ONE_BY_ONE = 50  # of other networks, a fraction of a second to some seconds each
_SAMPLES_PER_BATCH = 4_000_000  # about 1 GB at work, however many samples a trial has
MOST_TRIALS = 10**9  # of an ensemble: hours of work, and with 200 samples a store of 25 TB
_MOST_AT_WORK = 8 * 10**9  # bytes of a batch
_PER_TRIAL, _PER_SAMPLE = 1000, 170  # bytes at work, measured on pairs
_OF_A_PAIR = 4  # parameters, which are in _PER_SAMPLE


@dataclass(frozen=True)
class Settings:
    """Everything that decides what an ensemble contains; two equal settings give equal bytes.

    problem: that of every trial, its network one of zeros in place of what is drawn;
    output_weights: what these are drawn of, None where the problem's network has them.
    """

    initializer: Initializer
    problem: Problem
    trials: int
    seed: int
    times: Times
    batch: int
    max_steps: int
    slide_tolerance: float
    tolerance: float | None = None
    output_weights: Initializer | str | None = None

    @classmethod
    def of(
        cls,
        initializer: Initializer | str,
        problem: Problem,
        times: Times,
        batch: object,
        trials: object,
        seed: object,
        max_steps: object,
        slide_tolerance: object,
        tolerance: object = None,
        output_weights: Any = None,
    ) -> Settings:
        """Checked.  Raises InputError.

        output_weights: as `problem_of` was told.
        """
        count = whole_number(trials, "trials", 1, MOST_TRIALS)
        together = problem.has_closed_form or problem.has_layered_form
        usual = BATCH if together else BATCH_ONE_BY_ONE
        plan = cls(
            initializers.get(initializer),
            problem,
            count,
            seed_number(seed),
            times,
            checked_batch(batch, count, len(times.given), problem.network, usual),
            whole_number(max_steps, "max_steps", 1, MOST),
            positive_number(slide_tolerance, "slide_tolerance"),
            None if tolerance is None else positive_number(tolerance, "tolerance"),
            output_weights if drawn_output(output_weights) else None,
        )
        engine_for(problem, plan.goal)  # refuses what none can carry
        return plan

    @property
    def all_at_once(self) -> bool:
        """Whether exact pieces carry the trials of a batch together."""
        return self.problem.has_closed_form or self.problem.has_layered_form

    @property
    def goal(self) -> Goal:
        """What is asked of an engine for each trial."""
        # An engine without slides has no such option; its default asks for nothing.
        slide = None if self.slide_tolerance == SLIDE_TOLERANCE else self.slide_tolerance
        return Goal(self.times.until, self.max_steps, 1, None, self.tolerance, slide)

    def attributes(self) -> dict[str, Any]:
        """Settings as plain JSON values: text, numbers, lists of them."""
        problem = self.problem
        step = {"step_size": problem.method.step_size} if problem.method.discrete else {}
        drawn = drawn_settings(self.initializer, self.seed, self.trials)
        return {
            **settings_of(problem.data, problem.loss.name, self.times.until, **drawn),
            **network_settings(problem.network, self.output_weights),
            "method": type(problem.method).__name__,
            **step,
            "max_steps": self.max_steps,
            "slide_tolerance": self.slide_tolerance,
            **({} if self.tolerance is None else {"tolerance": self.tolerance}),
            "batch": self.batch,
        }


def problem_of(
    data: object,
    method: object,
    loss: object,
    width: object,
    output_weights: object,
    bias: object,
    train_output: object,
    negative_slope: float,
) -> Problem:
    """The problem of every trial, on a network of zeros in place of what is drawn.

    Raises InputError.
    """
    if not isinstance(data, Dataset):
        raise InputError("a Dataset", data, "wrap it: lp.Dataset(inputs, labels)")
    m = whole_number(width, "width", 1, MOST_NEURONS)
    biases = np.zeros(m) if flag(bias, "bias") else None
    zeros = np.zeros((m, data.d))
    if drawn_output(output_weights):
        checked_name(output_weights, train_output)
        outer: Any = np.zeros(m)
    else:
        outer = full_output_weights(output_weights, m)
    kind: Any = {"output_weights": outer, "negative_slope": negative_slope}
    network = ShallowReLU(zeros, biases, train_output=train_output, **kind)  # type: ignore[arg-type]
    return Problem.of(network, data, method, loss)


def drawn_output(given: object) -> bool:
    """Whether output weights are drawn: named, and not the same for every trial."""
    return isinstance(given, str | Initializer) and given != ALTERNATING


def checked_name(given: object, train_output: object) -> None:
    """Check the name of output weights that are drawn.  Raises InputError."""
    if not flag(train_output, "train_output"):
        do = f'pass an array, "{ALTERNATING}", or train_output=True'
        raise InputError("output weights that are fixed to be given", given, do)
    if given != BALANCED:
        initializers.get(given)  # type: ignore[arg-type]


def full_output_weights(given: Any, neurons: int) -> Any:
    """Output weights as given to so many neurons, "alternating" written out.  Raises InputError."""
    do = 'pass "alternating", which is 1, -1, 1, ..., or an array'
    if given is None and neurons != 2:
        got = Words(f"none for {neurons}")
        raise InputError("output_weights with other than 2 neurons", got, do)
    if not isinstance(given, str):
        return given
    if given != ALTERNATING:
        raise InputError(f"output_weights of shape ({neurons},)", given, do)
    return alternating(neurons)


def drawn_settings(initializer: Initializer, seed: int, trials: int) -> dict[str, Any]:
    """Which networks are drawn, as plain JSON values: a user's initializer may have any name."""
    return {**_told("initializer", initializer), "seed": seed, "trials": trials}


def _told(name: str, initializer: Initializer) -> dict[str, Any]:
    """An initializer by its name, and if it is a user's, by a digest too."""
    theirs = initializer.name not in initializers.names()
    theirs = theirs or initializer != initializers.get(initializer.name)
    more = {f"{name}_digest": digest(initializer)} if theirs else {}
    return {name: initializer.name, **more}


def network_settings(network: ShallowReLU, outer: Initializer | str | None) -> dict[str, Any]:
    """What is not drawn of the networks of many trials, as plain JSON values.

    outer: what their output weights are drawn of.
    """
    given = network.output_weights.tolist() if outer is None else outer
    drawn = isinstance(outer, Initializer)
    told = _told("output_weights", outer) if drawn else {"output_weights": given}  # type: ignore[arg-type]
    trained = {"train_output": True} if network.train_output else {}
    return {
        "width": network.m,
        **told,
        "bias": network.biases is not None,
        "negative_slope": network.negative_slope,
        **trained,
    }


def batch_size(samples: int, most: int = BATCH, per_sample: int = _PER_SAMPLE) -> int:
    """Trials per batch: at most so many, fewer where each has very many samples or parameters."""
    return int(np.clip(_SAMPLES_PER_BATCH * _PER_SAMPLE // (samples * per_sample), 1, most))


def checked_batch(
    batch: object, trials: int, samples: int, network: ShallowReLU, usual: int
) -> int:
    """Trials per batch as given, or the usual ones.  Raises InputError on too many.

    samples: of each trial;  network: one of the kind.
    """
    parameters = network.m * (network.d + 1)
    per_sample = _PER_SAMPLE + 8 * max(parameters - _OF_A_PAIR, 0)
    if batch is None:
        return batch_size(samples, usual, per_sample)
    size = whole_number(batch, "batch", 1, MOST)
    most = _MOST_AT_WORK // (_PER_TRIAL + per_sample * samples)
    if min(size, trials) > max(most, 1):
        got = Words(f"{min(size, trials):,} of {samples:,} samples each")
        expected = f"a batch of at most {most:,} trials (8 GB at work)"
        raise InputError(expected, got, "lower batch, or ask for fewer samples")
    return size
