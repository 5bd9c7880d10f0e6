"""One step of Radau IIA with five stages, of order nine, on the field of a mode; compiled.

The stages are found by functional iteration while that contracts quickly, as it does while steps
are cut short by events, and by simplified Newton steps with the Jacobian of the field where not.
Nothing is built up over steps: a mode that ends within one step costs one, and samples and events
are met by steps of their own, to full order.  Source: [hairer1996, Section IV.8], where the three
linear systems of a Newton step, the embedded formula of order five that estimates the error, and
the tolerance for it stand; the Jacobian is symmetric, so here these systems are diagonal.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.polynomial import legendre

from latephase.core.arrays import Floats

from .compiled import compiled, inner
from .modified import Motion, field, forces, rates

STAGES = 5
_MOST_PLAIN, _MOST_NEWTON = 20, 10  # iterations, of plain ones more where Newton's cost more
_DONE = 0.03  # of the tolerance: what an iteration may leave
# Of the tolerance for an estimate of order five; at a tenth, errors were a hundred tolerances.
_SHARE, _EXPONENT = 0.01, (STAGES + 1) / (2 * STAGES)


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
_AT = np.ascontiguousarray(_A.T)
_INVERSE_T = np.ascontiguousarray(np.linalg.inv(_A).T)
_VALUES, _VECTORS = np.linalg.eig(np.linalg.inv(_A))
_ORDER = [int(np.argmin(np.abs(_VALUES.imag))), *np.argsort(-_VALUES.imag)[:2]]
_ROOTS = _VALUES[_ORDER].astype(np.complex128)
_BACK = np.ascontiguousarray(_VECTORS[:, _ORDER].T) * np.array([[1.0], [2.0], [2.0]])
_INTO = np.ascontiguousarray(np.linalg.inv(_VECTORS)[_ORDER].T).astype(np.complex128)
_GAMMA = 1 / float(_ROOTS[0].real)
_POWERS = np.arange(STAGES)
_EMBEDDED = np.linalg.solve(
    NODES[None] ** _POWERS[:, None], 1 / (_POWERS + 1.0) - _GAMMA * (_POWERS == 0)
)
_ERROR = (_EMBEDDED - _A[-1]).reshape(-1, 1)
_THROUGH = np.linalg.inv(np.concatenate([[0.0], NODES])[:, None] ** np.arange(STAGES + 1))
_COLLOCATION = np.ascontiguousarray(_THROUGH.T[1:])  # powers of x to moves: 0 at 0


@inner
def size(vector: Floats, units: Floats) -> float:
    """The root mean square of vectors (r, c) in units (r,)."""
    total = 0.0
    for i in range(vector.shape[0]):
        for c in range(vector.shape[1]):
            total += (vector[i, c] / units[i]) ** 2
    return math.sqrt(total / max(vector.size, 1))


@compiled
def stages(
    motion: Motion, s: float, beta: Floats, h: float, guess: Floats, tolerance: float, stiff: bool
) -> tuple[Floats, float, int]:
    """What beta moves to the stages of a step h (r, 5) from a guess of it; the estimated error in
    units of what is tolerated; and iterations, 0 if they did not converge.

    stiff: whether they are Newton's.
    """
    z, times, units = guess.copy(), s + h * NODES, np.empty(len(beta))
    values, vectors = rates(motion, s, beta) if stiff else (units[:0], z[:, :0].copy())
    before, done, count = np.inf, False, 0
    most = _MOST_NEWTON if stiff else _MOST_PLAIN + len(beta)
    while not done:
        speed = motion.pull @ forces(motion, times, beta.reshape(-1, 1) + z)
        if stiff:
            residual = vectors.T.copy() @ (speed - z @ _INVERSE_T / h)
            change = vectors @ _eased(residual, values, h)
        else:
            change = h * (speed @ _AT) - z
        z += change
        count += 1
        for k in range(len(units)):
            units[k] = max(abs(beta[k]), abs(beta[k] + z[k, -1])) + motion.scales[k]
        now = size(change, units) / tolerance
        rate = now / before if count > 1 else 0.5
        if not now < np.inf or (count > 1 and rate >= 1 and now > _DONE):
            return z, np.inf, 0
        left = now * rate / (1 - rate) if rate < 1 else now
        done = left <= _DONE or now <= _DONE
        if not done and count > 1 and count + math.log(_DONE / left) / math.log(rate) > most:
            return z, np.inf, 0
        before = now
    error = _GAMMA * h * field(motion, s, beta).reshape(-1, 1) + (z @ _INVERSE_T) @ _ERROR
    if stiff:
        error = vectors.T.copy() @ error
        for k in range(len(values)):
            error[k] /= 1 + _GAMMA * h * values[k]
        error = vectors @ error
    return z, size(error, units) / (_SHARE * tolerance**_EXPONENT), count


@inner
def _eased(residual: Floats, values: Floats, h: float) -> Floats:
    """The solution of a Newton step, residual and solution (r, 5) in eigenvectors of the Jacobian:
    three systems, of which the conjugates of two are left out."""
    found = np.zeros_like(residual)
    for i in range(len(values)):
        for k in range(3):
            part = 0j
            for c in range(STAGES):
                part += residual[i, c] * _INTO[c, k]
            part /= _ROOTS[k] / h + values[i]
            for c in range(STAGES):
                found[i, c] += (part * _BACK[k, c]).real
    return found


@inner
def along(z: Floats, share: Floats) -> Floats:
    """What beta has moved (r, c) by the collocation polynomial at shares (c,) of the step, from its
    moves to the stages (r, 5); beyond the step it is extrapolated."""
    powers = np.empty((STAGES + 1, len(share)))
    for c in range(len(share)):
        powers[0, c] = 1.0
        for k in range(STAGES):
            powers[k + 1, c] = powers[k, c] * share[c]
    return z @ (_COLLOCATION @ powers)
