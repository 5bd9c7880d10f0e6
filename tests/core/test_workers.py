"""Processes and threads that share work: killed, in a folder that is gone; who may start others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from latephase.core import LatephaseError
from latephase.core import workers as module
from latephase.core.workers import in_threads, one_thread, processes_at_most, threads, workers

CALL = "print(main_can_be_imported())"
SCRIPTS = {
    "plain": (CALL, False),
    "guarded": (f"if __name__ == '__main__':\n    {CALL}", True),
    "in a function": (f"def f():\n    {CALL}\nif '__main__' == __name__:\n    f()", True),
    "after the guard": (f"if __name__ == '__main__':\n    pass\n{CALL}", False),
    "in its else": (f"if __name__ != '__main__':\n    pass\nelse:\n    {CALL}", False),
    "in a thread": (f"import threading\nthreading.Thread(target=lambda: {CALL}).start()", False),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_can_where_the_call_is_guarded(tmp_path: Path, name: str):
    """Ground truth: whether importing the script under another name comes to the call."""
    code, expected = SCRIPTS[name]
    script = tmp_path / "script.py"
    script.write_text(f"from latephase.core.workers import main_can_be_imported\n{code}\n")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == (f"{expected}\n", "")


def test_code_without_a_file_can():
    """Ground truth: nothing is imported of `python -c` and of a notebook."""
    code = f"from latephase.core.workers import main_can_be_imported; {CALL}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "True\n"


@pytest.mark.slow
def test_a_killed_process_is_told_in_one_line():
    """Ground truth: SIGKILL, as a system without memory sends it; it was "unforeseen" before."""
    told = "killed, for want of memory perhaps; half is kept: resume$"

    def work() -> None:
        with workers(1, "half is kept: resume") as pool:
            os.kill(pool.submit(os.getpid).result(), signal.SIGKILL)
            pool.submit(time.sleep, 60).result()

    with pytest.raises(LatephaseError, match=told):
        work()


@pytest.mark.slow
def test_errors_of_the_work_stay_what_they_are():
    """Ground truth: the error of the call."""
    with pytest.raises(ValueError, match="invalid literal"), workers(1) as pool:
        pool.submit(int, "x").result()


@pytest.mark.slow
def test_a_working_folder_that_is_gone_is_no_hindrance(tmp_path, monkeypatch):
    """Ground truth: a call's value; the parent stays where it was."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with workers(1) as pool:
        assert pool.submit(abs, -1).result() == 1
    with pytest.raises(FileNotFoundError):
        os.getcwd()


def test_processes_are_as_many_as_asked_for_or_as_cores(monkeypatch):
    """Ground truth: the cores it is told of; one where others would come to the call again."""
    cores = {"os.cpu_count": lambda: 7, "os.sched_getaffinity": lambda _: range(5)}
    for name, told in cores.items():
        monkeypatch.setattr(name, told, raising=False)
    for importable, expected in ((True, [5, 1, 9]), (False, [1, 1, 1])):
        monkeypatch.setattr(module, "main_can_be_imported", lambda it=importable: it)
        assert [processes_at_most(asked) for asked in (None, 1, 9)] == expected
    with workers(1) as pool:
        assert pool.submit(processes_at_most, 9).result() == 1


def test_threads_are_as_many_as_the_process_may_use(monkeypatch):
    """Ground truth: the cores it is told of, and 1 within `one_thread`, which nests."""
    cores = {"os.cpu_count": lambda: 7, "os.sched_getaffinity": lambda _: range(5)}
    for name, told in cores.items():
        monkeypatch.setattr(name, told, raising=False)
    assert threads() == 5
    with one_thread():
        with one_thread():
            assert threads() == 1
        assert threads() == 1
        named = in_threads(lambda _: threading.current_thread().name, range(4))
        assert set(named) == {threading.current_thread().name}
    assert threads() == 5
    meet = threading.Barrier(5, timeout=30)  # all are there at once, or it breaks
    assert sorted(in_threads(lambda _: meet.wait(), range(5))) == [0, 1, 2, 3, 4]
    with workers(1) as pool:
        assert pool.submit(threads).result() == 1
