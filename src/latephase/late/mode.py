"""One mode of a network: a pattern of active, inactive and sliding pairs, and its linear algebra.

While a mode lasts the network is linear in its parameters: theta' = sum_i l_i g_i, where l_i is the
pull of point i and g_i the gradient of its margin, projected so that sliding pairs stay on their
kinks. Points that the active neurons cannot fit come to rest against one another while the others
go on for ever; such points are *held*: their margins stay, and the motion is projected off them.
All directions of motion lie in the span of the g_i, of dimension r <= min(n, m (d + 1)); beta (r,)
are coordinates in an orthonormal basis of it. Source: docs/theory.md, "Any shallow network".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .filippov import Statuses
from .response import ACTIVE, INACTIVE, SLIDING
from .setting import Setting

Array = NDArray[np.float64]
_DEPENDENT = 1e-9  # a direction that a projection shortens to this share is nothing but rounding


@dataclass(frozen=True)
class Mode:
    """A mode entered at theta (m, d + 1).

    status (m, n);  held, live (n,): points that rest, points that pull;
    basis (m (d + 1), r), pull (r, live points): beta' = pull @ l;  margins (n,) at entry;
    slides: pairs (k, 2) whose multipliers may reach an end, multipliers (k, n) maps pulls to
    multiplier * pull.
    """

    setting: Setting
    theta: Array
    status: Statuses
    held: NDArray[np.bool_]
    live: NDArray[np.int64]
    basis: Array
    pull: Array
    margins: Array
    slides: NDArray[np.int64]
    multipliers: Array

    def parameters(self, beta: Array) -> Array:
        """theta (..., m, d + 1) at beta (..., r)."""
        moved = beta @ self.basis.T
        return np.asarray(self.theta + moved.reshape(*beta.shape[:-1], *self.theta.shape))

    def margins_at(self, beta: Array) -> Array:
        """q_i (n,) at beta (r,)."""
        q = self.margins.copy()
        q[self.live] += beta @ self.pull
        return q

    @property
    def sliding(self) -> bool:
        """Whether a pair slides."""
        return bool((self.status == SLIDING).any())


def mode(setting: Setting, theta: Array, status: Statuses, held: NDArray[np.bool_]) -> Mode:
    """The mode of statuses (m, n) entered at theta, with the points `held` (n,) at rest."""
    g = gradients(setting, status)
    g, moving = _projected(g, held)
    live = np.flatnonzero(moving)
    basis, pull = _factors(g[:, live])
    slides, multipliers = _multipliers(setting, status, held)
    margins = margins_of(setting, theta, status)
    return Mode(
        setting, theta, status, held, live, basis, pull, margins, slides, multipliers
    )  # fmt: skip


def _factors(g: Array) -> tuple[Array, Array]:
    """An orthonormal basis of the span of g (k, c) and g in it; rows of neurons that never move are
    exactly 0 in both, where rounding would set them off."""
    moved = (g != 0).any(axis=1)
    wide = g.shape[1] >= moved.sum()  # then every direction is one of motion
    inner, pull = (np.eye(moved.sum()), g[moved]) if wide else np.linalg.qr(g[moved])
    basis = np.zeros((len(g), inner.shape[1]))
    basis[moved] = inner
    return basis, pull


def margins_of(setting: Setting, theta: Array, status: Statuses) -> Array:
    """q_i (n,) of the active pairs: what the mode sees, also an ulp beyond a kink."""
    a = setting.preactivations(theta) * (status == ACTIVE)
    return np.asarray((setting.signs * a).sum(axis=0))


def gradients(setting: Setting, status: Statuses) -> Array:
    """g_i, the gradients of the margins with sliding pairs projected out, (m (d + 1), n)."""
    pulls = setting.signs * (status == ACTIVE)
    g = pulls[:, None, :] * setting.points.T
    for j in np.flatnonzero((status == SLIDING).any(axis=1)):
        kinks = _orthonormal(setting.points[status[j] == SLIDING].T)
        g[j] -= kinks @ (kinks.T @ g[j])
    return np.asarray(g.reshape(-1, g.shape[-1]))


def _orthonormal(columns: Array) -> Array:
    """An orthonormal basis of the span of columns (k, c), (k, rank)."""
    left, values, _ = np.linalg.svd(columns, full_matrices=False)
    return left[:, values > _DEPENDENT * values.max(initial=0.0)]


def _projected(g: Array, held: NDArray[np.bool_]) -> tuple[Array, NDArray[np.bool_]]:
    """g off the span of the held points' gradients, and which points still pull."""
    lengths = np.linalg.norm(g, axis=0)
    if held.any():
        rest = _orthonormal(g[:, held])
        g = g - rest @ (rest.T @ g)
    return g, ~held & (np.linalg.norm(g, axis=0) > _DEPENDENT * lengths)


def _multipliers(
    setting: Setting, status: Statuses, held: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], Array]:
    """Sliding pairs and the linear map from pulls l (n,) to their multiplier times their pull.

    A neuron that serves held points is at rest on its kinks: its multipliers have settled.
    """
    slides, rows = [np.zeros((0, 2), np.int64)], [np.zeros((0, len(held)))]
    for j in np.flatnonzero((status == SLIDING).any(axis=1)):
        kinks = np.flatnonzero(status[j] == SLIDING)
        serving = setting.signs[j] * (status[j] == ACTIVE)
        if (serving[held] != 0).any():
            continue
        push = np.linalg.lstsq(setting.points[kinks].T, setting.points.T * serving, rcond=None)[0]
        rows.append(-push / setting.signs[j, kinks][:, None])
        slides.append(np.stack([np.full(len(kinks), j), kinks], axis=1))
    return np.concatenate(slides), np.concatenate(rows)


def statuses(preactivations: Array) -> Statuses:
    """Statuses without sliding: active iff the pre-activation is positive; relu'(0) = 0."""
    return np.where(preactivations > 0, ACTIVE, INACTIVE)
