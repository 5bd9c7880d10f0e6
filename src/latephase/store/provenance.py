"""Where numbers come from: the versions and the commit that produced them.  No time stamps."""

from __future__ import annotations

import platform
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

_HERE = Path(__file__).resolve()


@cache
def provenance() -> dict[str, str]:
    """Versions of latephase, numpy, jax and python, and the git commit if run from a checkout.

    Asked once per process: the code that is loaded does not change while it runs.
    """
    found = {
        "written_by": "latephase",
        "latephase_version": str(sys.modules["latephase"].__version__),
        "numpy_version": metadata.version("numpy"),
        "jax_version": metadata.version("jax"),
        "python_version": platform.python_version(),
    }
    commit = _commit()
    return {**found, "git_commit": commit} if commit else found


def _commit() -> str | None:
    """The commit of the checkout this file belongs to, "-dirty" if it has been changed since."""
    package = _HERE.parents[1]
    root = package.parents[1]
    # A package installed into somebody else's repository must not report that one's commit.
    if not (root / ".git").exists() or package != root / "src" / "latephase":
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40"]
    options = ["--exclude=*"]  # the commit itself, not the nearest tag
    try:
        done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
