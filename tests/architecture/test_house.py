"""The house rules of ARCHITECTURE.md: order of rooms, lazy imports, no changed global state."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SLOW_TO_LOAD = ("jax", "jaxlib", "xarray", "flint", "matplotlib")


def run_python(code: str) -> str:
    """Standard output of `code` in a fresh interpreter, where no other test has loaded anything."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def loaded_after(code: str) -> set[str]:
    """Those of SLOW_TO_LOAD that are in sys.modules once `code` has run."""
    look = f"[name for name in {SLOW_TO_LOAD!r} if name in sys.modules]"
    tail = f"\nimport json, sys\nprint(json.dumps({look}))"
    return set(json.loads(run_python(code + tail).splitlines()[-1]))


def contracts() -> dict[str, dict]:
    """The import contracts of pyproject.toml by their id."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    return {contract["id"]: contract for contract in settings["contracts"]}


def rooms_in_contract(contract_id: str) -> list[str]:
    """Rooms of a layers contract, most basic first, brackets of optional ones taken off."""
    return [layer.strip("()") for layer in reversed(contracts()[contract_id]["layers"])]


def rooms_in_diagram() -> list[str]:
    """Rooms in the listing of ARCHITECTURE.md, from top to bottom."""
    return [folder for folder in folders_in_diagram() if "/" not in folder]


def folders_in_diagram() -> list[str]:
    """Rooms and their sub-rooms in that listing, as paths: two spaces deeper is inside."""
    page = (ROOT / "ARCHITECTURE.md").read_text()
    listing = re.search(r"```\nsrc/latephase/\n(.*?)```", page, re.S)
    assert listing, "ARCHITECTURE.md has no listing of src/latephase/"
    path: list[str] = []
    found = []
    for space, name in re.findall(r"^( +)(\w+)/ ", listing[1], re.M):
        path[len(space) // 2 - 1 :] = [name]
        found.append("/".join(path))
    return found


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """import-linter with the configuration that lies in `folder`, on the package there."""
    command = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [command, "--no-cache"],
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PYTHONPATH": str(folder / "src"), "PATH": ""},
    )


def test_import_contracts_are_kept():
    """Ground truth: the contracts in pyproject.toml, judged by import-linter."""
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


# What is planted, by the contract that must notice it: file and text, file and text, ...
FORBIDDEN = {
    "core imports a later room": ("rooms", "core/planted.py", "import latephase.problem"),
    "a room without a place": ("rooms", "attic/__init__.py", ""),
    "core imports the public surface": (
        *("rooms", "core/planted.py", "import latephase"),
        *("__init__.py", "import latephase.margin"),
    ),
    "margin uses certificates": (
        *("rooms", "certificates/__init__.py", ""),
        *("margin/planted.py", "import latephase.certificates"),
    ),
    "modes know of the pair": (
        "inside-late",
        "late/modes/planted.py",
        "import latephase.late.pair",
    ),
    "the pair knows of modes": (
        "inside-late",
        "late/pair/planted.py",
        "import latephase.late.modes",
    ),
    "a chain knows of engines": (
        "inside-late",
        "late/chain/planted.py",
        "import latephase.late.engines",
    ),
    "an engine knows of runs": ("rooms", "late/engines/planted.py", "import latephase.runs"),
    "a method knows its loop": (
        "inside-training",
        *("training/methods/planted.py", "import latephase.training.loops.follow"),
    ),
    "a proof uses the checker": (
        "inside-certificates",
        *("certificates/prove/planted.py", "import latephase.certificates.check.form"),
    ),
    "the checker uses a proof": (
        "inside-certificates",
        *("certificates/check/planted.py", "import latephase.certificates.prove.tails.rate"),
    ),
    "a proof knows its file": (
        "inside-certificates",
        *("certificates/prove/planted.py", "import latephase.certificates.file.record"),
    ),
    "a file knows its certificate": (
        "inside-certificates",
        *("certificates/file/planted.py", "import latephase.certificates.certificate"),
    ),
    "the walk knows what comes after it": (
        "inside-prove",
        *("certificates/prove/walk/planted.py", "import latephase.certificates.prove.tails.rate"),
    ),
    "a file is written with the checker": (
        "checker-apart",
        *("certificates/file/planted.py", "import latephase.certificates.check.form"),
    ),
    "late uses certificates": (
        *("rooms", "certificates/__init__.py", ""),
        *("late/planted.py", "import latephase.certificates"),
    ),
    "certificates uses margin": (
        "certificates-apart",
        "certificates/__init__.py",
        "import latephase.margin",
    ),
    "certificates uses late": (
        "certificates-apart",
        "certificates/__init__.py",
        "import latephase.late",
    ),
    "certificates uses JAX": ("jax", "certificates/__init__.py", "import jax"),
    "margin uses JAX": ("jax", "margin/planted.py", "def f():\n    import jax.numpy\n"),
    "flint outside balls": ("flint", "core/planted.py", "import flint"),
    "matplotlib in late": ("drawing", "late/planted.py", "from matplotlib import pyplot"),
    "rich in experiments": ("printing", "experiments/planted.py", "import rich.progress"),
    "bokeh in draw": ("browser", "draw/planted.py", "import bokeh.plotting"),
    "a picture knows the page": ("rooms", "draw/planted.py", "import latephase.explore"),
    "a run knows its picture": ("rooms", "runs/planted.py", "import latephase.draw.run"),
}


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the package and its contracts in which an import can be planted."""
    rest = shutil.ignore_patterns("__pycache__", ".*_cache")
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=rest)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.parametrize("planted", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_a_forbidden_import_is_noticed(planted: tuple[str, ...], house: Path):
    """Ground truth: an import planted against each rule, which the contracts must refuse."""
    contract, *files = planted
    for name, text in zip(files[::2], files[1::2], strict=True):
        target = house / "src" / "latephase" / name
        target.parent.mkdir(exist_ok=True)
        target.write_text(text)
    done = lint_imports(house)
    assert f"{contracts()[contract]['name']} BROKEN" in done.stdout, done.stdout + done.stderr


def test_diagram_agrees_with_the_contract():
    """Ground truth: the layers contract of pyproject.toml, which import-linter enforces."""
    assert rooms_in_diagram() == rooms_in_contract("rooms")


def test_second_contract_keeps_the_order_of_the_first():
    """Ground truth: only certificates, kept apart there, may stand elsewhere in the second."""
    first = [room for room in rooms_in_contract("rooms") if room != "certificates"]
    second = [room for room in rooms_in_contract("certificates-apart") if room != "certificates"]
    assert second == first[: len(second)]


def test_every_folder_is_in_the_diagram():
    """Ground truth: the folders under src/latephase, sub-rooms included."""
    package = ROOT / "src" / "latephase"
    folders = {str(found.parent.relative_to(package)) for found in package.rglob("__init__.py")}
    assert folders - {"."} == set(folders_in_diagram())


def test_tests_mirror_the_rooms():
    """Ground truth: the folders under src/latephase, and what has no room."""
    package, tests = ROOT / "src" / "latephase", ROOT / "tests"
    folders = {found.parent.relative_to(tests) for found in tests.rglob("test_*.py")}
    apart = {Path(name) for name in ("architecture", "browser", "docs", "failure", "references")}
    assert not {str(found) for found in folders - apart if not (package / found).is_dir()}
    assert {found.parts[0] for found in folders - apart} == set(rooms_in_diagram())


def test_importing_the_package_loads_nothing_slow():
    """Ground truth: sys.modules of a fresh interpreter."""
    assert loaded_after("import latephase") == set()


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_and_version_load_nothing_slow(argument: str):
    """Ground truth: sys.modules of a fresh interpreter."""
    code = (
        "import sys\n"
        f"sys.argv = ['latephase', {argument!r}]\n"
        "from latephase.cli import main\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as done:\n"
        "    assert not done.code, done.code\n"
    )
    assert loaded_after(code) == set()


def test_the_slow_modules_would_be_noticed():
    """Ground truth: an import of xarray, planted."""
    assert "xarray" in loaded_after("import latephase, xarray")


GLOBAL_STATE = """
import importlib, json, pkgutil, warnings
import flint, jax, numpy

def state():
    return {
        "numpy error state": numpy.geterr(),
        "jax configuration": {name: str(value) for name, value in jax.config.values.items()},
        "flint precision": [flint.ctx.prec, flint.ctx.dps, flint.ctx.threads],
        "warning filters": [str(entry) for entry in warnings.filters],
        "legacy random state": str(numpy.random.get_state()),
    }

import PLANTED
before = state()
import latephase
for found in pkgutil.walk_packages(latephase.__path__, "latephase."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
after = state()
print(json.dumps([name for name in before if before[name] != after[name]]))
"""


def test_importing_changes_no_global_state():
    """Ground truth: the state of NumPy, JAX, python-flint and warnings before the import."""
    # Third parties that set state of their own when imported (xarray and matplotlib add warning
    # filters) are loaded before the first look: only what latephase does is judged.
    third_parties = "jax.numpy, matplotlib.pyplot, panel, rich, scipy.optimize, typer, xarray, zarr"
    code = GLOBAL_STATE.replace("PLANTED", third_parties)
    assert json.loads(run_python(code).splitlines()[-1]) == []
