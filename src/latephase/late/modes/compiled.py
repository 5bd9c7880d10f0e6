"""How the kernels of this folder are compiled: by Numba, once, and kept on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """The function in machine code, kept beside its file, or where that cannot be written in the
    user's cache; where there is none either (no HOME), each process compiles it for itself."""
    try:
        made = njit(cache=True, error_model="numpy")(function)
    except RuntimeError:  # Numba's word for: no place to keep it
        made = njit(error_model="numpy")(function)
    return made  # type: ignore[no-any-return]
