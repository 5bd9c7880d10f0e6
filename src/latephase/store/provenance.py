"""Where numbers come from: the versions and the commit that produced them.  No time stamps."""

from __future__ import annotations

import platform
import subprocess
import sys
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path


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
    # The commit of the checkout this file belongs to, "-dirty" if it has been changed since.
    # A package installed into somebody else's repository must not report that one's commit.
    package = Path(__file__).resolve().parents[1]
    root = package.parents[1]
    if (root / ".git").exists() and package == root / "src" / "latephase":
        command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40"]
        options = ["--exclude=*"]  # the commit itself, not the nearest tag
        with suppress(OSError, subprocess.TimeoutExpired):
            run = subprocess.run([*command, *options], capture_output=True, text=True, timeout=10)
            found |= {"git_commit": commit} if (commit := run.stdout.strip()) else {}
    return found
