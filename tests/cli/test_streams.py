"""Every command prints under every encoding, into a pipe, and where nobody listens."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import time

import pytest

from latephase.cli import main, streams

PROBLEM = "--inputs 1,-1 --labels 1,-1 --method gf"  # without JAX, which takes its time to load
DEAD = f"run {PROBLEM} --weights 0.1,0.1 --biases -1,-1 --until 10 --at 0,10"
ENCODINGS = ["ascii", "cp437", "utf-8"]


def exit_code(command: str) -> int:
    """How a command ends in this process."""
    with pytest.raises(SystemExit) as end:
        main(command.split())
    return int(end.value.code or 0)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_table_with_a_dash_is_printed_in_every_encoding(monkeypatch, capsys, encoding):
    """Ground truth: the table in UTF-8, whose dash (a boundary there is not) ASCII has as "-"."""
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
    assert exit_code(DEAD) == 0
    text = written.getvalue().decode(encoding)
    assert capsys.readouterr().err == ""
    assert "both_dead" in text
    assert ("–" in text) == (encoding == "utf-8")
    cells = text.splitlines()[2].replace("|", " ").replace("–", "-").split()
    assert cells[:5] == ["0", "-inf", "-", "0", "0"]


def test_a_locale_without_utf_8_prints_as_well(tmp_path):
    """Ground truth: as above, and the help, whose frames are drawn; in processes of their own."""
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for command in (DEAD, "--help"):
        words = [sys.executable, "-m", "latephase", *command.split()]
        env = {**os.environ, **plain}
        found = subprocess.run(words, cwd=tmp_path, capture_output=True, env=env, timeout=60)
        assert (found.returncode, found.stderr) == (0, b"")
        assert found.stdout.decode("ascii")


def test_every_character_has_a_plain_form():
    """Ground truth: what each stands for, by eye; a question mark for what has no letter."""
    texts = {
        "1 ± 2 × 3 – 4": "1 +- 2 x 3 - 4",
        "café": "cafe",
        "日": "?",
        "─│": "-|",
        "\udcff": "?",
    }
    streams.prepare()
    for text, plain in texts.items():
        assert text.encode("ascii", "latephase.plain") == plain.encode()


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
@pytest.mark.parametrize(("command", "code"), [(DEAD, 0), ("run --x", 2)])
def test_closed_streams_are_no_failure(monkeypatch, capsys, closed, command, code):
    """Ground truth: exit code 0, and 2 for bad input, whoever listens."""
    monkeypatch.setattr(sys, closed, None)
    assert exit_code(command) == code
    getattr(sys, closed).close()  # where it went instead
    assert getattr(capsys.readouterr(), closed[3:]) == ""


def closing(*numbers: int) -> list[str]:
    """Words that begin a command in a process without these descriptors, as `>&-` does."""
    close = "import os, sys; [os.close(int(n)) for n in sys.argv[1].split(',')]; "
    go_on = "os.execv(sys.executable, [sys.executable, '-m', 'latephase', *sys.argv[2:]])"
    return [sys.executable, "-c", close + go_on, ",".join(map(str, numbers))]


def test_without_any_descriptor_what_is_kept_is_complete(tmp_path):
    """Ground truth: the network that a run with all three saves; a file may get number 1."""
    saving = f"{DEAD} --save net.npz".split()
    kept = []
    for words in ([sys.executable, "-m", "latephase"], closing(0, 1, 2)):
        found = subprocess.run([*words, *saving], cwd=tmp_path, capture_output=True, timeout=60)
        assert found.returncode == 0, found.stderr
        kept.append((tmp_path / "net.npz").read_bytes())
    assert kept[0] == kept[1]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
@pytest.mark.parametrize("flags", [["--save", "net.npz"], ["--save=net.npz"], []])
def test_a_full_disk_below_stdout_is_told_and_loses_no_result(tmp_path, flags):
    """Ground truth: exit code 1, one line that says so, and the network that was to be saved."""
    words = [sys.executable, "-m", "latephase", *DEAD.split(), *flags]
    with open("/dev/full", "wb") as full:
        found = subprocess.run(
            words, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert found.returncode == 1
    assert found.stderr.startswith("latephase: expected a standard output that can be written on, ")
    assert found.stderr.count("\n") == 1
    assert ("(what --save names is complete)" in found.stderr) == bool(flags)
    assert ("is complete" in found.stderr) == bool(flags)
    assert (tmp_path / "net.npz").exists() == bool(flags)


@pytest.mark.parametrize(("left", "code"), [("stdout", 1), ("stderr", 0)])
def test_a_reader_that_went_away_is_told_by_the_exit_code(tmp_path, left, code):
    """Ground truth: no line on stderr (`| head`); who reads stderr makes no difference at all."""
    reading, writing = os.pipe()
    os.close(reading)
    kept = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, left: writing}
    words = [sys.executable, "-m", "latephase", *DEAD.split()]
    with subprocess.Popen(words, cwd=tmp_path, **kept) as process:
        os.close(writing)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err or b"") == (code, b"")
    assert left == "stdout" or b"both_dead" in out


def test_a_stream_that_does_not_wait_takes_everything():
    """Ground truth: what a slow reader gets through a pipe (64 KiB) that does not wait."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    got = []

    def read() -> None:
        while part := os.read(reading, 1 << 14):
            got.append(part)
            time.sleep(0.001)

    reader = threading.Thread(target=read)
    reader.start()
    text = b"0123456789" * 50_000
    with streams._Steady(writing, "w") as steady:
        assert steady.write(text) == len(text)
        assert steady.lost is None
    reader.join()
    os.close(reading)
    assert b"".join(got) == text
