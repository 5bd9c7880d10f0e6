"""The Hessian of the loss where both layers are trained, in logarithms.

With a pattern that stays, a margin q_i is a quadratic form of (theta, v). The Hessian is then
J^T diag(loss''(q_i)) J - sum_i w_i H_i, J the gradients of the q_i, w_i = -loss'(q_i), and H_i, the
Hessian of q_i, couples v_j with theta_j by y_i gain_ji z_i.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from latephase.core.arrays import Floats
from latephase.problem import Dataset, ShallowReLU
from latephase.problem.activation import activated
from latephase.problem.losses import Loss

_DENSE = 1000  # parameters up to which the matrix is made


@dataclass(frozen=True)
class Hessian:
    """e^scale (J^T J - C): J has rows (n, m, k + 1), and C couples v_j with theta_j by `coupling`
    (m, k)."""

    scale: float
    rows: Floats
    coupling: Floats

    @classmethod
    def of(
        cls,
        network: ShallowReLU,
        theta: Floats,
        outer: Floats,
        last: float | None,
        data: Dataset,
        loss: Loss,
    ) -> Hessian:
        """At theta (m, k), output weights (m,) and output bias or None of networks of a kind.

        An output bias is the output weight of one more neuron, of activation 1, with a theta that
        moves nothing.
        """
        z, slope = network.points(data.inputs)[:, None], network.negative_slope  # (n, 1, k)
        a = network.preactivations(theta, data.inputs)
        q = data.labels * (outer @ activated(a, slope) + (last or 0.0))
        if last is not None:
            a, outer = np.vstack([a, np.ones_like(q)]), np.append(outer, 0.0)
        gains = (data.labels * np.where(a > 0, 1.0, slope)).T[..., None]  # (n, m, 1)
        heights = loss.log_curvatures(q)[:, None, None] / 2 + _log(gains)
        pulls = loss.log_weights(q)[:, None, None] + _log(gains) + _log(z)
        pulls[:, network.m :] = -np.inf
        # As logarithm and sign: squares of 1e200 overflow, and e^-q underflows.
        a, v = a.T[..., None], outer[:, None]
        logs = heights + np.concatenate([_log(v) + _log(z), _log(a)], axis=2)
        signs = np.sign(gains) * np.concatenate([np.sign(v) * np.sign(z), np.sign(a)], axis=2)
        scale = float(max(2 * logs.max(), pulls.max()))
        if not np.isfinite(scale):
            return cls(scale, np.zeros(logs.shape), np.zeros(pulls.shape[1:]))
        coupling = (np.sign(gains) * np.sign(z) * np.exp(pulls - scale)).sum(axis=0)
        return cls(scale, signs * np.exp(logs - scale / 2), coupling)

    def __matmul__(self, vector: Floats) -> Floats:
        """Its product with a vector of all parameters, without the factor e^scale."""
        flat, x = self.rows.reshape(len(self.rows), -1), vector.reshape(self.rows.shape[1:])
        inner, outer = self.coupling * x[:, -1:], (self.coupling * x[:, :-1]).sum(axis=1)
        bent = np.concatenate([inner, outer[:, None]], axis=1).ravel()
        return np.asarray(flat.T @ (flat @ vector.ravel()) - bent)

    def log_largest(self) -> float:
        """ln of its largest eigenvalue, which is not negative: nor is its trace."""
        if not np.isfinite(self.scale):
            return self.scale
        size = self.rows[0].size
        if size <= _DENSE:
            largest = np.linalg.eigvalsh(np.stack([self @ row for row in np.eye(size)]))[-1]
        else:
            from scipy.sparse.linalg import LinearOperator, eigsh  # slow to import

            product = LinearOperator((size, size), matvec=self.__matmul__, dtype=np.float64)
            largest = eigsh(product, 1, which="LA", v0=np.ones(size), return_eigenvectors=False)[0]
        return self.scale + float(np.log(max(largest, 0.0)))


def _log(values: Any) -> Floats:
    """ln |values|, -inf of 0."""
    return np.asarray(np.log(np.abs(values)))
