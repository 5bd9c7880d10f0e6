"""Ctrl-C: real signals to real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import latephase as lp
from helpers import often
from latephase.cli.commands import reproduce

TRIALS = 30_000
COMMAND = [sys.executable, "-m", "latephase"]
PATIENCE = 60  # seconds until a test gives up

# An earlier test may have left JAX running in this process; a child that only execs is safe.
pytestmark = pytest.mark.filterwarnings("ignore:os.fork")


def ctrl_c_works() -> None:
    """A background job of a shell inherits an ignored SIGINT."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[list[str]], subprocess.Popen[str]]]:
    """Starts a command in tmp_path; whatever becomes of the test, the process ends with it."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with ExitStack() as ends:

        def run(command: list[str]) -> subprocess.Popen[str]:
            process = subprocess.Popen(command, cwd=tmp_path, preexec_fn=ctrl_c_works, **pipes)
            ends.enter_context(process)  # waits for the process, after the next line has killed it
            ends.callback(process.kill)
            return process

        yield run


def finished(partial: Path) -> int:
    """Trials in a store under way."""
    try:
        return json.loads((partial / ".latephase.json").read_text()).get("finished_trials", 0)
    except (OSError, ValueError):
        return 0


def wait_for_trials(partial: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while finished(partial) == 0:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def ensemble(drawn: list[str]) -> list[str]:
    flags = ["--trials", str(TRIALS), "--batch", "500", "--at", "0,1e1000", "--out", "runs.zarr"]
    return [*COMMAND, "ensemble", *drawn, *flags]


def test_an_interrupted_ensemble_is_kept_and_resumed(start, ensemble, tmp_path):
    """Ground truth: the same ensemble in memory, without an interruption."""
    partial = tmp_path / "runs.zarr.partial"
    process = start(ensemble)
    wait_for_trials(partial, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    kept = finished(partial)
    assert (process.returncode, out) == (130, "")
    assert 0 < kept < TRIALS
    assert f"interrupted; {kept:,} of {TRIALS:,} trials are kept" in err.splitlines()[-1]
    assert err.strip().endswith("--resume")
    assert "Traceback" not in err
    assert not (tmp_path / "runs.zarr").exists()

    done = subprocess.run([*ensemble, "--resume"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not partial.exists()
    whole = lp.ensemble(
        "he_normal",
        lp.Dataset([1.0, -1.0], [1, -1]),
        lp.GradientDescent(0.1),
        trials=TRIALS,
        seed=0,
        until="1e1000",
        at=["0", "1e1000"],
    )
    stored = xr.open_zarr(tmp_path / "runs.zarr", consolidated=False)
    for name in ("weights", "biases", "log_margin_deficit", "regime", "law_constant"):
        equal_nan = stored[name].dtype.kind == "f"
        assert np.array_equal(stored[name].values, whole[name].values, equal_nan=equal_nan)


# A compiled loop that never ends (cos stays below 2): Python alone would not see the signal.
ENDLESS = """
from latephase.cli import app, main
from latephase.cli.commands import reproduce

def endless(*_):
    import jax
    loop = jax.jit(lambda x: jax.lax.while_loop(lambda y: y < 2, jax.numpy.cos, x))
    loop = loop.lower(1.0).compile()
    print("at work", flush=True)
    loop(1.0).block_until_ready()
"""
COMPILED = f"""
{ENDLESS}
app.app.registered_commands[:] = []
app.app.command("endless")(lambda: endless())
app.app.command("other")(lambda: None)
main(["endless"])
"""


def test_compiled_code_does_not_hold_up_ctrl_c(start):
    """Ground truth: an endless compiled loop, ended within seconds of the signal."""
    process = start([sys.executable, "-c", COMPILED])
    assert process.stdout.readline() == "at work\n", process.stderr.read()
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert time.monotonic() - began < 20
    assert err == "latephase: interrupted; nothing was kept\n"


REPRODUCE = f"""
{ENDLESS}
reproduce._examine = endless
main(["reproduce"])
"""


def test_an_interrupted_report_leaves_nothing_even_while_compiled_code_runs(start, tmp_path):
    """Ground truth: the folder, empty before; Python never gets to unwind here."""
    process = start([sys.executable, "-c", REPRODUCE])
    assert process.stdout.readline() == "at work\n", process.stderr.read()
    assert [path.name for path in tmp_path.iterdir()] == [".latephase-report.latephase-lock"]
    time.sleep(0.3)  # until the loop runs
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert err.startswith("latephase: interrupted; no report was written and nothing was kept; ")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_killed_report_does_not_stand_in_the_way(start, tmp_path):
    """Ground truth: the folder that a killed process leaves, which the next one takes over."""
    for _ in range(2):
        process = start([sys.executable, "-c", REPRODUCE])
        assert process.stdout.readline() == "at work\n", process.stderr.read()
        process.kill()
        process.wait()
        assert [path.name for path in tmp_path.iterdir()] == [".latephase-report.latephase-lock"]


def test_an_interruption_after_the_report_says_where_it_is(latephase, monkeypatch, tmp_path):
    """Ground truth: the path that was written before it is printed."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(reproduce, "_examine", lambda *_: [])
    monkeypatch.setattr(reproduce, "_write", lambda *_: tmp_path / "report.html")
    monkeypatch.setattr(reproduce, "_print", lambda _: None)
    monkeypatch.setattr(reproduce.printing, "line", interrupted)
    ended = latephase("reproduce")
    told = f"latephase: interrupted; the report is complete: {tmp_path / 'report.html'}\n"
    assert (ended.code, ended.err) == (130, told)


LOADED = """
import os, signal, time
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(30)
except BaseException as error:
    print("raised in a module", repr(error), flush=True)
    raise
"""


def test_nothing_is_raised_in_a_module_that_is_being_loaded(start, tmp_path):
    """Compiled modules crash on it: jaxlib ended with SIGSEGV."""
    (tmp_path / "slow_to_load.py").write_text(LOADED)
    lines = "with interrupt.guarded(to_the_end=True), interrupt.raised():\n import slow_to_load"
    code = f"import sys; sys.path.insert(0, '.')\nfrom latephase.cli import interrupt\n{lines}"
    process = start([sys.executable, "-c", code])
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (130, "")
    assert err.splitlines() == ["latephase: interrupted; nothing was kept"]


SHARED = """
import time
from latephase.cli import app, main
from latephase.core.workers import workers

def shared():
    with workers(2) as pool:
        for waiting in [pool.submit(time.sleep, 0.1) for _ in range(2)]:
            waiting.result()
        print("at work", flush=True)
        pool.submit(time.sleep, 60).result()

if __name__ == "__main__":
    app.app.command("shared")(shared)
    import sys; sys.argv = ["latephase", "shared"]
    main()
"""


@pytest.mark.parametrize(
    "numbers", [[signal.SIGHUP], [signal.SIGINT] * 2, [signal.SIGTERM, signal.SIGHUP]]
)
def test_a_signal_to_the_whole_group_is_told_in_one_line(tmp_path, numbers):
    """Ground truth: what a closed terminal sends; it ended Python's tracker, with tracebacks."""
    (tmp_path / "shared.py").write_text(SHARED)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    words = [sys.executable, "shared.py"]
    ours = {"cwd": tmp_path, "start_new_session": True, "preexec_fn": ctrl_c_works}
    with subprocess.Popen(words, **ours, **pipes) as process:
        assert process.stdout.readline() == "at work\n", process.stderr.read()
        for number in numbers:
            os.killpg(process.pid, number)
            time.sleep(0.02)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + numbers[0]
    assert err.count("\n") == 1, err
    assert err.startswith("latephase: interrupted; ")


WITHDRAWN = {
    "network": ("latephase.runs", "simulate", "run", ["--until", "10", "--save", "net.npz"]),
    "certificate": ("latephase.certificates", "certify", "certify", ["--out", "c.json"]),
}


@pytest.mark.parametrize("what", often(WITHDRAWN, ["network"]))
def test_an_interrupted_file_leaves_no_lock_in_compiled_code(start, tmp_path, problem, what):
    """Ground truth: the folder, empty before; the lock stayed, for Python never gets to unwind."""
    room, name, command, flags = WITHDRAWN[what]
    stuck = f"import {room}\n{room}.{name} = lambda *_, **__: endless()"
    called = f"main({[command, *problem, *flags]!r})"
    process = start([sys.executable, "-c", f"{ENDLESS}\n{stuck}\n{called}"])
    assert process.stdout.readline() == "at work\n", process.stderr.read()
    time.sleep(0.3)  # until the loop runs
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 143
    assert err.startswith(f"latephase: interrupted; no {what} was written and nothing was kept; ")
    assert list(tmp_path.iterdir()) == []
