"""The same code on a GPU and on the CPU beside it: the step kernel and an ensemble.

Each device has a process of its own, because JAX chooses its platform once. Where JAX sees no GPU
the table says so and holds the CPU alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass

import jax
import numpy as np
from rivals import INPUTS, LABELS, OUTPUT_WEIGHTS, STEP_SIZE, Runner, medians

import latephase as lp
from latephase.problem.methods import GradientDescent
from latephase.training import advance

REPEATS = 3
TRIALS = (10_000, 100_000, 1_000_000)
PAIR, NETWORK = (2, 2, 1), (32, 50, 5)  # neurons, points, features
MOST_STEPS = 10**8  # of all pairs together: a few seconds of a CPU
SHOWN = 200  # trials whose numbers are compared


@dataclass(frozen=True)
class Row:
    """What one device has measured: seconds, and some of the numbers that came out."""

    seconds: float
    numbers: list[float]


def kernel(trials: int, shape: tuple[int, int, int], steps: int) -> Runner:
    """So many steps of gradient descent of all trials."""
    m, n, d = shape
    rng = np.random.default_rng(0)
    weights, biases = rng.normal(size=(trials, m, d)), rng.normal(size=(trials, m))
    inputs, labels, outer = rng.normal(size=(n, d)), np.sign(rng.normal(size=n)), np.ones(m)
    if shape == PAIR:
        inputs, labels, outer = INPUTS, LABELS, np.array(OUTPUT_WEIGHTS)
    outer[1::2] = -1.0
    method = GradientDescent(STEP_SIZE if n == 2 else STEP_SIZE / n / m)
    kind = {"inputs": inputs, "labels": labels, "output_weights": outer, "method": method}
    counts = np.full(trials, steps)
    return lambda: advance(weights, biases, counts, **kind).weights[:SHOWN]


def ensemble(trials: int) -> Runner:
    """A He ensemble on +-1 to 10^1000, whose steps before the late phase JAX makes."""
    data, method = lp.Dataset([1.0, -1.0], [1, -1]), lp.GradientDescent(STEP_SIZE)
    kind = {"trials": trials, "seed": 0, "until": "1e1000", "samples": 20}
    return lambda: lp.ensemble("he_normal", data, method, **kind).law_constant[:SHOWN]


def runners() -> dict[str, Runner]:
    """Every row of the table."""
    steps = {n: min(1000, MOST_STEPS // n) for n in TRIALS}
    rows = {f"{n:,} pairs, {steps[n]} steps": kernel(n, PAIR, steps[n]) for n in TRIALS}
    rows["1,000 networks of 32 on 50, 100 steps"] = kernel(1000, NETWORK, 100)
    return rows | {f"{n:,} pairs to 10^1000": ensemble(n) for n in TRIALS[:2]}


def measured() -> dict[str, Row]:
    """The rows on the platform that JAX has in this process."""
    rows = {}
    for name, run in runners().items():
        first = run()  # compiles
        seconds = medians({name: run}, REPEATS)[name]
        rows[name] = Row(seconds, np.ravel(np.asarray(first, float)).tolist())
    return rows


def on(platform: str) -> dict[str, Row]:
    """The rows on a platform, measured in a process of its own."""
    surroundings = os.environ | {"JAX_PLATFORMS": platform}
    command = [sys.executable, __file__, "--rows"]
    done = subprocess.run(command, env=surroundings, stdout=subprocess.PIPE, check=True)
    return {name: Row(**row) for name, row in json.loads(done.stdout.splitlines()[-1]).items()}


def main() -> None:
    """Print the table."""
    if "--rows" in sys.argv:
        print(json.dumps({name: asdict(row) for name, row in measured().items()}))
        return
    gpus = [one for one in jax.devices() if one.platform == "gpu"]
    cpu, gpu = on("cpu"), on("cuda") if gpus else {}
    name = gpus[0].device_kind if gpus else "none"
    print(f"{os.cpu_count()} CPU cores; GPU that JAX sees: {name}; float64, medians of {REPEATS}")
    print(f"{'':40}{'CPU, s':>10}{'GPU, s':>10}{'ratio':>9}{'apart':>10}")
    for row, one in cpu.items():
        text = f"{row:40}{one.seconds:10.3f}"
        if row in gpu:
            ours, theirs = np.array(one.numbers), np.array(gpu[row].numbers)
            apart = np.nanmax(np.abs(ours - theirs)) / np.nanmax(np.abs(ours))
            text += f"{gpu[row].seconds:10.3f}{one.seconds / gpu[row].seconds:8.2f}x{apart:10.1e}"
        print(text)


if __name__ == "__main__":
    main()
