"""Every command prints under every encoding, into a pipe, and where nobody listens."""

from __future__ import annotations

import io
import os
import subprocess
import sys

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


@pytest.mark.parametrize("number", [1, 2])
def test_descriptors_closed_by_the_shell_are_no_failure(tmp_path, number):
    """Ground truth: exit code 0 of a process without the descriptor (`>&-`), until it has ended."""
    words = [sys.executable, "-c", "import os, sys; os.close(int(sys.argv[1])); "
             "os.execv(sys.executable, [sys.executable, '-m', 'latephase', '--version'])",
             str(number)]  # fmt: skip
    found = subprocess.run(words, cwd=tmp_path, capture_output=True, timeout=60)
    assert found.returncode == 0
    assert (found.stdout, found.stderr)[number - 1] == b""
