"""Gradient descent of any shallow network by its definition, in numbers of 64 bits, one by one.

Nothing here is shared with the package. The steps are C (`long_descent.c`), compiled when they are
first needed: a microsecond each, with 11 bits more than a double has, and parameters in pairs of
such numbers. Every run is made twice, sums taken in two orders; how far the two are apart says what
is known of the truth.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from references.problems import Floats, Problem

Long = np.longdouble
MISSING = "no C compiler (cc), or no numbers longer than doubles"
_SOURCE = Path(__file__).with_suffix(".c")
_MOST = 64  # pairs of a neuron and a point


@dataclass(frozen=True)
class Truth:
    """theta (time, m, k) in long doubles, and how far off it may be, as `distance` has it."""

    theta: Any
    unsure: Floats


def possible() -> bool:
    """Whether this machine can."""
    return shutil.which("cc") is not None and np.finfo(Long).eps < 2.0**-60


def descend(p: Problem, times: Sequence[int]) -> Truth:
    """A problem after each of `times` updates (increasing); NaN once a number was not finite."""
    one, other = (_stepped(p, times, backwards) for backwards in (False, True))
    return Truth(one, distance(other, one))


def distance(theta: Any, truth: Any) -> Floats:
    """max over neurons of |Delta (w_j, b_j)| / |(w_j, b_j)| (time,); inf for NaN."""
    size, apart = _lengths(truth), _lengths(np.asarray(theta, Long) - truth)
    off = (apart / np.where(size > 0, size, 1)).max(axis=1)
    return np.where(np.isnan(off), np.inf, off).astype(float)


def margins(p: Problem, theta: Any, *, both: bool = False) -> Any:
    """q_i (time, n) of parameters (time, m, k), output weights the last of them where `both` layers
    are trained."""
    theta, outer = np.asarray(theta, Long), p.output_weights.astype(Long)
    if both:
        theta, outer = theta[..., :-1], theta[..., -1]
    a = theta @ p.z.T.astype(Long)
    felt = np.where(a > 0, a, p.slope * a)
    return p.labels * np.einsum("...m,...mn->...n", outer, felt)


def _lengths(rows: Any) -> Any:
    return np.sqrt((rows * rows).sum(axis=-1))


def _stepped(p: Problem, times: Sequence[int], backwards: bool) -> Any:
    (m, k), n = p.theta.shape, len(p.z)
    assert m * n <= _MOST
    theta = np.ascontiguousarray(p.theta.astype(Long))
    low, found, done = np.zeros_like(theta), np.full((len(times), *theta.shape), np.nan, Long), 0
    fixed = [np.ascontiguousarray(x, float) for x in (p.z, p.labels, p.output_weights)]
    kind = p.step_size, p.slope, int(p.loss == "logistic"), int(backwards)
    for place, time in enumerate(times):
        arrays = (x.ctypes.data_as(ctypes.c_void_p) for x in (theta, low, *fixed))
        if _library().descend(*arrays, m, n, k, *kind, time - done):
            break
        found[place], done = theta, time
    return found


@cache
def _library() -> Any:
    """The compiled steps."""
    folder = Path(tempfile.mkdtemp(prefix="long-descent-"))
    command = ["cc", "-O2", "-shared", "-fPIC", str(_SOURCE), "-o", str(folder / "steps.so"), "-lm"]
    try:
        subprocess.run(command, check=True)
        library = ctypes.CDLL(str(folder / "steps.so"))
    finally:
        shutil.rmtree(folder)
    integer, number, address = ctypes.c_int, ctypes.c_double, ctypes.c_void_p
    kind = [integer] * 3 + [number] * 2 + [integer] * 2
    library.descend.argtypes = [address] * 5 + kind + [ctypes.c_long]
    return library
