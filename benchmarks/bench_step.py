"""Time of one gradient-descent step: latephase against what a user would write instead.

10,000 trials of two neurons on two points. All rows are measured in one run, in turns, and compared
by medians. The limit is the measured time of the two exponentials that every trial needs in every
step.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from rivals import (
    INPUTS,
    LABELS,
    OUTPUT_WEIGHTS,
    STEP_SIZE,
    TRIALS,
    Runner,
    draw,
    in_x64,
    medians,
    naive_jax,
    torch_loop,
)

from latephase.problem.methods import GradientDescent
from latephase.training import advance

STEPS, REPEATS = 200, 7


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
        print("PyTorch is not installed: its rows are left out (make bench installs it)")
    result = medians({name: run for name, run in runners.items() if run is not None}, REPEATS)
    print(f"{TRIALS} trials, {STEPS} steps, median of {REPEATS}, {jax.default_backend()}")
    print(f"{'':28}{'ns per trial and step':>22}{'relative to latephase':>24}")
    for name, spent in result.items():
        print(f"{name:28}{spent / TRIALS / STEPS * 1e9:22.1f}{spent / result['latephase']:23.2f}x")


if __name__ == "__main__":
    main()
