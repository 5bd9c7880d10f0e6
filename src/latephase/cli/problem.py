"""The flags that state a problem: declared once, read in one place, shared by the commands."""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, get_type_hints

from latephase.cli import flags
from latephase.core import InputError, Words

if TYPE_CHECKING:
    from latephase.problem import Dataset, GradientDescent, GradientFlow, ShallowReLU

Texts = Mapping[str, str | None]  # flags and what was typed behind them


@dataclass(frozen=True, kw_only=True)
class Flags:
    """Flags as typed, one per field; None where one was not given."""

    def again(self) -> str:
        """The flags as they are typed to state the same again."""
        given = [(f, getattr(self, f.name)) for f in fields(self)]
        kept = [(flag_of(f.name), text) for f, text in given if text != f.default]
        return " ".join(f"{flag} {shlex.quote(text)}" for flag, text in kept)

    def of(self, record: type[Flags]) -> dict[str, str | None]:
        """Those flags that `record` has too, with their texts."""
        return {flag_of(f.name): getattr(self, f.name) for f in fields(record)}


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

        of_file = {"--label": self.label, "--positive": self.positive}
        typed = {"--inputs": self.inputs, "--labels": self.labels}
        if one_way(typed, {}, "--data", self.data):
            label = "label" if self.label is None else self.label
            return Dataset.from_csv(self.data, label, positive=self.positive)
        refuse_beside("--inputs and --labels", of_file)
        inputs, labels = self.inputs or "", self.labels or ""
        return Dataset(flags.matrix(inputs, "--inputs"), flags.numbers(labels, "--labels"))


@dataclass(frozen=True, kw_only=True)
class Start(Flags):
    """The initial network: typed, or in a file."""

    weights: flags.Weights = None
    biases: flags.Biases = None
    output_weights: flags.OutputWeights = None
    network: flags.Network = None

    def initial(self) -> ShallowReLU:
        """The network that the flags state.  Raises InputError."""
        from latephase.problem import ShallowReLU

        typed = {"--weights": self.weights, "--biases": self.biases}
        fixed = self.output_weights
        if one_way(typed, {"--output-weights": fixed}, "--network", self.network):
            return ShallowReLU.load(self.network)
        return ShallowReLU(
            flags.matrix(self.weights or "", "--weights"),
            flags.numbers(self.biases or "", "--biases"),
            None if fixed is None else flags.numbers(fixed, "--output-weights"),
        )


@dataclass(frozen=True, kw_only=True)
class Training(Flags):
    """The method."""

    method: flags.Method = "gd"
    step_size: flags.StepSize = None

    def trained(self) -> GradientDescent | GradientFlow:
        """The method that the flags state.  Raises InputError."""
        return flags.method_of(self.method, self.step_size)


# A dataclass has the fields of its last base first.
@dataclass(frozen=True, kw_only=True)
class Task(Training, Points):
    """Data and method, for networks that are drawn."""


@dataclass(frozen=True, kw_only=True)
class Problem(Training, Start, Points):
    """Data, initial network and method."""

    def read(self) -> tuple[ShallowReLU, Dataset, GradientDescent | GradientFlow]:
        """What the flags state.  Raises InputError."""
        data = self.dataset()
        return self.initial(), data, self.trained()


def one_way(typed: Texts, more: Texts, file_flag: str, file: str | None) -> bool:
    """Whether the file is given, and not the typed flags, all of them (`more` may be missing).

    Raises InputError on both, on neither, and on a part.
    """
    given = [flag for flag, text in {**typed, **more}.items() if text is not None]
    ways = f"{' and '.join(typed)}, or {file_flag}"
    if file is not None and given:
        got = Words(f"{', '.join(given)} beside {file_flag}")
        raise InputError(ways, got, "leave one of them out")
    if file is None and not set(typed) <= set(given):
        got = Words(f"only {', '.join(given)}" if given else "none of them")
        raise InputError(ways, got, "add them; --help has an example")
    return file is not None


def flag_of(name: str) -> str:
    """The flag of a field."""
    return f"--{name.replace('_', '-')}"


def refuse_beside(flag: str, others: Mapping[str, Any]) -> None:
    """Refuse flags that mean nothing beside `flag`.  Raises InputError."""
    given = [name for name, value in others.items() if value is not None]
    if given:
        got = Words(f"{', '.join(given)} beside it")
        raise InputError(f"{flag} alone", got, "leave one of them out")


def stated(command: Callable[..., Any]) -> Callable[..., Any]:
    """A command `command(asked: Flags, ...)` whose flags are the fields of `asked`, then its own.

    Typer reads flags off a signature; this spares each command a copy of the shared ones.
    """
    first, *own = inspect.signature(command, eval_str=True).parameters.values()
    record = first.annotation
    hints = get_type_hints(record, include_extras=True)
    keyword = inspect.Parameter.KEYWORD_ONLY
    shared = [
        inspect.Parameter(f.name, keyword, default=f.default, annotation=hints[f.name])
        for f in fields(record)
    ]

    def spread(**given: Any) -> Any:
        asked = record(**{parameter.name: given.pop(parameter.name) for parameter in shared})
        return command(asked, **given)

    parameters = [*shared, *(parameter.replace(kind=keyword) for parameter in own)]
    spread.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    spread.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    spread.__doc__ = command.__doc__
    return spread
