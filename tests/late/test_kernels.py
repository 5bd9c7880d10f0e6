"""Compiled kernels are those of these sources, or nobody uses them."""

from __future__ import annotations

import re
import tomllib
from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from latephase.late.kernels import has_kernel

ROOT = Path(__file__).parents[2]
KERNELS = {
    one["name"]: one
    for one in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"][
        "ext-modules"
    ]
}
INCLUDED = re.compile(r'^include "(.+)"$', re.MULTILINE)


def files_of(name: str) -> list[Path]:
    """The source of a kernel and what it includes."""
    (source,) = KERNELS[name]["sources"]
    main = ROOT / source
    return [main, *((main.parent / one).resolve() for one in INCLUDED.findall(main.read_text()))]


def version_of(name: str) -> str:
    stated: str = import_module(f"{name.rpartition('.')[0]}.version").SOURCES
    return stated


@pytest.mark.parametrize("name", KERNELS)
def test_the_digest_is_that_of_the_sources(name):
    """Ground truth: SHA-256 of all lines but the one that states it, the files by their names."""
    files, digest = files_of(name), sha256()
    for path in sorted(files, key=lambda path: path.name):
        lines = path.read_text(encoding="utf-8").splitlines()
        digest.update("\n".join(x for x in lines if not x.startswith("SOURCES =")).encode())
    expected = digest.hexdigest()[:12]
    stated = f'SOURCES = "{expected}"'
    assert stated in files[0].read_text(encoding="utf-8").splitlines(), stated
    assert expected == version_of(name)


@pytest.mark.parametrize("name", KERNELS)
def test_a_change_of_any_source_compiles_it_anew(name):
    """Ground truth: what it includes, and what pyproject.toml says that it depends on."""
    depends = {(ROOT / one).resolve() for one in KERNELS[name]["depends"]}
    assert depends == set(files_of(name)[1:])


@pytest.mark.parametrize("name", KERNELS)
def test_a_kernel_of_other_sources_is_not_used(name):
    """It would be called with arguments that it does not know: a TypeError, or worse."""
    if find_spec(name) is None:
        pytest.skip("no compiler at installation")
    assert has_kernel(name, version_of(name), "another does it")
    with pytest.warns(RuntimeWarning, match="another does it; run `make setup`"):
        assert not has_kernel(name, "another", "another does it")


def test_no_kernel_is_no_reason_to_warn():
    """Without a compiler there is none."""
    assert not has_kernel("latephase.late.kernels_of_nobody", "another", "nobody")
