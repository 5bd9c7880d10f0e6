"""How the kernels of this folder are compiled: by Numba, once, and kept on disk."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])

KERNELS = ("compiled", "modified", "radau", "watch", "landing", "solver")
# Numba forgets code whose own file has changed, but not what it has taken from other files.
_STAMP = sha256(
    b"".join(Path(__file__).with_name(f"{k}.py").read_bytes() for k in KERNELS)
).digest()


def compiled(function: F) -> F:
    """The function in machine code, for Python and other kernels."""
    return _kept(function, no_cfunc_wrapper=True)


def inner(function: F) -> F:
    """The function in machine code, for other kernels alone: a third of the time to compile."""
    return _kept(function, no_cfunc_wrapper=True, no_cpython_wrapper=True)


def _kept(function: F, **flags: Any) -> F:
    """The function, kept beside its file, or where that cannot be written in the user's cache;
    where there is none either (no HOME), each process compiles it for itself."""
    flags["error_model"] = "numpy"
    try:
        made: Any = njit(cache=True, **flags)(function)
    except RuntimeError:  # Numba's word for: no place to keep it
        made = njit(**flags)(function)
    cache: Any = getattr(made, "_cache", None)  # none where NUMBA_DISABLE_JIT is set
    if hasattr(cache, "_cache_file"):
        cache._cache_file._source_stamp = _STAMP
    found: F = made
    return found
