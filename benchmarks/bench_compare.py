"""Many methods side by side: time of a whole comparison, and what the common interface costs.

The comparison is all methods, 1,000 trials, 100,000 updates on x = 1, -1. The cost of the interface
is the time of `follow` over that of a loop written by hand for the same method, in the same layout
and with the same (ln L, grad L / L), measured in turns in one run: a loop that keeps the same books
(compensated parameters and flow time), and a bare one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from rivals import in_x64, medians

import latephase as lp
from latephase.experiments.remedies.compared import ALL
from latephase.training.loops.follow import follow
from latephase.training.methods.table import named, stepped

TRIALS, STEPS, REPEATS, STEP_SIZE = 512, 5_000, 7, 0.1
WHOLE_TRIALS, WHOLE_STEPS = 1_000, 100_000
DATA = lp.Dataset([1.0, -1.0], [1, -1])
OUTER = np.array([1.0, -1.0])

Carry = Any


def gradient(w: Any, b: Any) -> tuple[Any, Any]:
    """ln L and grad L / L of (neuron, [w, b], trial), written for two neurons and x = 1, -1."""
    a1, a2 = w + b, b - w  # pre-activations at x = 1 and x = -1, (neuron, trial)
    q1 = jnp.maximum(a1[0], 0) - jnp.maximum(a1[1], 0)
    q2 = jnp.maximum(a2[1], 0) - jnp.maximum(a2[0], 0)
    top = jnp.maximum(-q1, -q2)
    e1, e2 = jnp.exp(-q1 - top), jnp.exp(-q2 - top)
    total = e1 + e2
    signs = jnp.array([1.0, -1.0])[:, None]
    p1 = jnp.where(a1 > 0, signs * (e1 / total), 0)
    p2 = jnp.where(a2 > 0, -signs * (e2 / total), 0)
    return top + jnp.log(total), -jnp.stack([p1 - p2, p1 + p2], axis=1)


def gradient_descent(log_loss: Any, direction: Any, memory: Any) -> tuple[Any, Any]:
    """-step_size grad L."""
    return -STEP_SIZE * jnp.exp(log_loss) * direction, memory


def loss_scaled(log_loss: Any, direction: Any, memory: Any) -> tuple[Any, Any]:
    """-step_size grad L / L."""
    return -STEP_SIZE * direction, memory


def heavy_ball(log_loss: Any, direction: Any, velocity: Any) -> tuple[Any, Any]:
    """Momentum 0.9."""
    velocity = 0.9 * velocity - STEP_SIZE * jnp.exp(log_loss) * direction
    return velocity, velocity


_ADAM = optax.adam(STEP_SIZE)


def adam(log_loss: Any, direction: Any, state: Any) -> tuple[Any, Any]:
    """optax.adam on grad L."""
    return _ADAM.update(jnp.exp(log_loss) * direction, state)


BY_HAND: dict[str, tuple[Callable[..., tuple[Any, Any]], Callable[[Any], Any]]] = {
    "gd": (gradient_descent, lambda theta: ()),
    "loss_scaled": (loss_scaled, lambda theta: ()),
    "heavy_ball": (heavy_ball, jnp.zeros_like),
    "adam": (adam, lambda theta: _ADAM.init(theta)),
}


def bare(change: Callable[..., tuple[Any, Any]], carry: Carry) -> Carry:
    """One update, and nothing else: what a first attempt would be."""
    theta, memory, *rest = carry
    moved, memory = change(*gradient(theta[:, 0], theta[:, 1]), memory)
    return theta + moved, memory, *rest


def booked(change: Callable[..., tuple[Any, Any]], carry: Carry) -> Carry:
    """One update with what `follow` keeps: compensated parameters and the flow time."""
    theta, memory, low, total, scale = carry
    w, b = theta[:, 0] + low[:, 0], theta[:, 1] + low[:, 1]
    log_loss, direction = gradient(w, b)
    moved, memory = change(log_loss, direction, memory)
    part = low + moved
    high = theta + part
    back = high - theta
    low = (theta - (high - back)) + (part - back)
    sizes = [sum(a[j, k] ** 2 for j in (0, 1) for k in (0, 1)) for a in (moved, direction)]
    step = jnp.sqrt(sizes[0] / jnp.where(sizes[1] > 0, sizes[1], jnp.inf))
    less = jnp.exp(-jnp.abs(scale + log_loss))
    total = jnp.where(-log_loss > scale, total * less + step, total + step * less)
    return high, memory, low, total, jnp.maximum(scale, -log_loss)


def start(trials: int) -> tuple[np.ndarray, np.ndarray]:
    """Initial networks."""
    return lp.initializers.get("standard_normal")(trials=trials, seed=0)


def by_hand(text: str, update: Callable[..., Carry]) -> Callable[[], Any]:
    """The loop for one method, compiled, from the same start."""
    change, begin = BY_HAND[text]
    weights, biases = start(TRIALS)
    theta = np.moveaxis(np.concatenate([weights, biases[..., None]], axis=-1), 0, -1)

    @partial(jax.jit, compiler_options={"xla_cpu_prefer_vector_width": 512})
    def loop(carry: Carry, count: Any) -> Carry:
        return jax.lax.fori_loop(0, count, lambda _, now: update(change, now), carry)

    def run() -> Any:
        high, none = jnp.asarray(theta), jnp.zeros(TRIALS)
        return loop((high, begin(high), 0 * high, none, none - jnp.inf), STEPS)

    return in_x64(run)


def by_interface(text: str) -> Callable[[], Any]:
    """`follow`, the loop of all methods."""
    weights, biases = start(TRIALS)
    method = stepped(named(text, STEP_SIZE))
    data = {"inputs": DATA.inputs, "labels": DATA.labels, "output_weights": OUTER}
    return lambda: follow(weights, biases, [STEPS], method=method, **data)


def main() -> None:
    """Print both tables."""
    print(f"{TRIALS} trials, {STEPS} updates, median of {REPEATS}, {jax.default_backend()}")
    print("ns per trial and update; ratio of the interface to each loop")
    print(f"{'method':14}{'interface':>10}{'same books':>12}{'bare loop':>12}")
    for text in BY_HAND:
        loops = {"books": by_hand(text, booked), "bare": by_hand(text, bare)}
        found = medians({"interface": by_interface(text), **loops}, REPEATS)
        each = {name: spent / TRIALS / STEPS * 1e9 for name, spent in found.items()}
        ratios = [f"{each['interface'] / each[name]:.2f}x" for name in loops]
        shown = f"{each['books']:6.1f}{ratios[0]:>6}{each['bare']:6.1f}{ratios[1]:>6}"
        print(f"{text:14}{each['interface']:10.1f}{shown}")
    began = time.perf_counter()
    methods = [named(text, STEP_SIZE) for text in ALL]
    settings = {"trials": WHOLE_TRIALS, "seed": 0, "until": WHOLE_STEPS, "samples": 31}
    lp.compare("he_normal", DATA, methods, **settings)
    spent = time.perf_counter() - began
    print(f"{len(ALL)} methods, {WHOLE_TRIALS} trials, {WHOLE_STEPS} updates: {spent:.0f} s")


if __name__ == "__main__":
    main()
