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
from dataclasses import field as given

import numpy as np

from latephase.core.arrays import Floats
from latephase.late.modes.kernel import tableau
from latephase.late.modes.kernel.tableau import NODES, STAGES

_MOST_PLAIN, _MOST_NEWTON = 12, 10  # iterations
_DONE = 0.03  # of the tolerance: what an iteration may leave
_SURE = 0.1  # of the tolerance
_JUMPS = 0.5  # of ln of a pull in an iteration: Newton's moves it by 1 where it is far off
_OUTDONE = 30.0  # between logarithms of pulls, of which the smaller does nothing
_AT, _INVERSE_T = tableau.MATRIX.T.copy(), tableau.INVERSE.T.copy()
_SHARE, _EXPONENT = 0.01, (STAGES + 1) / (2 * STAGES)  # of the tolerance, for the estimate


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
        return np.asarray(self.moves @ (tableau.THROUGH.T[1:] @ powers))


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
    jacobian: Callable[[float, Floats], Floats] | None = None,
    logs: Field | None = None,
) -> Stages:
    """The stages of a step h from y (D,) at s; units (D,): what tolerances are relative to;
    spectrum: None for functional iteration;  guess (D, 5): of the moves;  noise: of the moves, as a
    share of the units, which rounding leaves and no iteration takes away;  jacobian: of the field,
    for Newton's iteration with one for each stage: where what is stiff turns within a step;  logs:
    of the pulls (L, 5), which must have come to rest where rounding stops the iteration."""
    z = np.zeros((len(y), STAGES)) if guess is None else guess.copy()
    times, before, rate, count = s + h * NODES, math.inf, 0.5, 0
    most = _MOST_PLAIN if spectrum is None else _MOST_NEWTON
    least = max(_DONE, noise / tolerance)
    scale = 1 / (units[:, None] * tolerance * math.sqrt(z.size))
    jumps = _Jumps(logs if spectrum is not None and least > _DONE else None)
    while True:
        jump = jumps.to(times, y[:, None] + z)
        speed = field(times, y[:, None] + z)
        if jacobian is not None:
            slopes = [jacobian(float(at), y + z[:, c]) for c, at in enumerate(times)]
            change = _exact(speed, z, h, slopes)
        else:
            change = h * (speed @ _AT) - z if spectrum is None else _eased(speed, z, h, spectrum)
        z += change
        count += 1
        now = float(np.linalg.norm(change * scale))
        rate = now / before if count > 1 else 0.5
        first = 1 if jacobian is None else 2  # what is stiff turns with what the first one moved
        if not now < math.inf or (count > first and rate >= 1 and now > least):
            return Stages(h, z, math.inf, count, 1.0)
        left = now * rate / (1 - rate) if rate < 1 else now
        if min(left, now) <= least and jump <= _JUMPS:
            break
        contracts = count > 1 and 0 < rate < 1
        ahead = math.log(least / max(left, least)) / math.log(rate) if contracts else 0.0
        if count + ahead > most or (count == most and jump > _JUMPS):
            return Stages(h, z, math.inf, count, rate)
        before = now
    error = tableau.GAMMA * h * field(np.array([s]), y[:, None])[:, 0] + z @ (
        _INVERSE_T @ tableau.DIFFERENCE
    )
    if spectrum is not None:
        values, vectors = spectrum.values, spectrum.vectors
        error = vectors @ ((vectors.T @ error) / (1 - tableau.GAMMA * h * np.minimum(values, 0.0)))
    allowed = _SHARE * tolerance**_EXPONENT * math.sqrt(len(y))
    return Stages(h, z, float(np.linalg.norm(error / units)) / allowed, count, rate)


@dataclass
class _Jumps:
    """How far the logarithms of pulls move in an iteration, of those that do something; 0 of none.

    Where rounding stops an iteration, a move of a pull by e may be no larger than what it leaves.
    """

    logs: Field | None
    last: Floats = given(default_factory=lambda: np.array(-math.inf))

    def to(self, s: Floats, y: Floats) -> float:
        """From the last place to this one; inf at the first."""
        if self.logs is None:
            return 0.0
        now, last = self.logs(s, y), self.last
        seen = np.maximum(now, last) > np.maximum(now, last).max(axis=0) - _OUTDONE
        self.last = now
        return float(np.abs(np.where(seen, now - last, 0.0)).max())


def _eased(speed: Floats, z: Floats, h: float, spectrum: Spectrum) -> Floats:
    """The solution (D, 5) of a Newton step: three systems in eigenvectors of the Jacobian, of which
    the conjugates of two are left out."""
    residual = spectrum.vectors.T @ (speed - z @ _INVERSE_T / h)
    parts = (residual @ tableau.INTO.T) / (tableau.ROOTS / h - spectrum.values[:, None])
    return np.asarray(spectrum.vectors @ (parts @ tableau.BACK.T).real)


def _exact(speed: Floats, z: Floats, h: float, slopes: list[Floats]) -> Floats:
    """The solution (D, 5) of a Newton step with the Jacobians (D, D) of the five stages."""
    matrix = np.kron(tableau.INVERSE / h, np.eye(len(z)))
    for c, slope in enumerate(slopes):
        own = slice(c * len(z), (c + 1) * len(z))
        matrix[own, own] -= slope
    residual = (speed - z @ _INVERSE_T / h).T.ravel()
    return np.asarray(np.linalg.solve(matrix, residual).reshape(STAGES, -1).T, float)
