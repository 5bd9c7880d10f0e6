"""The constants of Radau IIA with five stages: nodes, matrices, and the formula of its error.

Source: [hairer1996, Section IV.8].
"""

from __future__ import annotations

import numpy as np
from numpy.polynomial import legendre

from latephase.core.arrays import Floats

STAGES = 5


def _nodes_and_matrix() -> tuple[Floats, Floats]:
    """Nodes c (5,) and matrix A (5, 5) of the method, by Legendre polynomials: to rounding."""
    top = np.zeros(STAGES + 1)
    top[-2:] = -1.0, 1.0
    x = np.sort(legendre.legroots(top))
    x[-1] = 1.0
    basis = np.eye(STAGES)
    values = np.stack([legendre.legval(x, p) for p in basis], axis=1)
    areas = np.stack([legendre.legval(x, legendre.legint(p, lbnd=-1)) for p in basis], axis=1) / 2
    return (1 + x) / 2, np.asarray(np.linalg.solve(values.T, areas.T).T, float)


NODES, MATRIX = _nodes_and_matrix()
INVERSE = np.linalg.inv(MATRIX)

# A^-1 = BACK diag(ROOTS) INTO: one real root and two of the four others, whose conjugates are left
# out and counted twice.
_values, _vectors = np.linalg.eig(INVERSE)
_order = [int(np.argmin(np.abs(_values.imag))), *np.argsort(-_values.imag)[:2]]
ROOTS = _values[_order].astype(np.complex128)
INTO = np.linalg.inv(_vectors)[_order].astype(np.complex128)
BACK = (_vectors[:, _order] * np.array([1.0, 2.0, 2.0])).astype(np.complex128)

# The embedded formula of order five: its weight of the field at the start, and of the stages.
GAMMA = 1 / float(ROOTS[0].real)
_powers = np.arange(STAGES)
_right = 1 / (_powers + 1.0) - GAMMA * (_powers == 0)
_embedded = np.linalg.solve(NODES[None] ** _powers[:, None], _right)
DIFFERENCE = _embedded - MATRIX[-1]
ERROR = DIFFERENCE @ INVERSE

# What the stages move, (5,), to coefficients of powers 1 to 5 of the share of the step.
THROUGH = np.linalg.inv(np.concatenate([[0.0], NODES])[:, None] ** np.arange(STAGES + 1))
COLLOCATION = np.ascontiguousarray(THROUGH.T[1:, 1:])
