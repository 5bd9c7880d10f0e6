"""One mode of a network: a pattern of active, inactive and sliding pairs, and its linear algebra.

While a mode lasts the network is linear in its parameters: theta' = sum_i l_i g_i, where l_i is the
pull of point i and g_i the gradient of its margin, projected so that sliding pairs stay on their
kinks. Points that the active neurons cannot fit come to rest against one another while the others
go on for ever; such points are *held*: their margins stay, and the motion is projected off them.
All directions of motion lie in the span of the g_i, of dimension r <= min(n, m (d + 1)); beta (r,)
are coordinates in an orthonormal basis of it, in which no margin is a difference of large numbers:
where g_1 and g_2 are nearly opposite (x = 2021, 2020), one coordinate moves both and another, of
another size, their difference. Source: docs/theory.md, "Any shallow network".
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from latephase.core.arrays import Bools, Floats, Ints
from latephase.late.pattern import ACTIVE, INACTIVE, SLIDING

from .filippov import Statuses
from .neuron import DEPENDENT, complement
from .setting import Setting

_SMALLEST = -1000  # binary exponent of a unit
_REGULAR = 1e-3  # smallest share of a column that is new, from which a Gram matrix will do


@dataclass(frozen=True)
class Mode:
    """A mode entered at theta (m, k), in the coordinates of its setting.

    status (m, n);  held, live (n,): points that rest, points that pull;
    basis (m k, r), orthogonal, and pull (r, live points): beta' = exp(log_drive) pull @ l, where
    pull is of size 1: with output weights of 1e-120 pulls of 1e240 move something;
    margins (n,) at entry;
    slides: pairs (k, 2) whose multipliers may reach an end, multipliers (k, n) maps pulls to
    multiplier * pull.
    """

    setting: Setting
    theta: Floats
    status: Statuses
    held: Bools
    live: Ints
    basis: Floats
    pull: Floats
    log_drive: float
    margins: Floats
    slides: Ints
    multipliers: Floats

    def parameters(self, beta: Floats) -> Floats:
        """theta (..., m, k) at beta (..., r)."""
        moved = beta @ self.basis.T
        return np.asarray(self.theta + moved.reshape(*beta.shape[:-1], *self.theta.shape))

    def margins_at(self, beta: Floats) -> Floats:
        """q_i (n,) at beta (r,)."""
        q = self.margins.copy()
        q[self.live] += beta @ self.pull
        return q

    def entered(self, theta: Floats) -> Mode:
        """The same mode entered at other parameters (m, k)."""
        return replace(self, theta=theta, margins=margins_of(self.setting, theta, self.status))

    @property
    def scale(self) -> Floats:
        """Sizes (m k,) of the coordinates of a force."""
        return self.setting.scale

    @property
    def sliding(self) -> bool:
        """Whether a pair slides."""
        return bool((self.status == SLIDING).any())


def mode(setting: Setting, theta: Floats, status: Statuses, held: Bools) -> Mode:
    """The mode of statuses (m, n) entered at theta, with the points `held` (n,) at rest."""
    neurons = [setting.neuron(j, status[j], held) for j in range(len(status))]
    g = np.concatenate([neuron.gradients for neuron in neurons])
    g, moving = _projected(g, held, setting.scale)
    live = np.flatnonzero(moving)
    unit = _unit(g[:, live])
    basis, pull = _factors(g[:, live] / unit)
    slides = np.array([(j, i) for j, one in enumerate(neurons) for i in one.slides], np.int64)
    multipliers = np.concatenate([neuron.multipliers for neuron in neurons])
    margins = margins_of(setting, theta, status)
    return Mode(
        *(setting, theta, status, held, live, basis / unit, pull, 2 * math.log(unit), margins),
        slides.reshape(-1, 2),
        multipliers,
    )


def _unit(g: Floats) -> float:
    """The power of two next to the largest entry of g, by which all is divided without rounding."""
    largest = float(np.abs(g).max(initial=0.0))
    return math.ldexp(1.0, max(math.frexp(largest)[1] - 1, _SMALLEST)) if largest > 0 else 1.0


def _factors(g: Floats) -> tuple[Floats, Floats]:
    """An orthonormal basis of the span of g (k, c) and g in it; rows of neurons that never move are
    exactly 0 in both, where rounding would set them off."""
    moved = g.any(axis=1)
    wide = g.shape[1] >= moved.sum()  # then every direction is one of motion
    inner, pull = (np.eye(moved.sum()), g[moved]) if wide else _orthogonal(g[moved])
    if moved.all():
        return inner, pull
    basis = np.zeros((len(g), inner.shape[1]))
    basis[moved] = inner
    return basis, pull


def _orthogonal(g: Floats) -> tuple[Floats, Floats]:
    """A basis of the columns of g (k, c), orthonormal up to rounding times their condition, and g
    in it: by Cholesky's factor of the Gram matrix where that is regular, at a third of the time.

    Columns may be of any sizes (output weights of 1 and 1e-8). Where rows are, reflections of
    sorted rows and columns keep the digits of the small ones.
    """
    lengths = np.linalg.norm(g, axis=0)
    scaled = g / lengths
    try:
        factor = np.linalg.cholesky(scaled.T @ scaled).T
    except np.linalg.LinAlgError:
        return _sorted_qr(g)
    ends = np.abs(np.diag(factor))
    if ends.min() < _REGULAR * ends.max():
        return _sorted_qr(g)
    from scipy.linalg.blas import dtrsm

    return np.asarray(dtrsm(1.0, factor, scaled, side=1)), np.asarray(factor * lengths)


def _sorted_qr(g: Floats) -> tuple[Floats, Floats]:
    """A basis of the columns of g and g in it, with errors relative to each row."""
    from scipy.linalg import qr

    order = np.argsort(-np.abs(g).max(axis=1), kind="stable")
    q, r, places = qr(g[order], mode="economic", pivoting=True)
    basis, pull = np.empty_like(q), np.empty_like(r)
    basis[order], pull[:, places] = q, r
    return basis, pull


def margins_of(setting: Setting, theta: Floats, status: Statuses) -> Floats:
    """q_i (n,) of the active pairs: what the mode sees, also an ulp beyond a kink."""
    a = setting.preactivations(theta) * (status == ACTIVE)
    return np.asarray((setting.signs * a).sum(axis=0))


def _projected(g: Floats, held: Bools, scale: Floats) -> tuple[Floats, Bools]:
    """g (k, n) off the span of the held points' gradients, and which points still pull.

    scale (k,): sizes of the rows, against which it is decided that nothing is left of a gradient.
    """
    if not held.any():
        return g, np.asarray(g.any(axis=0))
    lengths = np.linalg.norm(g / scale[:, None], axis=0)
    off = _off(g[:, held], g, scale)
    return off, ~held & (np.linalg.norm(off / scale[:, None], axis=0) > DEPENDENT * lengths)


def _off(columns: Floats, g: Floats, scale: Floats) -> Floats:
    """g (k, n) off the span of columns (k, c)."""
    columns = columns[:, columns.any(axis=0)]
    if columns.size == 0:
        return g
    columns = columns / np.linalg.norm(columns, axis=0)
    off, _ = complement(columns, scale)
    return off @ (off.T @ g)


def statuses(preactivations: Floats | Ints) -> Statuses:
    """Statuses without sliding: active iff the pre-activation is positive; relu'(0) = 0."""
    return np.where(preactivations > 0, ACTIVE, INACTIVE)


def scales(mode: Mode, least: Floats) -> Floats:
    """How far each coordinate (r,) may move for a change of 1 of a margin, or of any moving
    neuron's pre-activations by their own size: what a solver's tolerance is relative to.

    Output weights of 1e-8, inputs of 1e8 and neurons 1e-8 long have their own.
    """
    sizes = np.maximum(mode.setting.terms(mode.theta), least).max(axis=1)
    basis = mode.basis.reshape(*mode.theta.shape, -1)
    moves = np.abs(np.einsum("ic,jcr->jir", mode.setting.points, basis)).max(axis=1)
    own = moves / np.where(sizes > 0, sizes, np.inf)[:, None]
    seen = np.maximum(np.abs(mode.pull).max(axis=1), own.max(axis=0))
    return np.asarray(1 / np.where(seen > 0, seen, 1.0))
