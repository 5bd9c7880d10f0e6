"""Processes that share work: one that is killed, and a working folder that is gone."""

from __future__ import annotations

import os
import signal
import time

import pytest

from latephase.core import LatephaseError
from latephase.core.workers import workers

pytestmark = pytest.mark.slow


def test_a_killed_process_is_told_in_one_line():
    """Ground truth: SIGKILL, as a system without memory sends it; it was "unforeseen" before."""
    told = "killed, for want of memory perhaps; half is kept: resume$"

    def work() -> None:
        with workers(1, "half is kept: resume") as pool:
            os.kill(pool.submit(os.getpid).result(), signal.SIGKILL)
            pool.submit(time.sleep, 60).result()

    with pytest.raises(LatephaseError, match=told):
        work()


def test_errors_of_the_work_stay_what_they_are():
    """Ground truth: the error of the call."""
    with pytest.raises(ValueError, match="invalid literal"), workers(1) as pool:
        pool.submit(int, "x").result()


def test_a_working_folder_that_is_gone_is_no_hindrance(tmp_path, monkeypatch):
    """Ground truth: a call's value; the parent stays where it was."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with workers(1) as pool:
        assert pool.submit(abs, -1).result() == 1
    with pytest.raises(FileNotFoundError):
        os.getcwd()
