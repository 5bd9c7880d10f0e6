"""Running the command line in this process, in an empty folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from latephase.cli import main

DATA = "--inputs 1,-1 --labels 1,-1 --step-size 0.1"
SETTLING = f"{DATA} --weights 0.7,-0.4 --biases 0.1,0.2"
DEAD = f"{DATA} --weights 0.1,0.1 --biases -1,-1"
DRAWN = f"{DATA} --init he_normal --until 1e1000"


@dataclass(frozen=True)
class Ended:
    """How a command ended: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


Latephase = Callable[..., Ended]


@pytest.fixture
def latephase(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Latephase:
    """The command, as `latephase("run", "--json", ...)`, in the folder tmp_path."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Ended:
        with pytest.raises(SystemExit) as end:
            main(arguments)
        out, err = capsys.readouterr()
        return Ended(int(end.value.code or 0), out, err)

    return run


@pytest.fixture
def problem() -> list[str]:
    """Flags of a run that settles in the specialised regime."""
    return SETTLING.split()


@pytest.fixture
def dead() -> list[str]:
    """Flags of a network whose neurons are inactive on both points."""
    return DEAD.split()


@pytest.fixture
def drawn() -> list[str]:
    """Flags of an ensemble, but for trials and output."""
    return DRAWN.split()
