"""One step of Radau IIA with five stages, of order nine, on a field whose Jacobian is symmetric.

All five stages go through the field at once. They are found by functional iteration while that
contracts quickly, as it does while steps are cut short by events, and by simplified Newton steps
where not. Nothing is built up over steps: a mode that ends within one step costs one, and samples
and events are met by steps of their own, to full order. Multistep solvers of SciPy restart at order
one after every event, and its Radau has order five.  Source: [hairer1996, Section IV.8]: the linear
systems of a Newton step, the embedded formula of order five that estimates the error, and the
tolerance for it; with a symmetric Jacobian these systems are diagonal.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import legendre

from latephase.core.arrays import Floats

STAGES = 5
_MOST_PLAIN, _MOST_NEWTON = 12, 10  # iterations
_DONE = 0.03  # of the tolerance: what an iteration may leave
_SURE = 0.1  # of the tolerance
_SHARE, _EXPONENT = 0.01, (STAGES + 1) / (2 * STAGES)  # of the tolerance, for the estimate


def _tableau() -> tuple[Floats, Floats]:
    """Nodes c (5,) and matrix A (5, 5) of the method, by Legendre polynomials: to rounding."""
    top = np.zeros(STAGES + 1)
    top[-2:] = -1.0, 1.0
    x = np.sort(legendre.legroots(top))
    x[-1] = 1.0
    basis = np.eye(STAGES)
    values = np.stack([legendre.legval(x, p) for p in basis], axis=1)
    areas = np.stack([legendre.legval(x, legendre.legint(p, lbnd=-1)) for p in basis], axis=1) / 2
    return (1 + x) / 2, np.asarray(np.linalg.solve(values.T, areas.T).T, float)


NODES, _A = _tableau()
_AT, _INVERSE_T = _A.T.copy(), np.linalg.inv(_A).T.copy()
_VALUES, _VECTORS = np.linalg.eig(np.linalg.inv(_A))
_ORDER = [int(np.argmin(np.abs(_VALUES.imag))), *np.argsort(-_VALUES.imag)[:2]]
_ROOTS = _VALUES[_ORDER]
_BACK = _VECTORS[:, _ORDER].T * np.array([[1.0], [2.0], [2.0]])
_INTO = np.linalg.inv(_VECTORS)[_ORDER].T
_GAMMA = 1 / float(_ROOTS[0].real)
_POWERS = np.arange(STAGES)
_EMBEDDED = np.linalg.solve(
    NODES[None] ** _POWERS[:, None], 1 / (_POWERS + 1.0) - _GAMMA * (_POWERS == 0)
)
_ERROR = _EMBEDDED - _A[-1]
_THROUGH = np.linalg.inv(np.concatenate([[0.0], NODES])[:, None] ** np.arange(STAGES + 1))

Field = Callable[[Floats, Floats], Floats]


@dataclass(frozen=True)
class Spectrum:
    """Eigenvalues (D,) and eigenvectors (D, D) of a Jacobian."""

    values: Floats
    vectors: Floats

    @classmethod
    def of(cls, jacobian: Floats) -> Spectrum:
        """Those of a symmetric matrix."""
        return cls(*np.linalg.eigh(jacobian))


@dataclass(frozen=True)
class Stages:
    """What y moves to the stages of a step h, moves (D, 5); the estimated error in units of what is
    tolerated, inf where they were not found;  count: iterations, and how fast they contracted."""

    h: float
    moves: Floats
    error: float
    count: int
    rate: float

    def follows(self, tolerance: float) -> bool:
        """Whether the polynomial is good enough between its ends: it has the order of the estimate,
        which is then below the tolerance itself."""
        return self.error * _SHARE * tolerance**_EXPONENT <= _SURE * tolerance

    def along(self, share: Floats) -> Floats:
        """What y has moved (D, c) at shares (c,) of the step, by collocation: to order five."""
        powers = share[None, :] ** np.arange(STAGES + 1)[:, None]
        return np.asarray(self.moves @ (_THROUGH.T[1:] @ powers))


def stages(
    field: Field,
    s: float,
    y: Floats,
    h: float,
    units: Floats,
    tolerance: float,
    spectrum: Spectrum | None,
    guess: Floats | None = None,
    noise: float = 0.0,
) -> Stages:
    """The stages of a step h from y (D,) at s; units (D,): what tolerances are relative to;
    spectrum: None for functional iteration;  guess (D, 5): of the moves;  noise: of the moves, as a
    share of the units, which rounding leaves and no iteration takes away."""
    z = np.zeros((len(y), STAGES)) if guess is None else guess.copy()
    times, before, rate, count = s + h * NODES, math.inf, 0.5, 0
    most = _MOST_PLAIN if spectrum is None else _MOST_NEWTON
    least = max(_DONE, noise / tolerance)
    scale = 1 / (units[:, None] * tolerance * math.sqrt(z.size))
    while True:
        speed = field(times, y[:, None] + z)
        change = h * (speed @ _AT) - z if spectrum is None else _eased(speed, z, h, spectrum)
        z += change
        count += 1
        now = float(np.linalg.norm(change * scale))
        rate = now / before if count > 1 else 0.5
        if not now < math.inf or (count > 1 and rate >= 1 and now > least):
            return Stages(h, z, math.inf, count, 1.0)
        left = now * rate / (1 - rate) if rate < 1 else now
        if left <= least or now <= least:
            break
        if count > 1 and count + math.log(least / left) / math.log(rate) > most:
            return Stages(h, z, math.inf, count, rate)
        before = now
    error = _GAMMA * h * field(np.array([s]), y[:, None])[:, 0] + z @ (_INVERSE_T @ _ERROR)
    if spectrum is not None:
        values, vectors = spectrum.values, spectrum.vectors
        error = vectors @ ((vectors.T @ error) / (1 - _GAMMA * h * np.minimum(values, 0.0)))
    allowed = _SHARE * tolerance**_EXPONENT * math.sqrt(len(y))
    return Stages(h, z, float(np.linalg.norm(error / units)) / allowed, count, rate)


def _eased(speed: Floats, z: Floats, h: float, spectrum: Spectrum) -> Floats:
    """The solution (D, 5) of a Newton step: three systems in eigenvectors of the Jacobian, of which
    the conjugates of two are left out."""
    residual = spectrum.vectors.T @ (speed - z @ _INVERSE_T / h)
    parts = (residual @ _INTO) / (_ROOTS / h - spectrum.values[:, None])
    return np.asarray(spectrum.vectors @ (parts @ _BACK).real)
