"""Random problems of both layers, in kinds: what runs of any input are held against.

Every problem is drawn from its own seed. Its step is a share of the largest that is stable at the
start, so that no size of inputs or weights makes it wild.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from references.problems import LOSSES, Floats, Problem

_SHARES = (0.003, 0.02, 0.1, 0.5, 1.5)  # of 1 / curvature at the start
_SLOPES = (0.01, 0.1, 0.5, 0.9)
_SIZES = (1e-8, 1e-4, 1e-2, 1e2, 1e4)

Draw = Callable[[np.random.Generator, Problem], Problem]


def layered_problem(kind: str, seed: int) -> Problem:
    """Problem `seed` of a kind: m from 1 to 6, n from 2 to 6, d from 1 to 3."""
    rng = np.random.default_rng([list(KINDS).index(kind), seed])
    m, n, d = int(rng.integers(1, 7)), int(rng.integers(2, 7)), int(rng.integers(1, 4))
    labels = np.where(rng.permutation(n) % 2 == 0, 1.0, -1.0)
    parts = rng.normal(size=(m, d)), rng.normal(size=m), rng.normal(size=m)
    plain = Problem(
        f"{kind}-{seed}", *parts, rng.normal(size=(n, d)), labels, 1.0, str(rng.choice(LOSSES))
    )
    found = KINDS[kind](rng, plain)
    return replace(found, step_size=float(rng.choice(_SHARES)) / curvature(found))


def curvature(p: Problem) -> float:
    """A bound of the curvature of the loss at the start."""
    a = p.theta @ p.z.T
    gains = np.where(a > 0, 1.0, p.slope)
    heights, served = gains * a, p.output_weights[:, None] * gains
    q = p.labels * (p.output_weights @ heights)
    with np.errstate(over="ignore"):
        pull = np.exp(np.minimum(-q, 700.0)) if p.loss == "exponential" else 1 / (1 + np.exp(q))
    own = (served.T @ served) * p.gram + heights.T @ heights
    bent = np.sqrt((gains**2).sum(axis=0).max() * np.diag(p.gram))
    found = float(max((np.abs(own) @ pull).max(), pull @ bent))
    return found if found > 0 else 1.0


def _plain(rng: np.random.Generator, p: Problem) -> Problem:
    return p


def _leaky(rng: np.random.Generator, p: Problem) -> Problem:
    return replace(p, slope=float(rng.choice(_SLOPES)))


def _unbiased(rng: np.random.Generator, p: Problem) -> Problem:
    return replace(p, biases=None, slope=float(rng.choice((0.0, 0.0, 0.2))))


def _linear(rng: np.random.Generator, p: Problem) -> Problem:
    return replace(p, slope=1.0, biases=p.biases if rng.random() < 0.5 else None)


def _unbalanced(rng: np.random.Generator, p: Problem) -> Problem:
    """Layers of different sizes, neuron by neuron, or all of them small or large."""
    share = 10.0 ** (rng.uniform(-3, 3, len(p.output_weights)) * (rng.random() < 0.7))
    size = 10.0 ** rng.uniform(-3, 0.5)
    return _grown(p, size * share, size / share)


def _grown(p: Problem, inner: Floats, outer: Floats) -> Problem:
    assert p.biases is not None
    return replace(
        p,
        weights=p.weights * inner[:, None],
        biases=p.biases * inner,
        output_weights=p.output_weights * outer,
    )


def _scaled(rng: np.random.Generator, p: Problem) -> Problem:
    """Inputs of other sizes, weights the inverse of theirs or not."""
    size = float(rng.choice(_SIZES))
    weights = p.weights / size if size > 1 or rng.random() < 0.5 else p.weights
    return replace(p, inputs=p.inputs * size, weights=weights)


def _on_kinks(rng: np.random.Generator, p: Problem) -> Problem:
    """Points close together, of which neurons of one sign slide along those of the other; some of
    them start on kinks, exactly."""
    middle = rng.normal(size=p.inputs.shape[1])
    inputs = np.round(64 * (middle + rng.uniform(0.1, 0.6) * p.inputs)) / 64
    inputs += np.arange(len(inputs))[:, None] / 512  # no two are the same
    weights, biases = np.round(64 * p.weights) / 64, np.round(64 * p.biases) / 64
    for j in range(0, len(biases), 3):
        biases[j] = -weights[j] @ inputs[rng.integers(len(inputs))]
    return replace(p, inputs=inputs, weights=weights, biases=biases)


KINDS: dict[str, Draw] = {
    "plain": _plain,
    "leaky": _leaky,
    "unbiased": _unbiased,
    "linear": _linear,
    "unbalanced": _unbalanced,
    "scaled": _scaled,
    "on_kinks": _on_kinks,
}
