"""What starts fast, and what its help shows."""

from __future__ import annotations

import importlib.util
import itertools
import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = ("reproduce", "run", "predict", "ensemble", "compare", "certify", "verify")
SLOW = ("numpy", "scipy", "jax", "xarray", "zarr", "matplotlib", "flint")
LOOK = """
import json, sys
from latephase.cli import main
try:
    main({arguments!r})
except SystemExit as end:
    assert not end.code, end.code
print()
print(json.dumps([name for name in {slow!r} if name in sys.modules]))
"""


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], [], *([name, "--help"] for name in COMMANDS)]
)
def test_help_loads_nothing_slow(arguments):
    """Ground truth: sys.modules of a fresh interpreter."""
    code = LOOK.format(arguments=arguments, slow=SLOW)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == []


@pytest.mark.parametrize(
    "command", [("run", "--until", "1e1000"), ("predict",)], ids=lambda c: c[0]
)
def test_a_closed_form_needs_no_compiler(command):
    """Ground truth: sys.modules of a fresh interpreter; x1 x2 = -1 takes no single step."""
    problem = "--inputs 1,-1 --labels 1,-1 --weights 0.7,-0.4 --biases 0.1,0.2 --step-size 0.1"
    arguments = [*command, *problem.split()]
    # Where Dask is installed xarray loads it, and it loads that.
    special = () if importlib.util.find_spec("dask") else ("scipy.special",)
    slow = ("jax", *special, "matplotlib", "flint", "distributed")
    code = LOOK.format(arguments=arguments, slow=slow)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_shows_an_example(latephase, command):
    """Ground truth: a line of the help that calls the command."""
    ended = latephase(command, "--help")
    assert ended.code == 0
    assert re.search(rf"Examples\s+latephase {command}", ended.out)
    assert "bool" not in ended.out  # no value comes behind --json


@pytest.mark.parametrize("arguments", [[], *([command] for command in COMMANDS)])
def test_examples_can_be_copied_at_80_columns(latephase, monkeypatch, arguments):
    """Ground truth: a shell's rules: one line each, or a backslash with nothing after it."""
    monkeypatch.setenv("COLUMNS", "80")
    _, _, examples = latephase(*arguments, "--help").out.partition(" Examples\n")
    lines = examples.splitlines()
    assert max(map(len, lines)) <= 80
    commands = re.sub(r"\\\n", "", examples).splitlines()
    called = [shlex.split(line) for line in commands if line.startswith(" latephase ")]
    assert called
    assert not any(word.strip() in ("", "\\") for words in called for word in words)
    for line, after in itertools.pairwise(lines):
        assert after.startswith("   ") == line.endswith("\\")


@pytest.mark.parametrize(
    ("command", "help_text"),
    [
        ("predict", "may be repeated. [default: 0.1,0.01,0.001]"),
        ("ensemble", "writes to --out. [default: 10000]"),
    ],
)
def test_help_shows_defaults_written_by_hand(latephase, command, help_text):
    """Ground truth: the help as typed; unescaped brackets would be taken for markup."""
    assert help_text in re.sub(r"[\s│|]+", " ", latephase(command, "--help").out)


def test_help_lists_the_commands(latephase):
    """Ground truth: the commands of the contract."""
    out = latephase("--help").out
    assert all(re.search(rf"\b{command} ", out) for command in COMMANDS)
    assert "latephase reproduce" in out


def test_version_is_that_of_the_package(latephase):
    """Ground truth: the version in pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    ended = latephase("--version")
    assert (ended.code, ended.out) == (0, f"latephase {project['version']}\n")
