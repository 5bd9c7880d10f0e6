"""The side of the tests: commands are started and awaited, one line on stderr is judged."""

from __future__ import annotations

import os
import pickle
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from .server import Command, Ended

HERE = Path(__file__).resolve()
SOURCES = os.pathsep.join([str(HERE.parents[3] / "src"), str(HERE.parents[2])])
# Zarr's threads race for the same folders: their operations would be others from run to run.
IN_ORDER = {"ZARR_THREADING__MAX_WORKERS": "1"}
_BESIDES = re.compile(r"latephase: warning: |\w+: [\d,]+ of [\d,]+ \w+ \(\d+ s\)$")
Tree = dict[str, bytes | str]


class Runner:
    """A server, and how often what was done."""

    def __init__(self, memory: Path) -> None:
        self.counts: Counter[str] = Counter()
        self._server = subprocess.Popen(
            [
                sys.executable,
                "-c",
                f"from failure.harness.server import serve; serve({str(memory)!r})",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": SOURCES, "PYTHONWARNINGS": "default", **IN_ORDER},
            start_new_session=True,
        )

    def start(self, command: Command) -> int:
        """The number of a process that has begun."""
        return int(self._ask("start", command))

    def wait(self, process: int) -> Ended:
        """How a process ended; where it is stopped, once it is."""
        return self._ask("wait", process)

    def run(self, command: Command) -> Ended:
        """How a command ended."""
        return self.wait(self.start(command))

    def go_on(self, process: int) -> Ended:
        """How a stopped process ended, continued."""
        os.kill(process, signal.SIGCONT)
        return self.wait(process)

    def close(self) -> None:
        self._server.stdin.close()
        assert self._server.wait(timeout=60) == 0
        self._server.stdout.close()

    def _ask(self, verb: str, about: Any) -> Any:
        pickle.dump((verb, about), self._server.stdin)
        self._server.stdin.flush()
        return pickle.load(self._server.stdout)


def in_one_line(ended: Ended) -> bool:
    """Whether a failure was told in one line, a foreseen one; warnings and progress aside."""
    told = _told(ended)
    return (
        len(told) == 1
        and told[0].startswith("latephase: ")
        and "unforeseen" not in told[0]
        and ended.code not in (None, 0)
        and ended.code > 0
    )


def quiet(ended: Ended) -> bool:
    """Whether a command is done, and has said nothing on stderr but warnings and progress."""
    return ended.code == 0 and not _told(ended)


def _told(ended: Ended) -> list[str]:
    """Lines on stderr without warnings, and without what slow machines say: how far the work is."""
    return [line for line in ended.err.splitlines() if not _BESIDES.match(line)]


def tree(folder: Path) -> Tree:
    """Everything below a folder: the bytes of files, and what else there is, in words."""
    found: Tree = {}
    for path in sorted(folder.rglob("*")) if folder.is_dir() and not folder.is_symlink() else ():
        found[path.relative_to(folder).as_posix()] = _content(path)
    return found or {".": _content(folder)}


def _content(path: Path) -> bytes | str:
    if path.is_symlink():
        return f"link to {os.readlink(path)}"
    if path.is_dir():
        return "folder"
    if path.is_file():
        return path.read_bytes()
    return "something else" if path.exists() else "nothing"
