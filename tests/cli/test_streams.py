"""Every command prints under every encoding, into a pipe, and where nobody listens."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from latephase.cli import streams

PROBLEM = "--inputs 1,-1 --labels 1,-1 --method gf"  # without JAX, which takes its time to load
DEAD = f"run {PROBLEM} --weights 0.1,0.1 --biases -1,-1 --until 10 --at 0,10"
ENCODINGS = ["ascii", "cp437", "utf-8"]


def ended(command: str, tmp_path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    words = [sys.executable, "-m", "latephase", *command.split()]
    return subprocess.run(
        words, cwd=tmp_path, capture_output=True, env={**os.environ, **environment}, timeout=60
    )


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_table_with_a_dash_is_printed_in_every_encoding(tmp_path, encoding):
    """Ground truth: the table in UTF-8, whose dash (a boundary there is not) ASCII has as "-"."""
    found = ended(DEAD, tmp_path, PYTHONIOENCODING=encoding)
    assert (found.returncode, found.stderr) == (0, b"")
    text = found.stdout.decode(encoding)
    assert "both_dead" in text
    assert ("–" in text) == (encoding == "utf-8")
    cells = text.splitlines()[2].replace("|", " ").replace("–", "-").split()
    assert cells[:5] == ["0", "-inf", "-", "0", "0"]


def test_a_locale_without_utf_8_prints_as_well(tmp_path):
    """Ground truth: as above, and the help, whose frames are drawn."""
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for command in (DEAD, "--help"):
        found = ended(command, tmp_path, **plain)
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
def test_closed_streams_are_no_failure(tmp_path, closed):
    """Ground truth: exit code 0, and 2 for bad input, whoever listens."""
    number = {"stdout": 1, "stderr": 2}[closed]
    program = (
        f"import os, sys; sys.{closed} = None; from latephase.cli import main; main(sys.argv[1:])"
    )
    for command, code in ((DEAD, 0), ("run --x", 2)):
        words = [sys.executable, "-c", program, *command.split()]
        found = subprocess.run(words, cwd=tmp_path, capture_output=True, timeout=60)
        assert found.returncode == code
        assert (found.stdout, found.stderr)[number - 1] == b""
