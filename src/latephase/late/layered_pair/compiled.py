"""Whether orbits and steps go in machine code (`kernel`): where there was a compiler at
installation; NumPy does the same, more slowly, and tests hold one against the other."""

from __future__ import annotations

from latephase.late.kernels import has_kernel

from .kernel import version

COMPILED = has_kernel(
    "latephase.late.layered_pair.kernel.follower",
    version.SOURCES,
    "NumPy carries pairs of two trained layers instead, more slowly",
)
