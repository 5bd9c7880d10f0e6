"""One mode of a network whose two layers are trained: a pattern, and how it moves.

While a pattern of gains g_ji lasts, the margins are quadratic forms of the parameters,

    q_i = sum_j v_j A_ji,    A_ji = <G_ji, theta_j>,    G_ji = y_i g_ji z_i,

and so their third derivatives vanish. Where neuron j slides on kinks, its G_ji are projected off
these: what holds it there moves theta_j alone, since a pre-activation of 0 adds nothing to v_j'.
A neuron is carried as (c_j, v_j), c_j its coordinates in the span of its G_ji; what is orthogonal
to that, its null part, is not touched.  Source: docs/theory.md, "Every layer trained".
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from latephase.core.arrays import Floats, Ints
from latephase.late.modes.gradients import Neuron
from latephase.late.modes.linear_algebra import DEPENDENT
from latephase.late.pattern import SLIDING, Statuses

from .dynamics import LayeredDynamics

_REMEMBERED = 10_000_000  # numbers in the gradients of neurons that are remembered


@dataclass(frozen=True)
class LayeredMode:
    """A mode entered at a state (m, k + 1), with M moving neurons and L live points.

    status (m, n);  moving (M,), live (L,): indices;  basis (M, k, r): of the spans, padded with 0;
    forms (M, L, r): G_ji in them;  slides: pairs (s, 2) whose multipliers may reach an end;
    needs, rooms (s, n): map pulls to multiplier * room, and to the room;  known: what else follows
    from all this but the state, as far as it was asked for.
    """

    dynamics: LayeredDynamics
    state: Floats
    status: Statuses
    moving: Ints
    live: Ints
    basis: Floats
    forms: Floats
    slides: Ints
    needs: Floats
    rooms: Floats
    known: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, dynamics: LayeredDynamics, state: Floats, status: Statuses) -> LayeredMode:
        """The mode of statuses (m, n) entered at a state (m, k + 1): all else follows from these,
        and a run made twice meets most of them twice."""
        key = b"mode" + status.tobytes()
        found: LayeredMode | None = dynamics.parts.get(key)
        if found is None:
            found = cls._of(dynamics, state, status)
            if len(dynamics.parts) * found._size < _REMEMBERED:
                dynamics.parts[key] = found
        return found.entered(state)

    def entered(self, state: Floats) -> LayeredMode:
        """The same mode entered at another state."""
        return replace(self, state=state)

    @property
    def _size(self) -> int:
        """How many numbers it has, or a few times as many."""
        return self.status.size * (self.basis.shape[1] + len(self.slides) + 1)

    @classmethod
    def _of(cls, dynamics: LayeredDynamics, state: Floats, status: Statuses) -> LayeredMode:
        parts = [_Part.of(dynamics, row) for row in status]
        gradients = np.stack([part.gradients for part in parts])  # (m, n, k)
        moves = np.asarray(gradients.any(axis=2))
        moving, live = np.flatnonzero(moves.any(axis=1)), np.flatnonzero(moves.any(axis=0))
        spans = [parts[j].span for j in moving]
        width = max((span.shape[1] for span in spans), default=0)
        basis = np.zeros((len(moving), state.shape[1] - 1, width))
        for row, span in zip(basis, spans, strict=True):
            row[:, : span.shape[1]] = span
        neurons = [part.neuron for part in parts]
        slides = np.array([(j, i) for j, one in enumerate(neurons) for i in one.slides], np.int64)
        return cls(
            dynamics,
            state,
            status,
            moving,
            live,
            basis,
            np.ascontiguousarray(gradients[np.ix_(moving, live)] @ basis),
            slides.reshape(-1, 2),
            np.concatenate([neuron.needs for neuron in neurons]),
            np.concatenate([neuron.rooms for neuron in neurons]),
        )

    @cached_property
    def start(self) -> Floats:
        """The coordinates (D,) of the state at entry: all c_j, then all v_j."""
        hidden = np.einsum("mk,mkr->mr", self.state[self.moving, :-1], self.basis)
        return np.concatenate([hidden.ravel(), self.state[self.moving, -1]])

    @property
    def width(self) -> int:
        """Coordinates r of each neuron's span."""
        return self.basis.shape[2]

    def parted(self, y: Floats) -> tuple[Floats, Floats]:
        """c (M, r, ...) and v (M, ...) of coordinates (D, ...)."""
        count = len(self.moving)
        return y[:-count].reshape(count, -1, *y.shape[1:]), y[-count:]

    def parameters(self, y: Floats) -> Floats:
        """The state (m, k + 1) at coordinates (D,)."""
        state = self.state.copy()
        if self.moving.size:
            c, v = self.parted(y - self.start)
            state[self.moving, :-1] += np.einsum("mkr,mr->mk", self.basis, c)
            state[self.moving, -1] += v
        return state

    @cached_property
    def live_labels(self) -> Floats:
        """y_i of the live points, (L,)."""
        return self.dynamics.labels[self.live]

    def margins_at(self, y: Floats) -> Floats:
        """q_i (n, S) at coordinates (D, S), as the mode sees them; 0 where nothing pulls."""
        q = np.zeros((len(self.dynamics.labels), y.shape[1]))
        if self.moving.size:
            c, v = self.parted(y)
            q[self.live] = np.einsum("ms,mls->ls", v, self.forms @ c)
        return q

    @property
    def sliding(self) -> bool:
        """Whether a pair slides."""
        return bool((self.status == SLIDING).any())

    @property
    def on_kinks(self) -> LayeredMode:
        """The mode with sliding pairs on their kinks, along the way that their points kick them."""
        state = self.state.copy()
        for j in map(int, np.flatnonzero((self.status == SLIDING).any(axis=1))):
            off = _Part.of(self.dynamics, self.status[j]).neuron.off
            state[j, :-1] = off @ (off.T @ state[j, :-1])
        return self.entered(state)


@dataclass(frozen=True)
class _Part:
    """What a neuron is in every mode in which it has the same statuses, at an output weight of 1:
    gradients (n, k): its G_ji;  span (k, r): an orthonormal basis of theirs."""

    neuron: Neuron
    gradients: Floats
    span: Floats

    @classmethod
    def of(cls, dynamics: LayeredDynamics, status: Statuses) -> _Part:
        """That of statuses (n,): most modes differ from the last one in a neuron or two."""
        key = status.tobytes()
        found = dynamics.parts.get(key)
        if found is None:
            nobody = np.zeros(len(status), bool)
            neuron = dynamics.unit.neuron(0, status, nobody)
            gradients, free = np.ascontiguousarray(neuron.gradients.T), neuron.off
            sizes = np.abs(dynamics.points @ free).max(axis=0)
            inside = _span(gradients @ free, np.where(sizes > 0, sizes, 1.0))
            span = free @ inside  # off the kinks row by row: x = 1000 counts what is 1e-6 of it
            found = cls(neuron, gradients, span)
            if len(dynamics.parts) * gradients.size < _REMEMBERED:
                dynamics.parts[key] = found
        return found


def _span(rows: Floats, scale: Floats) -> Floats:
    """An orthonormal basis (k, r) of the span of rows (n, k): all coordinates that occur, where
    the rows span these, so that nothing is rounded.  scale (k,): sizes of the coordinates, against
    which it is decided what is left of a row by rounding only."""
    scaled = rows / scale
    sizes = np.abs(scaled).max(axis=0, initial=0.0)
    used = np.asarray(sizes > DEPENDENT * sizes.max(initial=0.0))
    if not used.any():
        return np.zeros((len(used), 0))
    lengths = np.linalg.norm(scaled, axis=1, keepdims=True)
    even = scaled[:, used] / np.where(lengths > 0, lengths, 1.0)
    sizes = np.linalg.svd(even, compute_uv=False)
    rank = int((sizes > DEPENDENT * sizes[0]).sum())
    if rank == used.sum():
        return np.asarray(np.eye(len(used))[:, used])
    *_, axes = np.linalg.svd(even, full_matrices=False)
    basis = np.zeros((len(used), rank))
    basis[used] = np.linalg.qr(axes[:rank].T * scale[used, None])[0]
    return basis
