"""The benchmarks, which no other test runs, against the package as it is."""

from __future__ import annotations

import ast
import importlib
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
FILES = sorted(FOLDER.glob("*.py"))
LEFT_OUT = {"torch", "diffrax"}  # what `make bench` adds


def imported(tree: ast.AST) -> list[tuple[str, str | None]]:
    """Modules of a file's imports, wherever they stand, with the name taken from them if any."""
    found: list[tuple[str, str | None]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(one.name, None) for one in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [(str(node.module), one.name) for one in node.names]
    return found


def used(tree: ast.AST) -> set[str]:
    """Public names that a file takes from the package: X of `lp.X`."""
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    return {node.attr for node in nodes if getattr(node.value, "id", "") == "lp"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_a_benchmark_imports_is_there(path: Path, monkeypatch: pytest.MonkeyPatch):
    """Ground truth: the file's own imports, each of them made; and the public names it uses."""
    import latephase

    monkeypatch.syspath_prepend(FOLDER)  # they import `rivals`
    tree = ast.parse(path.read_text(), path)
    compile(tree, path, "exec")
    for module, name in imported(tree):
        if module in LEFT_OUT and find_spec(module) is None:
            continue
        found = importlib.import_module(module)
        assert name is None or hasattr(found, name), f"{path.name}: no {name} in {module}"
    assert not {name for name in used(tree) if not hasattr(latephase, name)}


def test_there_are_benchmarks():
    """Ground truth: the folder."""
    assert len([path for path in FILES if path.stem.startswith("bench_")]) >= 6


@pytest.mark.parametrize("there", [False, True])
def test_the_table_of_a_gpu(there: bool, monkeypatch: pytest.MonkeyPatch, capsys):
    """Ground truth: what a GPU would have measured, by hand; without one the CPU stands alone."""
    monkeypatch.syspath_prepend(FOLDER)
    bench = importlib.import_module("bench_gpu")
    gpu = [SimpleNamespace(platform="gpu", device_kind="one of ours")] if there else []
    rows = {"cpu": bench.Row(2.0, [4.0, 2.0]), "cuda": bench.Row(0.5, [4.0, 2.0 + 2.0**-20])}
    monkeypatch.setattr(bench.jax, "devices", lambda: [SimpleNamespace(platform="cpu"), *gpu])
    monkeypatch.setattr(bench, "on", lambda platform: {"steps": rows[platform]})
    monkeypatch.setattr(sys, "argv", ["bench_gpu.py"])
    bench.main()
    head, _, row = capsys.readouterr().out.splitlines()
    assert ("one of ours" if there else "GPU that JAX sees: none") in head
    shown = ["steps", "2.000"] + (["0.500", "4.00x", "2.4e-07"] if there else [])
    assert row.split() == shown


ON_ANOTHER_DEVICE = """
import jax, latephase as lp
other = jax.devices()[1]
jax.config.update("jax_default_device", other)
data, descent = lp.Dataset([1.0, -1.0], [1, -1]), lp.GradientDescent(step_size=0.1)
net = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2])
run = lp.simulate(net, data, lp.Adam(step_size=0.01), until=50, samples=5)
many = lp.ensemble("he_normal", data, descent, trials=20, seed=0, until="1e1000", samples=5)
programs = other.client.live_executables()
used = {device for program in programs for device in program.local_devices()}
assert used == {other}, used
for found in (run.trajectory, many):
    print(found.weights.values.tobytes().hex())
"""


def test_no_device_of_jax_is_named():
    """Ground truth: the same runs on the first device, to the bit; here both are the CPU's."""
    found = []
    for script in (ON_ANOTHER_DEVICE, ON_ANOTHER_DEVICE.replace("devices()[1]", "devices()[0]")):
        flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2", "JAX_PLATFORMS": "cpu"}
        command = [sys.executable, "-c", script]
        run = subprocess.run(command, env=os.environ | flags, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        found.append(run.stdout)
    assert found[0] == found[1]
