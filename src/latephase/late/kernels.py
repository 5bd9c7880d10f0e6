"""Which compiled kernels may be used: those made of the sources that stand here."""

from __future__ import annotations

import warnings
from importlib import import_module
from importlib.util import find_spec


def has_kernel(name: str, sources: str, instead: str) -> bool:
    """Whether the module `name` is there, compiled from sources of that digest; one that is not
    would be called with arguments that it does not know, and is warned of.

    instead: who does its work, and at what price.
    """
    if find_spec(name) is None:
        return False
    made_of = getattr(import_module(name), "SOURCES", "older ones")
    if made_of != sources:
        warnings.warn(
            f"expected a kernel {name} compiled from sources {sources}, got one of {made_of}:"
            f" {instead}; run `make setup`",
            RuntimeWarning,
            stacklevel=2,
        )
    return bool(made_of == sources)
