"""Time of one gradient-descent step: latephase against what a user would write instead.

10,000 trials of two neurons on two points, exponential loss, float64. All rows are measured in
one run, in turns, and compared by medians: `python benchmarks/step_kernel.py`. The limit is the
measured time of the two exponentials that every trial needs in every step.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from latephase.problem.methods import GradientDescent
from latephase.training import advance

TRIALS, STEPS, REPEATS, STEP_SIZE = 10_000, 200, 7, 0.1
INPUTS, LABELS, OUTPUT_WEIGHTS = np.array([[1.0], [-1.0]]), np.array([1.0, -1.0]), [1.0, -1.0]

Runner = Callable[[], object]


def draw() -> tuple[np.ndarray, np.ndarray]:
    """Weights (trial, neuron, feature) and biases (trial, neuron), standard normal."""
    normal = np.random.default_rng(0).normal
    return normal(size=(TRIALS, 2, 1)), normal(size=(TRIALS, 2))


def kernel(steps: int) -> Runner:
    """latephase: compensated parameters, error estimate, a count for each trial."""
    weights, biases = draw()
    return lambda: advance(
        weights,
        biases,
        np.full(TRIALS, steps),
        inputs=INPUTS,
        labels=LABELS,
        output_weights=np.array(OUTPUT_WEIGHTS),
        method=GradientDescent(STEP_SIZE),
    )


def torch_loop(steps: int, threads: int | None = None) -> Runner | None:
    """A batched autograd loop, PyTorch's threads or as many as given; None without PyTorch."""
    try:
        import torch
    except ImportError:
        return None
    threads = threads or torch.get_num_threads()
    x, y, v = (torch.tensor(np.array(a)) for a in (INPUTS, LABELS, OUTPUT_WEIGHTS))

    def run() -> object:
        torch.set_num_threads(threads)
        weights, biases = (torch.tensor(a, requires_grad=True) for a in draw())
        for _ in range(steps):
            hidden = torch.relu(torch.einsum("tjk,ik->tji", weights, x) + biases[:, :, None])
            loss = torch.exp(-y * torch.einsum("j,tji->ti", v, hidden)).sum()
            slopes = torch.autograd.grad(loss, (weights, biases))
            with torch.no_grad():
                weights -= STEP_SIZE * slopes[0]
                biases -= STEP_SIZE * slopes[1]
        return weights

    return run


def naive_jax(steps: int) -> Runner:
    """jax.grad in jax.lax.fori_loop, jitted."""

    def loss(parameters: tuple[jax.Array, jax.Array]) -> jax.Array:
        weights, biases = parameters
        hidden = jax.nn.relu(jnp.einsum("tjk,ik->tji", weights, INPUTS) + biases[:, :, None])
        outputs = jnp.einsum("j,tji->ti", jnp.array(OUTPUT_WEIGHTS), hidden)
        return jnp.exp(-LABELS * outputs).sum()

    def one(_: int, parameters: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        slopes = jax.grad(loss)(parameters)
        return tuple(p - STEP_SIZE * s for p, s in zip(parameters, slopes, strict=True))

    loop = jax.jit(lambda parameters: jax.lax.fori_loop(0, steps, one, parameters))
    return in_x64(lambda: loop(tuple(jnp.array(a) for a in draw())))


def jax_exponentials(steps: int) -> Runner:
    """Two exponentials per trial and step, nothing else, in one compiled loop."""
    loop = jax.jit(lambda a: jax.lax.fori_loop(0, steps, lambda _, b: jnp.exp(-b), a))
    return in_x64(lambda: loop(jnp.array(draw()[1])))


def numpy_exponentials(steps: int) -> Runner:
    """Two exponentials per trial and step, nothing else, in place."""
    arguments = -np.abs(draw()[1])
    out = np.empty_like(arguments)

    def run() -> object:
        for _ in range(steps):
            np.exp(arguments, out=out)
        return out

    return run


def in_x64(run: Runner) -> Runner:
    """Run in float64 to the end."""

    def wrapped() -> object:
        with jax.enable_x64(True):
            return jax.block_until_ready(run())

    return wrapped


def medians(runners: dict[str, Runner]) -> dict[str, float]:
    """Nanoseconds per trial and step; one untimed turn (compilation), then REPEATS in turns."""
    times: dict[str, list[float]] = {name: [] for name in runners}
    for turn in range(REPEATS + 1):
        for name, run in runners.items():
            before = time.perf_counter()
            run()
            if turn > 0:
                times[name].append(time.perf_counter() - before)
    return {name: statistics.median(t) / TRIALS / STEPS * 1e9 for name, t in times.items()}


def main() -> None:
    """Print the table."""
    runners = {
        "latephase": kernel(STEPS),
        "PyTorch autograd loop": torch_loop(STEPS),
        "the same, one thread": torch_loop(STEPS, threads=1),
        "jax.grad in lax.fori_loop": naive_jax(STEPS),
        "limit: 2 exp, jax": jax_exponentials(STEPS),
        "limit: 2 exp, numpy": numpy_exponentials(STEPS),
    }
    if runners["PyTorch autograd loop"] is None:
        print("PyTorch is not installed: its rows are left out (pip install torch)")
    result = medians({name: run for name, run in runners.items() if run is not None})
    print(f"{TRIALS} trials, {STEPS} steps, median of {REPEATS}, {jax.default_backend()}")
    print(f"{'':28}{'ns per trial and step':>22}{'relative to latephase':>24}")
    for name, spent in result.items():
        print(f"{name:28}{spent:22.1f}{spent / result['latephase']:23.2f}x")


if __name__ == "__main__":
    main()
