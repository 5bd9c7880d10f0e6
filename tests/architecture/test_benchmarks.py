"""The benchmarks, which no other test runs, against the package as it is."""

from __future__ import annotations

import ast
import importlib
from importlib.util import find_spec
from pathlib import Path

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
