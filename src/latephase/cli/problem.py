"""The flags that state a problem, in groups that the commands share."""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, get_type_hints

import typer

from latephase.cli import flags
from latephase.core import InputError, Words

if TYPE_CHECKING:
    from latephase.problem import Dataset, Method, ShallowReLU


@dataclass(frozen=True, kw_only=True)
class Flags:
    """Values of flags, one per field; None where one was not given."""

    def again(self) -> str:
        """The flags as they are typed to state the same again."""
        values = ((f, getattr(self, f.name)) for f in fields(self))
        kept = ((flag_of(f.name), value) for f, value in values if value != f.default)
        return " ".join(
            flag if value is True else f"{flag} {shlex.quote(flags.typed(value))}"
            for flag, value in kept
        )

    def given(self, *names: str) -> list[str]:
        """Those of the flags that were given."""
        values = ((name, getattr(self, name)) for name in names)
        return [flag_of(name) for name, value in values if value is not None and value is not False]

    def in_file(self, file: str, typed: tuple[str, str], more: tuple[str, ...] = ()) -> bool:
        """Whether the file is given, and not the typed flags, all of them (`more` may be missing).

        Raises InputError on both, on neither, and on a part.
        """
        ways = f"{' and '.join(map(flag_of, typed))}, or {flag_of(file)}"
        given = self.given(*typed, *more)
        if self.given(file) and given:
            got = Words(f"{', '.join(given)} beside {flag_of(file)}")
            raise InputError(ways, got, "leave one of them out")
        if not self.given(file) and len(self.given(*typed)) < len(typed):
            got = Words(f"only {', '.join(given)}" if given else "none of them")
            raise InputError(ways, got, "add them; --help has an example")
        return bool(self.given(file))


@dataclass(frozen=True, kw_only=True)
class Points(Flags):
    """The data: typed, or in a file."""

    inputs: flags.Inputs = None
    labels: flags.Labels = None
    data: flags.Data = None
    label: flags.Label = None
    positive: flags.Positive = None

    def dataset(self) -> Dataset:
        """The data that the flags state.  Raises InputError."""
        from latephase.problem import Dataset

        if self.in_file("data", ("inputs", "labels")):
            label = "label" if self.label is None else self.label
            return Dataset.from_csv(self.data, label, positive=self.positive)
        refuse_beside("--inputs and --labels", self.given("label", "positive"))
        return Dataset(self.inputs or [], self.labels or [])


@dataclass(frozen=True, kw_only=True)
class Start(Flags):
    """The initial network: typed, or in a file."""

    weights: flags.Weights = None
    biases: flags.Biases = None
    no_biases: flags.NoBiases = False
    output_weights: flags.OutputWeightsOfAll = None
    train_output: flags.TrainOutput = False
    negative_slope: flags.NegativeSlope = None
    network: flags.Network = None

    def initial(self, features: int) -> ShallowReLU:
        """The network that the flags state.  Raises InputError."""
        from latephase.problem import ShallowReLU

        if self.no_biases and self.biases is not None:
            raise InputError("--biases or --no-biases", Words("both"), "leave one of them out")
        biases = "no_biases" if self.no_biases else "biases"
        if self.in_file("network", ("weights", biases), ("output_weights", "negative_slope")):
            found = ShallowReLU.load(self.network)
            kind: Any = {"negative_slope": found.negative_slope}
            kind["train_output"] = found.train_output or self.train_output
            parts = found.weights, found.biases, found.output_weights
            return ShallowReLU(*parts, output_bias=found.output_bias, **kind)
        kind = {"negative_slope": self.negative_slope or 0.0, "train_output": self.train_output}
        typed = None if self.no_biases else self.biases or []
        outer = self.output_weights
        if isinstance(outer, str):
            outer = shared_output_weights(outer, len(self.weights or []))
        return ShallowReLU(self.weights or [], typed, outer, **kind)


@dataclass(frozen=True, kw_only=True)
class AnyStart(Start):
    """The initial network: typed, in a file, or drawn."""

    init: flags.InitOfOne = None
    width: flags.WidthOfOne = None
    seed: flags.SeedOfOne = None

    def initial(self, features: int) -> ShallowReLU:
        """The network that the flags state, on so many features.  Raises InputError."""
        from latephase.problem import ShallowReLU, initializers
        from latephase.problem.output_weights import output_weights
        from latephase.runs.trials.settings import checked_name, drawn_output

        if self.init is None:
            if lone := self.given("width", "seed"):
                got = Words(" and ".join(lone))
                raise InputError("--init with --width and --seed", got, "add --init he_normal")
            return super().initial(features)
        refuse_beside("--init", self.given("weights", "biases", "network"))
        shape = {"width": 2 if self.width is None else self.width, "d": features}
        needs_output_weights(shape["width"], self.output_weights)
        drawn = initializers.get(self.init)
        seed, kind = self.seed or 0, {"train_output": self.train_output}
        weights, biases = drawn(trials=1, seed=seed, bias=not self.no_biases, **shape)
        if drawn_output(self.output_weights):
            checked_name(self.output_weights, self.train_output)
        outer = output_weights(self.output_weights, weights, biases, seed=seed)[0]
        start, slope = None if biases is None else biases[0], self.negative_slope or 0.0
        return ShallowReLU(weights[0], start, outer, negative_slope=slope, **kind)


@dataclass(frozen=True, kw_only=True)
class Training(Flags):
    """The method."""

    method: flags.Method = "gd"
    step_size: flags.StepSize = None

    def trained(self) -> Method:
        """The method that the flags state.  Raises InputError."""
        from latephase.problem import GradientDescent, GradientFlow

        gd, gf = GradientDescent.name, GradientFlow.name
        if self.method == gf:
            if self.step_size is not None:
                raise InputError(
                    f"no --step-size with --method {gf}", self.step_size, "leave it out"
                )
            return GradientFlow()
        if self.method == gd:
            if self.step_size is None:
                do = "add for example --step-size 0.1"
                raise InputError(f"--step-size with --method {gd}", None, do)
            return GradientDescent(self.step_size)
        return self._stepped()

    def _stepped(self) -> Method:
        """One of the other methods, by the text that `compare` reads, too."""
        from latephase.training.methods.table import METHODS, named, names

        name = self.method.partition(":")[0].strip()
        if name not in names():
            known = ", ".join((*names(), "gf"))
            raise InputError(
                "--method NAME[:PARAMETER=VALUE...]", self.method, f"use one of {known}"
            )
        takes = name not in METHODS or "step_size" in {f.name for f in fields(METHODS[name])}
        given = self.step_size is not None
        if given and not takes:
            raise InputError(f"no --step-size with --method {name}", self.step_size, "leave it out")
        if given and "step_size=" in self.method.replace(" ", ""):
            got = Words("both")
            raise InputError("--step-size or step_size in --method", got, "leave one of them out")
        return named(self.method, self.step_size)


@dataclass(frozen=True, kw_only=True)
class Networks(Flags):
    """Networks that are drawn: what of them is not."""

    width: flags.Width = 2
    output_weights: flags.OutputWeightsOfAll = None
    no_biases: flags.WithoutBiases = False
    train_output: flags.TrainOutput = False
    negative_slope: flags.NegativeSlope = None
    loss: flags.Loss = "exponential"

    def shape(self) -> dict[str, Any]:
        """What `ensemble` and `compare` are told of them.  Raises InputError."""
        needs_output_weights(self.width, self.output_weights)
        fixed = {"bias": not self.no_biases, "negative_slope": self.negative_slope or 0.0}
        fixed["train_output"] = self.train_output
        return {"width": self.width, "output_weights": self.output_weights, "loss": self.loss} | (
            fixed
        )


# A dataclass has the fields of its last base first.
@dataclass(frozen=True, kw_only=True)
class Task(Training, Networks, Points):
    """Data and method, for networks that are drawn."""

    def trained(self) -> Method:
        found = super().trained()
        if not found.has_late_phase:
            do = "`latephase compare` steps the other methods"
            raise InputError("--method gd or gf", Words(self.method), do)
        return found


@dataclass(frozen=True, kw_only=True)
class ComparedTask(Networks, Points):
    """Data, for networks that are drawn."""

    def is_pair(self, data: Dataset) -> bool:
        """Whether the networks are two neurons as those of the paper, on two points.

        Raises InputError.
        """
        from latephase.problem import GradientFlow
        from latephase.runs.trials.settings import problem_of

        shape = self.shape()
        loss, width, outer = (shape[name] for name in ("loss", "width", "output_weights"))
        kind = (shape["bias"], shape["train_output"], shape["negative_slope"])
        return problem_of(data, GradientFlow(), loss, width, outer, *kind).is_pair


@dataclass(frozen=True, kw_only=True)
class ProblemFlags(Training, Start, Points):
    """Data, initial network and method."""

    def read(self) -> tuple[ShallowReLU, Dataset, Method]:
        """What the flags state.  Raises InputError."""
        data = self.dataset()
        return self.initial(data.d), data, self.trained()


@dataclass(frozen=True, kw_only=True)
class AnyProblem(ProblemFlags, AnyStart):
    """Data, initial network, drawn too, and method."""


def names_of(group: type[Flags]) -> list[str]:
    """The names of the flags of a group."""
    return [f.name for f in fields(group)]


def flag_of(name: str) -> str:
    """The flag of a field or parameter."""
    return f"--{name.replace('_', '-')}"


def given(context: typer.Context, *names: str) -> list[str]:
    """Those of the command's flags that were typed, even with the value that is their default."""
    sources = ((name, context.get_parameter_source(name)) for name in names)
    return [flag_of(name) for name, source in sources if source and source.name == "COMMANDLINE"]


def needs_output_weights(width: int, given: object) -> None:
    """Check that networks that are drawn are told their output weights.  Raises InputError."""
    if width != 2 and given is None:
        got, do = Words(f"none with --width {width}"), "add --output-weights alternating"
        raise InputError("--output-weights of other than 2 neurons", got, do)


def shared_output_weights(given: Any, width: int) -> Any:
    """The output weights of a network that does not draw them.  Raises InputError."""
    from latephase.runs.trials.settings import drawn_output, full_output_weights

    if drawn_output(given):
        do = "other names go with --init and --train-output"
        raise InputError("numbers or alternating as --output-weights", given, do)
    return full_output_weights(given, width)


def refuse_beside(flag: str, others: list[str]) -> None:
    """Refuse flags that mean nothing beside `flag`.  Raises InputError."""
    if others:
        got = Words(f"{', '.join(others)} beside it")
        raise InputError(f"{flag} alone", got, "leave one of them out")


def stated(command: Callable[..., Any]) -> Callable[..., Any]:
    """A command with a parameter `asked: Flags`, in whose place stand the fields of `asked`.

    Typer reads flags off a signature; this spares each command a copy of the shared ones.
    """
    own = dict(inspect.signature(command, eval_str=True).parameters)
    group = own.pop("asked").annotation
    hints = get_type_hints(group, include_extras=True)
    keyword = inspect.Parameter.KEYWORD_ONLY
    shared = [
        inspect.Parameter(f.name, keyword, default=f.default, annotation=hints[f.name])
        for f in fields(group)
    ]

    def spread(**values: Any) -> Any:
        asked = group(**{parameter.name: values.pop(parameter.name) for parameter in shared})
        return command(asked=asked, **values)

    parameters = [*shared, *(parameter.replace(kind=keyword) for parameter in own.values())]
    spread.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    spread.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    spread.__doc__ = command.__doc__
    return spread
