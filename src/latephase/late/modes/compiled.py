"""How the kernels of this folder are compiled: by Numba, once, and kept on disk."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])

KERNELS = ("compiled", "modified", "radau", "watch", "solver")
# Numba forgets code whose own file has changed, but not what it has taken from other files.
_STAMP = sha256(b"".join(Path(__file__).with_name(f"{k}.py").read_bytes() for k in KERNELS)).digest()


def compiled(function: F) -> F:
    """The function in machine code, kept beside its file, or where that cannot be written in the
    user's cache; where there is none either (no HOME), each process compiles it for itself."""
    try:
        made = njit(cache=True, error_model="numpy")(function)
    except RuntimeError:  # Numba's word for: no place to keep it
        return njit(error_model="numpy")(function)  # type: ignore[no-any-return]
    if cache := getattr(made, "_cache", None):  # none where NUMBA_DISABLE_JIT is set
        cache._cache_file._source_stamp = _STAMP
    return made  # type: ignore[no-any-return]
