"""Work in shards on a cluster: what comes back, and what happens when something fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import warnings
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from helpers import message_is_one_line
from latephase.core import InputError, LatephaseError
from latephase.core import cluster as ours
from latephase.core.workers import threads

distributed = pytest.importorskip("distributed", reason="Dask is not installed (extra `cluster`)")
KEPT = "finished batches are kept in here: resume"


def square(start: int) -> int:
    return start * start


def slow_first(start: int) -> int:
    time.sleep(0.3 if start == 0 else 0.0)
    return start


class Once:
    """Does something to its process at one start, the first time only."""

    def __init__(self, note: Path, at: int = 2) -> None:
        self.note, self.at = note, at

    def __call__(self, start: int) -> int:
        if start == self.at and not self.note.exists():
            self.note.write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGKILL)
        return start


def always_dies(start: int) -> int:
    if start == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return start


def raises(start: int) -> int:
    if start == 3:
        raise ZeroDivisionError("a shard\nthat fails")
    return start


def warns(start: int) -> int:
    warnings.warn(f"trial {start} has failed", stacklevel=1)
    return start


@pytest.fixture(scope="module")
def client():
    with ours.connected("local:2") as found:
        yield found


def test_every_shard_comes_back_once_whatever_the_order(client):
    """Ground truth: the same work done here; a slow one holds up no other."""
    assert dict(ours.over(client, square, range(50), KEPT)) == {k: k * k for k in range(50)}
    order = [start for start, _ in ours.over(client, slow_first, range(20), KEPT)]
    assert sorted(order) == list(range(20))
    assert order[0] != 0


def test_few_shards_are_sent_ahead(client):
    """Ground truth: two workers of one thread: four shards wait or are in work, no more."""
    asked = []

    def starts():
        for start in range(40):
            asked.append(start)
            yield start

    found = ours.over(client, square, starts(), KEPT)
    next(found)
    assert len(asked) <= 2 * ours._AHEAD + 1
    found.close()


def test_the_shard_of_a_killed_worker_is_made_again(client, tmp_path):
    """Ground truth: the work without a kill; the note shows that there was one."""
    work = Once(tmp_path / "note")
    assert dict(ours.over(client, work, range(8), KEPT)) == {k: k for k in range(8)}
    assert work.note.exists()


def page_faults(start: int) -> int:
    """Those of the last of many arrays of 1 MB, one after the other."""
    import resource

    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        np.ones(125_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(sys.platform != "linux", reason="other allocators keep what they like")
def test_workers_keep_memory_for_the_next_array(client):
    """Ground truth: the system's count; an array of new memory has a fault for each 4 kB."""
    found = dict(ours.over(client, page_faults, range(2), KEPT))
    assert max(found.values()) < 125_000 * 8 / 4096 / 10


def test_a_shard_is_made_by_one_thread(monkeypatch):
    """Ground truth: 1, where a process that nobody has started may use 7 cores."""
    monkeypatch.setattr("os.cpu_count", lambda: 7)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(7), raising=False)
    assert threads() == 7
    assert ours._made(lambda _: threads(), None, 0, 0)[0] == 1


def test_warnings_of_workers_are_told_here(client):
    with pytest.warns(UserWarning, match="has failed"):
        assert len(list(ours.over(client, warns, range(3), KEPT))) == 3


@pytest.mark.parametrize(("work", "said"), [(raises, "from 3 on have failed, ZeroDivisionError")])
def test_a_shard_that_raises_is_told_in_one_line(client, work, said):
    with pytest.raises(LatephaseError, match=said) as caught:
        list(ours.over(client, work, range(6), KEPT))
    assert str(caught.value).endswith(KEPT)
    assert "\n" not in str(caught.value)
    assert dict(ours.over(client, square, range(3), KEPT)) == {0: 0, 1: 1, 2: 4}  # still usable


def test_work_that_workers_cannot_import_is_told_in_one_line(client):
    """Ground truth: a module that is here only; workers that read of it ended, and all waited."""
    nowhere = ModuleType("is_here_only")
    exec("def work(start): return start", vars(nowhere))
    sys.modules["is_here_only"] = nowhere
    try:
        with pytest.raises(LatephaseError, match="No module named 'is_here_only'") as caught:
            list(ours.over(client, nowhere.work, range(3), KEPT))
    finally:
        del sys.modules["is_here_only"]
    assert "\n" not in str(caught.value)
    assert dict(ours.over(client, square, range(3), KEPT)) == {0: 0, 1: 1, 2: 4}  # still usable


@pytest.mark.campaign
def test_a_shard_that_kills_every_worker_is_told_in_one_line():
    died = pytest.raises(LatephaseError, match="workers died again and again")
    with ours.connected("local:2") as client, died as caught:
        list(ours.over(client, always_dies, range(4), KEPT))
    assert str(caught.value).endswith(KEPT)


@pytest.mark.campaign
def test_a_lost_scheduler_is_told_in_one_line(tmp_path):
    """Ground truth: scheduler and worker are processes of their own; the former is killed."""
    file = tmp_path / "scheduler.json"
    local = ["--host", "127.0.0.1", "--no-dashboard"]
    with (
        process("scheduler", "--scheduler-file", str(file), "--port", "0", *local) as scheduler,
        process(
            "worker",
            "--scheduler-file",
            str(file),
            "--nthreads",
            "1",
            "--death-timeout",
            "9",
            *local,
        ),
        ours.connected(str(wait_for(file))) as client,
    ):
        found = ours.over(client, time.sleep, (0.2 + k / 1e6 for k in range(100)), KEPT)
        next(found)
        scheduler.kill()
        with pytest.raises(LatephaseError, match="the scheduler was lost") as caught:
            list(found)
    assert str(caught.value).endswith(KEPT)


@contextmanager
def process(kind: str, *flags: str):
    """A part of a cluster, ended with the block."""
    command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *flags]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as started:
        try:
            yield started
        finally:
            started.kill()


def wait_for(file: Path) -> Path:
    until = time.monotonic() + 60
    while not file.exists():
        assert time.monotonic() < until, "the scheduler has not started"
        time.sleep(0.05)
    return file


def test_workers_of_other_versions_are_refused_by_name(client, monkeypatch):
    here = {**ours._versions(), "jax": "0.0.1"}
    monkeypatch.setattr(ours, "_ours", lambda: here)
    with pytest.raises(InputError, match=r"workers with jax 0\.0\.1, got jax .* on the worker tcp"):
        list(ours.over(client, square, range(3), KEPT))


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("local:0", "local:N with N processes"),
        ("local:two", "local:N with N processes"),
        ("nowhere.json", "the file that a scheduler wrote"),
        ("tcp://127.0.0.1:1", "a Dask scheduler"),
    ],
)
def test_no_cluster_there(where, said, monkeypatch):
    monkeypatch.setattr(ours, "_PATIENCE", 1)
    with pytest.raises(InputError, match=said) as caught, ours.connected(where):
        pass
    assert message_is_one_line(caught.value)


@pytest.mark.parametrize(
    "guard", ["", "if __name__ == '__main__':\n    "], ids=["plain", "guarded"]
)
def test_a_script_that_its_workers_would_run_again_is_told_so(tmp_path, guard):
    """Ground truth: the contract; it ended in tracebacks of both processes. Within the guard it
    is what a script is told to be."""
    script = tmp_path / "script.py"
    call = "with connected('local:1') as client: print(client.submit(abs, -3).result())"
    script.write_text(f"from latephase.core.cluster import connected\n{guard}{call}\n")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=300)
    if guard:
        assert (done.returncode, done.stdout) == (0, "3\n"), done.stderr
        return
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1
    assert done.stderr.count("Traceback") == 1  # of the call itself
    assert last.startswith("latephase.core.errors.InputError: expected a main module that can be")
    assert 'below `if __name__ == "__main__":`' in last


@pytest.mark.parametrize("client_", [None, "tcp://127.0.0.1:8786", object()])
def test_what_is_no_client_is_refused(client_):
    with pytest.raises(InputError, match="a client of a Dask cluster"):
        list(ours.over(client_, square, range(3), KEPT))


def test_a_cluster_without_workers_is_refused(monkeypatch):
    monkeypatch.setattr(ours, "_PATIENCE", 1)
    options = {"n_workers": 0, "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    with (
        distributed.LocalCluster(**options) as cluster,
        distributed.Client(cluster) as client,
        pytest.raises(InputError, match="a cluster with workers, got none"),
    ):
        list(ours.over(client, square, range(3), KEPT))
