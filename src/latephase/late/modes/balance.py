"""Points of a flow whose forces hold one another: which of them have come to rest, and what
rounding of these forces adds up to."""

from __future__ import annotations

import math

import numpy as np

from latephase.core.arrays import Bools, Floats

from .dynamics import lengths
from .linear_algebra import ROUNDING
from .mode import Mode

PULLS = 12.0  # ln(t l |g|^2) from which on a point may be at rest: nothing comes of its pull
_DEPENDENT = 2.0**-46  # a singular value that is nothing but rounding
_WEIGHTY = 2.0**-40  # of the largest: points that pull with less are asked once others rest
_ULP = 2.0**-52
_SLIGHT = 1e-13  # push, in parameters, that is not worth its work
_LARGEST = 700.0  # exponents are cut here


def at_rest(pull: Floats, log_pulls: Floats, bend: Floats, most: float) -> Bools:
    """Which of L points that pull have come to rest (L,): that stand where their forces cancel, up
    to a move of their margins by `most`, and would do so alone.

    pull (r, L): how they move beta;  log_pulls (L,): ln(t l);  bend (L,): -l'/l. The way left is
    Newton's step, direction by direction, not what is left of the forces: three points in line
    but for 1e-8 hold one another but for 1e-8, and yet that moves them apart by and by.
    """
    sizes = np.linalg.norm(pull, axis=0)
    with np.errstate(divide="ignore"):
        log_weights = log_pulls + np.log(bend) + 2 * np.log(sizes)
        old = log_pulls + 2 * np.log(sizes) > PULLS
    old &= log_weights > log_weights[old].max(initial=-np.inf) + math.log(_WEIGHTY)
    if not old.any():
        return old
    rows = np.abs(pull).max(axis=1)  # the smallest may count most: x = 10001 and 10000
    even = pull / np.where(rows > 0, rows, 1.0)[:, None]
    f = np.exp(log_pulls - log_pulls[old].max())
    while old.any():
        p, own = even[:, old], f[old]
        axes, values, _ = np.linalg.svd(p * np.sqrt(own * bend[old]), full_matrices=False)
        kept = values > _DEPENDENT * values[0]
        forces = np.stack([even @ f, p @ own], axis=1)
        steps = axes[:, kept] @ (axes[:, kept].T @ forces / values[kept, None] ** 2)
        unsure = ROUNDING * values[0] / values[kept][-1]  # of forces along what holds least
        rests = np.abs(p.T @ steps).max(axis=1) <= max(most, unsure)
        if rests.all():
            break
        old[old] = rests
    return old


def blur(mode: Mode, margins: Floats, log_time: float) -> tuple[Floats, Floats]:
    """How far neurons (m,) and margins (n,) may be off for the rounding of forces that hold one
    another, once a mode has lasted for exp(log_time) and its margins are (n,).

    Rounding pushes for ever, and what holds the points pulls back: along an eigenvector of
    P diag(l t) P^T of eigenvalue h a push of u times all forces has come to u / (1 + h). Points in
    line but for 1e-8 are hardly held across that line, where gradients have lost eight digits;
    their margins hardly feel it.
    """
    dynamics, live = mode.dynamics, mode.live
    none = np.zeros(len(mode.theta)), np.zeros(len(margins))
    if mode.factor is not None or not live.size:  # regular: forces do not hold one another
        return none
    log = dynamics.log_pull(margins[live]) + (mode.log_drive + log_time)
    served, unit = np.exp(np.minimum(log, _LARGEST)), math.exp(-mode.log_drive / 2)
    push = _ULP * float(served @ np.linalg.norm(mode.pull, axis=0))
    if push * unit < _SLIGHT:
        return none
    bend, _ = dynamics.loss.slopes(margins[live])
    axes, values, _ = np.linalg.svd(mode.pull * np.sqrt(served * bend), full_matrices=False)
    pushed = push / (1 + values**2)
    moves = np.abs(mode.basis) @ (np.abs(axes) @ pushed)
    neurons = lengths(moves.reshape(mode.theta.shape)) * unit
    seen = dynamics.reach(neurons)
    seen[live] = np.minimum(seen[live], np.abs(mode.pull.T @ axes) @ pushed)
    return neurons, seen
