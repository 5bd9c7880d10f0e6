"""Gradient descent inside a mode as a flow: the field of its modified equation, in ln t.

With F = step size * pull, a step of gradient descent in the coordinates of a mode is
beta <- beta + P F(q0 + P^T beta). With M = P^T P, D = diag F', D2 = diag F'' the flow

    beta' = P [F - D M F / 2 + D M D M F / 3 + D2 (M F)^2 / 12]

goes through its iterates up to O(F^4) a step (order 2; order 0 is F alone: gradient flow).
The independent variable is s = ln(1 + t / c), t counted from the entry into the mode, c a time of
the mode itself: then everything stays O(1) however late it is, and nothing underflows. It starts at
0, so that ten steps at t = 10^50 are an interval of floats like any other.
Source: docs/theory.md, "Any shallow network"; backward error analysis [hairer2006].
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from latephase.core.arrays import Floats

from .compiled import compiled, inner

LARGEST = 500.0  # exponents are cut here: a solver's trial points may be anywhere, a run may not


class Motion(NamedTuple):
    """A mode as its kernels need it: d beta / ds = pull @ forces, L live points.

    pull (r, L), pull_t its transpose;  margins (L,) at entry;  order: of the modified flow;
    logistic: the loss, else exponential;  log_origin: ln c;  log_unit: what s is summed with first;
    log_step: ln of the step size;  scales (r,): what tolerances are relative to.
    """

    pull: Floats
    pull_t: Floats
    margins: Floats
    order: int
    logistic: bool
    log_origin: float
    log_unit: float
    log_step: float
    scales: Floats


@compiled
def weight(logistic: bool, q: float) -> tuple[float, float, float]:
    """ln w, -w'/w and w''/w of the weight w = -loss'(q), as the table of losses has them."""
    if not logistic:
        return -q, 1.0, 1.0
    log = -(max(q, 0.0) + math.log1p(math.exp(-abs(q))))
    w = math.exp(log)
    return log, 1 - w, (1 - w) * (1 - 2 * w)


@inner
def forces(motion: Motion, s: Floats, beta: Floats) -> Floats:
    """(t + c) F at the live points with what the order of the flow adds, (L, c), at times s (c,)
    and coordinates beta (r, c)."""
    q = motion.pull_t @ beta
    count, columns = q.shape
    f, first, second = np.empty_like(q), np.empty_like(q), np.empty_like(q)
    for i in range(count):
        for c in range(columns):
            log, one, two = weight(motion.logistic, motion.margins[i] + q[i, c])
            f[i, c] = math.exp(min(s[c] + motion.log_unit + (motion.log_step + log), LARGEST))
            first[i, c], second[i, c] = one, two
    if motion.order == 0:
        return f
    back = np.exp(np.minimum(-s - motion.log_origin, LARGEST))
    u1 = back * (motion.pull_t @ (motion.pull @ f))
    u2 = back * (motion.pull_t @ (motion.pull @ (f * first * u1)))
    more = 1.0 if motion.order > 1 else 0.0
    for i in range(count):
        for c in range(columns):
            next_order = first[i, c] * u2[i, c] / 3 + second[i, c] * u1[i, c] ** 2 / 12
            f[i, c] *= 1 + first[i, c] * u1[i, c] / 2 + more * next_order
    return f


@compiled
def field(motion: Motion, s: float, beta: Floats) -> Floats:
    """d beta / ds (r,)."""
    f = forces(motion, np.full(1, s), beta.reshape(-1, 1))
    return (motion.pull @ f)[:, 0].copy()


@inner
def log_pulls(motion: Motion, s: float, beta: Floats) -> Floats:
    """ln((t + c) F) at the live points, (L,)."""
    q = motion.pull_t @ beta
    for i in range(len(q)):
        log = weight(motion.logistic, motion.margins[i] + q[i])[0]
        q[i] = s + motion.log_unit + (motion.log_step + log)
    return q


@compiled
def rates(motion: Motion, s: float, beta: Floats) -> tuple[Floats, Floats]:
    """Its Jacobian as it is near balance, M F = 0, which is where it is stiff: -V diag(rates) V^T,
    rates (r,) and V (r, r). It is symmetric: powers of one matrix P D P^T."""
    q, slopes = motion.pull_t @ beta, motion.pull.copy()
    for i in range(len(q)):
        log, one, _ = weight(motion.logistic, motion.margins[i] + q[i])
        log += motion.log_step
        slopes[:, i] *= one * math.exp(min(s + motion.log_unit + log, LARGEST))
    found, vectors = np.linalg.eigh(slopes @ motion.pull_t)
    back = math.exp(min(-s - motion.log_origin, LARGEST))
    for k in range(len(found)):
        step = back * found[k]
        if motion.order > 0:
            found[k] *= 1 + step / 2 + (step**2 / 3 if motion.order > 1 else 0.0)
    return found, np.ascontiguousarray(vectors)
