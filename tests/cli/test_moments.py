"""A signal at any moment of a command's life: one line, an exit code, and nothing else."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

DATA = "--inputs 1,-1 --labels 1,-1 --step-size 0.1"
RUN = f"run {DATA} --weights 0.7,-0.4 --biases 0.1,0.2 --until 1e1000 --at 0,1,1e3,1e1000"
COMMANDS = {
    "run": RUN,
    "stepped": "run --inputs 1,-0.5,0.3 --labels 1,-1,1 --weights 0.7,-0.4,0.2 --biases 0.1,0.2,0"
    " --output-weights 1,-1,1 --step-size 0.1 --until 1e3",
    "ensemble": f"ensemble {DATA} --init he_normal --trials 20000 --until 1e1000 --samples 20"
    " --out runs.zarr",
    "compare": "compare --methods gd,adam --trials 50 --until 1e3 --out comparison",
    "certify": f"certify {DATA} --init he_normal --trials 300 --out certificates",
    "reproduce": "reproduce --trials 100",
}
MOMENTS = {"run": 48, "stepped": 16, "ensemble": 12, "certify": 12, "compare": 6, "reproduce": 6}
ENDS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
SCRIPT = "import re, sys; from latephase.cli import main; sys.exit(main())"  # as pip makes it
LONGEST = 20  # seconds that an answer may take where tests have the machine to share

pytestmark = [
    pytest.mark.filterwarnings("ignore:os.fork"),
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="looks into /proc"),
]


def begin(command: str, folder: Path) -> subprocess.Popen[bytes]:
    """The process of a command, in a group of its own, from when it sees to signals."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *command.split()],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        bufsize=0,
    )
    while not answers(process):
        time.sleep(0.0005)
    return process


def answers(process: subprocess.Popen[bytes]) -> bool:
    """Whether the process holds back or handles SIGTERM, as Linux tells; Python alone does not."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    masks = re.findall(r"^Sig(?:Blk|Cgt):\s*(\w+)$", status, re.M)
    assert process.poll() is None
    return any(int(mask, 16) >> signal.SIGTERM - 1 & 1 for mask in masks)


def life(command: str, folder: Path) -> float:
    """Seconds from then to the end."""
    folder.mkdir()
    with begin(command, folder) as process:
        began = time.monotonic()
        _, err = process.communicate()
    assert process.returncode == 0, err
    return time.monotonic() - began


def check(command: str, folder: Path, after: float, sent: Sequence[int]) -> bool:
    """Send signals to the group, as a terminal does; whether they came in time to end it."""
    folder.mkdir()
    with begin(command, folder) as process:
        time.sleep(after)
        for number in sent:
            if process.poll() is None:
                os.killpg(process.pid, number)
            time.sleep(0.02)
        began = time.monotonic()
        _, err = process.communicate()
        waited = time.monotonic() - began
    lines = [line for line in err.decode().splitlines() if "/10 " not in line]  # claims done
    told = [line for line in lines if line.startswith("latephase: interrupted; ")]
    if process.returncode == 0:
        assert not told
        return False
    assert process.returncode in {ENDS[signal.Signals(number)] for number in sent}, err.decode()
    assert (len(told), lines[-1:]) == (1, told), err.decode()
    assert not any("Traceback" in line or "ignored" in line for line in lines), err.decode()
    assert waited < LONGEST
    assert not list(folder.glob("*/*.draft"))
    return True


def test_a_signal_at_start_up_or_at_work_ends_in_one_line(tmp_path):
    """Ground truth: exit code 128 + signal, and one line on stderr."""
    whole = life(RUN, tmp_path / "whole")
    moments = zip((0.0, 0.05, 0.1, 0.3, 0.5, 0.7), itertools.cycle(ENDS))
    ended = [
        check(RUN, tmp_path / f"{share}", share * whole, [number]) for share, number in moments
    ]
    assert ended[0]
    assert sum(ended) >= 3


def test_a_second_signal_ends_at_once_and_quietly(tmp_path):
    """Ground truth: as with one signal."""
    sent = [signal.SIGINT, signal.SIGINT]
    assert check(RUN, tmp_path / "early", 0, sent)
    check(RUN, tmp_path / "later", 0.3, sent)


@pytest.mark.campaign
@pytest.mark.parametrize(("command", "moments"), MOMENTS.items())
def test_ctrl_c_at_a_hundred_moments(tmp_path, command, moments):
    """Ground truth: as above; every third moment with a second Ctrl-C, every fifth SIGTERM."""
    whole = life(COMMANDS[command], tmp_path / "whole")
    for i in range(moments):
        sent = [signal.SIGTERM if i % 5 == 4 else signal.SIGINT] * (2 if i % 3 == 2 else 1)
        early = 0.5 * (i / moments) ** 2  # where everything is imported
        after = early if i % 2 else whole * (i + 0.5) / moments
        check(COMMANDS[command], tmp_path / f"{i}", min(after, whole), sent)


def test_nothing_is_imported_before_signals_are_seen_to():
    """Ground truth: sys.modules of a fresh interpreter: two files, and what they need."""
    code = (
        "import collections.abc, sys; before = set(sys.modules); from latephase.cli import main; "
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["latephase", "latephase.cli"]


def test_what_was_ignored_before_stays_ignored(tmp_path):
    """Ground truth: `nohup` and jobs in the background, which run to their end."""
    ignoring = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); " + SCRIPT
    words = [sys.executable, "-c", ignoring, *RUN.split()]
    with subprocess.Popen(words, cwd=tmp_path, stdout=-1, stderr=-1, bufsize=0) as process:
        while not answers(process):
            time.sleep(0.001)
        process.send_signal(signal.SIGHUP)
        _, err = process.communicate()
    assert (process.returncode, err) == (0, b"")


def test_a_program_that_calls_main_keeps_its_handlers(latephase):
    """Ground truth: the handlers and hooks of this process before and after."""

    def state() -> list[object]:
        return [*map(signal.getsignal, ENDS), sys.unraisablehook, signal.pthread_sigmask(0, [])]

    before = state()
    assert latephase("--version").code == 0
    assert state() == before
