"""What a user would write instead of latephase, and how the two are timed against each other.

Two neurons on two points, exponential loss, float64, batched over trials.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

TRIALS, STEP_SIZE = 10_000, 0.1
INPUTS, LABELS, OUTPUT_WEIGHTS = np.array([[1.0], [-1.0]]), np.array([1.0, -1.0]), [1.0, -1.0]

Runner = Callable[[], object]


def draw() -> tuple[np.ndarray, np.ndarray]:
    """Weights (trial, neuron, feature) and biases (trial, neuron), standard normal."""
    normal = np.random.default_rng(0).normal
    return normal(size=(TRIALS, 2, 1)), normal(size=(TRIALS, 2))


def boundary(weights: Any, biases: Any) -> Any:
    """x* of every trial, the least that somebody who follows the margin records."""
    return (biases[:, 1] - biases[:, 0]) / (weights[:, 0, 0] - weights[:, 1, 0])


def torch_loop(
    steps: int, threads: int | None = None, samples: Collection[int] = ()
) -> Runner | None:
    """A batched autograd loop, PyTorch's threads or as many as given; None without PyTorch.

    After the steps named in `samples` it keeps weights, biases and boundary.
    """
    try:
        import torch
    except ImportError:
        return None
    threads = threads or torch.get_num_threads()
    x, y, v = (torch.tensor(np.array(a)) for a in (INPUTS, LABELS, OUTPUT_WEIGHTS))

    def run() -> object:
        torch.set_num_threads(threads)
        weights, biases = (torch.tensor(a, requires_grad=True) for a in draw())
        kept = []
        for done in range(1, steps + 1):
            hidden = torch.relu(torch.einsum("tjk,ik->tji", weights, x) + biases[:, :, None])
            loss = torch.exp(-y * torch.einsum("j,tji->ti", v, hidden)).sum()
            slopes = torch.autograd.grad(loss, (weights, biases))
            with torch.no_grad():
                weights -= STEP_SIZE * slopes[0]
                biases -= STEP_SIZE * slopes[1]
                if done in samples:
                    kept.append((weights.clone(), biases.clone(), boundary(weights, biases)))
        return weights, kept

    return run


def naive_jax(steps: int, samples: Sequence[int] = ()) -> Runner:
    """jax.grad in jax.lax.fori_loop, jitted; from sample to sample if there are `samples`."""

    def loss(parameters: tuple[jax.Array, jax.Array]) -> jax.Array:
        weights, biases = parameters
        hidden = jax.nn.relu(jnp.einsum("tjk,ik->tji", weights, INPUTS) + biases[:, :, None])
        outputs = jnp.einsum("j,tji->ti", jnp.array(OUTPUT_WEIGHTS), hidden)
        return jnp.exp(-LABELS * outputs).sum()

    def one(_: int, parameters: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        slopes = jax.grad(loss)(parameters)
        return tuple(p - STEP_SIZE * s for p, s in zip(parameters, slopes, strict=True))

    loop = jax.jit(lambda n, parameters: jax.lax.fori_loop(0, n, one, parameters))
    observe = jax.jit(lambda parameters: (*parameters, boundary(*parameters)))
    stops = [*samples] if samples else [steps]

    def run() -> object:
        parameters, kept = tuple(jnp.array(a) for a in draw()), []
        for n in np.diff([0, *stops]):
            parameters = loop(int(n), parameters)
            kept.append(observe(parameters))
        return kept

    return in_x64(run)


def batched_descent(net: Any, data: Any, steps: int) -> Runner:
    """jax.grad in jax.lax.fori_loop, compiled beforehand: gradient descent of one network of any
    width, from its parameters on."""
    x, y, outer = data.inputs, data.labels, net.output_weights

    def loss(parameters: tuple[jax.Array, jax.Array]) -> jax.Array:
        hidden = jax.nn.relu(x @ parameters[0].T + parameters[1])
        return jnp.exp(-y * (hidden @ outer)).sum()

    def one(_: int, parameters: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        slopes = jax.grad(loss)(parameters)
        return tuple(p - STEP_SIZE / len(y) * s for p, s in zip(parameters, slopes, strict=True))

    loop = jax.jit(lambda n, parameters: jax.lax.fori_loop(0, n, one, parameters))
    run = in_x64(lambda n=steps: loop(n, (jnp.array(net.weights), jnp.array(net.biases))))
    in_x64(lambda: loop(1, (jnp.array(net.weights), jnp.array(net.biases))))()
    return run


def flow_by_diffrax(net: Any, data: Any, log_until: float) -> Runner | None:
    """Gradient flow in ln(t + 1) by Kvaerno5 of diffrax, compiled beforehand; None without it."""
    try:
        import diffrax
    except ImportError:
        return None
    x, y, outer = data.inputs, data.labels, net.output_weights

    def log_loss(parameters: tuple[jax.Array, jax.Array], s: Any) -> jax.Array:
        hidden = jax.nn.relu(x @ parameters[0].T + parameters[1])
        return jnp.exp(s - y * (hidden @ outer)).sum()

    def field(s: Any, parameters: Any, _: Any) -> Any:
        return jax.tree.map(jnp.negative, jax.grad(log_loss)(parameters, s))

    control = diffrax.PIDController(rtol=1e-8, atol=1e-8)
    terms, solver = diffrax.ODETerm(field), diffrax.Kvaerno5()

    @jax.jit
    def solved(until: Any, parameters: Any) -> Any:
        told = terms, solver, 0.0, until, 1e-3, parameters
        return diffrax.diffeqsolve(
            *told, stepsize_controller=control, max_steps=20_000, throw=False
        ).ys

    def to(until: float) -> Runner:
        return in_x64(lambda: solved(until, (jnp.array(net.weights), jnp.array(net.biases))))

    to(1e-6)()
    return to(log_until)


def in_x64(run: Runner) -> Runner:
    """Run in float64 to the end."""

    def wrapped() -> object:
        with jax.enable_x64(True):
            return jax.block_until_ready(run())

    return wrapped


def medians(runners: dict[str, Runner], repeats: int) -> dict[str, float]:
    """Median seconds of each; one untimed turn (compilation), then `repeats`, in turns."""
    times: dict[str, list[float]] = {name: [] for name in runners}
    for turn in range(repeats + 1):
        for name, run in runners.items():
            before = time.perf_counter()
            run()
            if turn > 0:
                times[name].append(time.perf_counter() - before)
    return {name: statistics.median(t) for name, t in times.items()}
