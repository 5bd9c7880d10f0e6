"""The direction in which a mode grows, and how fast deviations from it decay.

Training in a mode converges in direction to a KKT point of min |p|^2 / 2 subject to q_i(p) >= 1
[lyuli2020]: p = sum_i multipliers_i grad q_i(p).  With the margins quadratic forms of Hessians H_i,
this is H p = p for H = sum_i multipliers_i H_i.  About it, with P the projector onto the tangent
{d: <grad q_i, d> = 0 on the support}, a component along an eigenvector of P H P of eigenvalue mu
grows like Q^(mu / 2), Q the common margin, while p grows like Q^(1/2): its share decays like
(ln t)^(-(1 - mu) / 2).  Null parts have mu = 0.  Source: docs/theory.md, "Every layer trained".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latephase.core.arrays import Bools, Floats
from latephase.late.layered.mode import LayeredMode
from latephase.late.pattern import ACTIVE, SLIDING

_STEPS = 50
_DONE = 1e-14
_STRONG = 1e-4  # of the largest pull: a point with less does not support the first guess
_TIGHT = 1e-9  # a margin within this of 1 counts as 1, a multiplier below this share as 0
_MET = 1e-7  # between a margin on the support and 1: Newton's steps have led somewhere
_ROUNDS = 20
_SINGULAR = 1e-10  # of the largest singular value: neurons of one role share what they serve
_SAME = 1e-6  # between eigenvalues that are equal


@dataclass(frozen=True)
class KKTPoint:
    """A KKT point of a mode.

    state (m, k + 1), in the coordinates of the run;  multipliers (n,), 0 off the support;
    margins (n,): q_i(state);  residual: |state - sum_i multipliers_i grad q_i| / |state|;
    values (e,), vectors (e, m, k + 1): eigenvalues mu of P H P on the tangent, and eigenvectors.
    """

    state: Floats
    multipliers: Floats
    margins: Floats
    residual: float
    values: Floats
    vectors: Floats

    @property
    def exponents(self) -> Floats:
        """(1 - mu) / 2: the powers of 1 / ln t by which deviations along the vectors decay."""
        return (1 - self.values) / 2

    @property
    def attracts(self) -> bool:
        """Whether no deviation from it grows: what comes near to another one leaves it again."""
        return bool((self.exponents > -_SAME).all())

    def within(self, mode: LayeredMode) -> bool:
        """Whether it lies in the pattern of its mode, up to rounding, and holds its slides."""
        if not mode.dynamics.bends:
            return True
        a = mode.dynamics.preactivations(self.state)
        sizes = mode.dynamics.terms(self.state).max(axis=0)  # a neuron may be 0, but for rounding
        beyond = np.where(mode.status == ACTIVE, a < -_TIGHT * sizes, a > _TIGHT * sizes)
        room = mode.rooms @ self.multipliers
        needed = mode.needs @ self.multipliers
        held = (needed >= -_TIGHT * room) & (needed <= (1 + _TIGHT) * room)
        return not (beyond & (mode.status != SLIDING)).any() and bool((held | (room <= 0)).all())

    def growing(self, state: Floats, scale: float) -> Floats:
        """Components (e,) of a state along the vectors, in units in which they are constant: over
        Q^(mu / 2) for its common margin Q = scale."""
        along = np.einsum("emk,mk->e", self.vectors, state)
        return np.asarray(along * scale ** (-self.values / 2))


def kkt_point(mode: LayeredMode, state: Floats) -> KKTPoint | None:
    """The KKT point of a mode next to the direction of a late state (m, k + 1); None if there is
    none with all margins at least 1 and multipliers of the right sign.

    Newton steps on an active set, to rounding; of a continuum of such points (neurons that share a
    role) the nearest one.
    """
    forms = _Hessians.of(mode)
    y = forms.coordinates(state)
    q = forms.margins(y)
    if not q.min() > 0:
        return None
    log = mode.dynamics.loss.log_weights(q)
    y, q = y / np.sqrt(q.min()), q / q.min()
    support = log > np.log(_STRONG) + log.max()
    for _ in range(_ROUNDS):
        found = _newton(forms, y, support)
        if found is None:
            return None
        p, multipliers = found
        q = forms.margins(p)
        if not (np.abs(q[support] - 1) <= _MET).all():
            return None
        short = ~support & (q < 1 - _TIGHT)
        against = support & (multipliers < -_TIGHT * np.abs(multipliers).max())
        if not (short.any() or against.any()):
            return _complete(forms, p, np.maximum(multipliers, 0.0))
        support = (support | short) & ~against
    return None


@dataclass(frozen=True)
class _Hessians:
    """Hessians (n, D, D) of the margins of a mode, in its coordinates."""

    mode: LayeredMode
    hessians: Floats

    @classmethod
    def of(cls, mode: LayeredMode) -> _Hessians:
        count, _, width = mode.forms.shape
        size, n = count * (width + 1), len(mode.dynamics.labels)
        hessians = np.zeros((n, size, size))
        neurons = np.arange(count)[:, None]
        hidden, outer = neurons * width + np.arange(width), count * width + neurons
        for place, i in enumerate(mode.live):
            hessians[i, hidden, outer] = mode.forms[:, place]
            hessians[i, outer, hidden] = mode.forms[:, place]
        return cls(mode, hessians)

    def coordinates(self, state: Floats) -> Floats:
        """Those (D,) of a state (m, k + 1), without its null parts."""
        mode = self.mode
        hidden = np.einsum("mk,mkr->mr", state[mode.moving, :-1], mode.basis)
        return np.concatenate([hidden.ravel(), state[mode.moving, -1]])

    def state(self, y: Floats) -> Floats:
        """The state (m, k + 1) of coordinates (D,), without null parts."""
        full = np.zeros_like(self.mode.state)
        c, v = self.mode.parted(y)
        full[self.mode.moving, :-1] = np.einsum("mkr,mr->mk", self.mode.basis, c)
        full[self.mode.moving, -1] = v
        return full

    def gradients(self, y: Floats) -> Floats:
        """grad q_i (n, D)."""
        return np.asarray(self.hessians @ y)

    def margins(self, y: Floats) -> Floats:
        """q_i (n,)."""
        return np.asarray(self.gradients(y) @ y / 2)


def _newton(forms: _Hessians, y: Floats, support: Bools) -> tuple[Floats, Floats] | None:
    """p (D,) and multipliers (n,) with p = sum_i multipliers_i grad q_i(p) and q_i(p) = 1 on the
    support, from a guess: steps of least length, since solutions need not be isolated."""
    chosen, size = forms.hessians[support], len(y)
    gradients = (chosen @ y).T
    weights = np.linalg.lstsq(gradients, y, rcond=None)[0]
    for _ in range(_STEPS):
        gradients = (chosen @ y).T
        h = np.tensordot(weights, chosen, 1)
        off = np.concatenate([gradients @ weights - y, 1 - gradients.T @ y / 2])
        matrix = np.block(
            [[np.eye(size) - h, -gradients], [gradients.T, np.zeros((len(weights),) * 2)]]
        )
        move = np.linalg.lstsq(matrix, off, rcond=_SINGULAR)[0]
        if not np.isfinite(move).all():
            return None
        y, weights = y + move[:size], weights + move[size:]
        if np.linalg.norm(move[:size]) <= _DONE * np.linalg.norm(y):
            break
    multipliers = np.zeros(len(support))
    multipliers[support] = weights
    return y, multipliers


def _complete(forms: _Hessians, p: Floats, multipliers: Floats) -> KKTPoint:
    """A KKT point with its residual and its spectrum."""
    gradients = forms.gradients(p)
    residual = float(np.linalg.norm(p - multipliers @ gradients) / np.linalg.norm(p))
    h = np.tensordot(multipliers, forms.hessians, 1)
    normal = gradients[multipliers > _TIGHT * multipliers.max()]
    axes, sizes, _ = np.linalg.svd(normal.T)
    rank = int((sizes > _SINGULAR * sizes[0]).sum())
    tangent = axes[:, rank:]
    values, inside = np.linalg.eigh(tangent.T @ h @ tangent)
    moving = [forms.state(vector) for vector in (tangent @ inside).T]
    null = _null_directions(forms.mode)
    values = np.concatenate([values, np.zeros(len(null))])
    size = (len(values), *forms.mode.state.shape)
    vectors = np.array([*moving, *null]).reshape(size)
    return KKTPoint(forms.state(p), multipliers, forms.margins(p), residual, values, vectors)


def _null_directions(mode: LayeredMode) -> list[Floats]:
    """What no point can move, as states (m, k + 1): of moving neurons what is off their spans, of
    the others all of it; none along the kinks that a neuron slides on."""
    m, k = mode.state.shape[0], mode.state.shape[1] - 1
    nobody = np.zeros(len(mode.dynamics.labels), bool)
    place = {int(j): row for row, j in enumerate(mode.moving)}
    found = []
    for j in range(m):
        free = mode.dynamics.unit.neuron(j, mode.status[j], nobody).off
        if j in place:
            basis = mode.basis[place[j]]
            axes, sizes, _ = np.linalg.svd(free - basis @ (basis.T @ free), full_matrices=False)
            free = axes[:, sizes > 0.5]
        for column in free.T:
            direction = np.zeros((m, k + 1))
            direction[j, :-1] = column
            found.append(direction)
        if j not in place:
            direction = np.zeros((m, k + 1))
            direction[j, -1] = 1.0
            found.append(direction)
    return found
