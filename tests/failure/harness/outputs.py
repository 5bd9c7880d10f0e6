"""The outputs of latephase, one line each: whatever is listed here meets every fault."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pytest

POINTS = "--inputs 1,-1 --labels 1,-1"
NET = "--weights 0.7,-0.4 --biases 0.1,0.2"
TARGET = "out.svg"  # a picture has to say what it is, and others do not mind


@dataclass(frozen=True)
class Output:
    """An output that a command writes.

    words: the command, with {n} where its results depend on a number;  flag: that names the
    output;  resumed: whether the command knows --resume;  forced: --force.
    """

    name: str
    words: str
    flag: str = "--out"
    resumed: bool = False
    forced: bool = True

    def numbers(self, n: int = 1) -> str:
        """What decides the results."""
        return self.words.format(n=n)

    def arguments(self, n: int = 1, *more: str, target: str = TARGET) -> tuple[str, ...]:
        """The command; it writes `target`."""
        return (*self.numbers(n).split(), self.flag, target, *more)

    @property
    def again(self) -> tuple[str, ...]:
        """What is added after an interruption."""
        return ("--resume",) if self.resumed else ()


ENSEMBLE = Output(
    "ensemble",
    f"ensemble {POINTS} --step-size 0.1 --init he_normal --trials 4 --batch 2 --until 1e1000"
    " --at 0,1e1000 --seed {n}",
    resumed=True,
)
CERTIFICATES = Output(
    "certificates",
    f"certify {POINTS} --step-size 0.1 --init he_normal --trials 10 --seed {{n}}",
    resumed=True,
)
COMPARE = Output(
    "compare",
    "compare --methods gd,fixed_radius --trials 4 --until 10 --samples 3 --seed {n}",
)
COMPARED_RUNS = Output(
    "compared",
    f"compare {POINTS} --methods gd,fixed_radius --init he_normal --width 3 --trials 4 --batch 2"
    " --output-weights alternating"
    " --until 10 --at 0,10 --seed {n}",
    resumed=True,
)
REPRODUCE = Output("reproduce", "reproduce --trials 5 --seed {n}")
CERTIFICATE = Output("certificate", f"certify {POINTS} {NET} --step-size 0.{{n}}")
NETWORK = Output(
    "network",
    f"run {POINTS} {NET} --until 1e6 --at 0,1e6 --step-size 0.{{n}}",
    flag="--save",
    forced=False,
)
PICTURE = Output(
    "picture",
    f"run {POINTS} {NET} --until 1e6 --samples 120 --step-size 0.{{n}}",
    flag="--plot",
    forced=False,
)
OUTPUTS = (
    ENSEMBLE,
    CERTIFICATES,
    COMPARE,
    COMPARED_RUNS,
    REPRODUCE,
    CERTIFICATE,
    NETWORK,
    PICTURE,
)
# What `make test` does: one of each way to write; the campaign does all.
EVERYDAY = (ENSEMBLE, CERTIFICATES, CERTIFICATE)


def outputs(chosen: Iterable[Output] = OUTPUTS) -> pytest.MarkDecorator:
    """The parameter `output` of a test."""
    marks = {True: [], False: [pytest.mark.campaign]}
    cases = [pytest.param(one, id=one.name, marks=marks[one in EVERYDAY]) for one in chosen]
    return pytest.mark.parametrize("output", cases)
