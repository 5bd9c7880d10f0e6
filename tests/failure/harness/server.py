"""Commands of latephase in forked processes: imports are paid once, and so are the numbers.

The server imports latephase and starts nothing of JAX.  Each command runs in a child of its own,
from `main(arguments)` to its exit code, with all the files it writes; only the numbers of one that
was run before, undisturbed or not, are taken from a folder instead of being computed again.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import hashlib
import importlib
import math
import os
import pickle
import pkgutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from . import operations
from .operations import NO_FAULT, Fault

# Pure functions, by where they are looked up: what they give depends on the command alone, and on
# the whole numbers among their arguments and the keys of the figures.
REMEMBERED = (
    "latephase.runs.trials.one_batch.run_batch",
    "latephase.runs.trials.comparison.Comparison._batch",
    "latephase.runs.compare.compare",  # unless it writes a store
    "latephase.experiments.remedies.comparison.comparison",
    "latephase.report.write.page",
    "latephase.report.write.comparison_page",
    "latephase.report.figures.pdf",
)
PART = 4  # trials in a part of a folder of certificates, instead of 256


@dataclass(frozen=True)
class Command:
    """A command in a folder.  arguments: of `latephase`, or ("-c", code) for Python.

    numbers: what decides the numbers, "" to compute them;  uid: whose process it is, 0 ours.
    """

    arguments: tuple[str, ...]
    folder: Path
    fault: Fault = NO_FAULT
    numbers: str = ""
    uid: int = 0
    environment: dict[str, str | None] = field(default_factory=dict)
    patience: int = 90  # seconds, then the process is killed


@dataclass(frozen=True)
class Ended:
    """How a command ended: its code (None: it is stopped; negative: a signal), what it printed,
    and its file operations, if it came to its end."""

    code: int | None
    out: str
    err: str
    operations: list[str]


def serve(memory: str) -> None:
    """Answer requests on stdin, ("start", Command) and ("wait", process), until it is closed."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    operations.install()
    os.cpu_count = lambda: 1  # type: ignore[assignment]  # no worker processes: they import again
    _prepare(Path(memory))
    gc.freeze()  # children share these pages
    running: dict[int, tuple[Command, Path]] = {}
    while True:
        try:
            verb, about = pickle.load(requests)
        except EOFError:
            answers.close()
            return
        if verb == "start":
            _Memory.learn(Path(memory))
            notes = Path(memory) / f"notes-{os.getpid()}-{time.monotonic_ns()}"
            answer: Any = _start(about, notes)
            running[answer] = (about, notes)
        else:
            answer = _wait(about, running[about][1])
            _import(running[about][1] / "modules")
        pickle.dump(answer, answers)
        answers.flush()


def _start(command: Command, notes: Path) -> int:
    notes.mkdir(mode=0o777)
    notes.chmod(0o777)
    process = os.fork()
    if process == 0:
        code = 70
        try:
            code = _run(command, notes)
        finally:
            os._exit(code)
    return process


def _run(command: Command, notes: Path) -> int:
    """The whole life of a child; its exit code."""
    signal.alarm(command.patience)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(notes / name, os.O_WRONLY | os.O_CREAT, 0o666), number)
    done, loaded = ((notes / n).open("w", errors="replace") for n in ("operations", "modules"))
    os.chdir(command.folder)
    for name, value in command.environment.items():
        os.environ.pop(name, None) if value is None else os.environ.update({name: value})
    if command.uid:
        os.setgroups([])
        os.setgid(command.uid)
        os.setuid(command.uid)
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # a stopped child does not outlive the server
    _Memory.command = command.numbers
    sys.argv = ["latephase", *command.arguments]
    known = set(sys.modules)
    watched = operations.watch(command.folder, command.fault)
    code = _exit_code(command.arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    atexit._run_exitfuncs()
    watched.operation("end", watched.root)  # the power may go off right after
    with watched.unwatched():
        done.write("\n".join(watched.seen))
        loaded.write("\n".join(name for name in sys.modules if name not in known))
        done.close()
        loaded.close()
    return code


def _exit_code(arguments: tuple[str, ...]) -> int:
    import traceback

    from latephase.cli import main

    try:
        exec(arguments[1], {}) if arguments[0] == "-c" else main(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        return 71
    return 0


def _wait(process: int, notes: Path) -> Ended:
    _, status = os.waitpid(process, os.WUNTRACED)
    stopped = os.WIFSTOPPED(status)
    code = None if stopped else os.waitstatus_to_exitcode(status)
    texts = [
        (notes / name).read_text(errors="replace") if (notes / name).exists() else ""
        for name in _NOTES
    ]
    return Ended(code, texts[0], texts[1], texts[2].splitlines())


def _import(modules: Path) -> None:
    """Import here what a child had to, so that the next one finds it."""
    names = modules.read_text().splitlines() if modules.exists() else []
    for name in names:
        with suppress(Exception):
            importlib.import_module(name)


_NOTES = ("out", "err", "operations")


class _Memory:
    """What functions gave, in a folder that the processes share."""

    command = ""
    known: ClassVar[dict[str, bytes]] = {}

    def __init__(self, folder: Path, name: str, real: Callable[..., Any]) -> None:
        self.folder, self.name, self.real = folder, name, real

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        if not self.command or named.get("out") is not None:
            return self.real(*arguments, **named)
        plain = [getattr(one, "key", one) for one in arguments]
        plain = [one for one in plain if isinstance(one, int | str)]
        plain += sys.argv if self.name == "page" else []  # which prints them
        key = hashlib.sha256(repr((self.name, self.command, plain)).encode()).hexdigest()
        if key not in self.known:
            self.known[key] = pickle.dumps(self.real(*arguments, **named))
            with suppress(OSError):  # another user's process has no access
                draft = self.folder / f"{key}-{os.getpid()}"
                draft.write_bytes(self.known[key])
                draft.rename(self.folder / f"{key}.numbers")
        return pickle.loads(self.known[key])

    @classmethod
    def learn(cls, folder: Path) -> None:
        """Take up what the children have computed."""
        for file in folder.glob("*.numbers"):
            if file.stem not in cls.known:
                cls.known[file.stem] = file.read_bytes()


def _prepare(memory: Path) -> None:
    """Remember numbers; small parts; a report of made-up findings instead of the paper's runs."""
    from latephase.certificates import ensemble as certificates
    from latephase.certificates.check import folder
    from latephase.cli.commands import reproduce
    from latephase.store import work
    from latephase.store.provenance import provenance
    from samples.report import findings

    provenance()
    work._SHORT = math.inf  # on a slow disk not every part is noted: other operations each time
    importlib.import_module("latephase.cli.app")  # other users may not read Python's own folder
    for name in REMEMBERED:
        *place, attribute = name.split(".")
        owner = pkgutil.resolve_name(".".join(place))
        memorised = _Memory(memory, attribute, getattr(owner, attribute))
        # A plain function is a method of its class, too.
        setattr(owner, attribute, lambda *given, _call=memorised, **named: _call(*given, **named))
    certificates.PART = folder.PART = PART
    reproduce._examine = lambda *_: findings()[:1]
