"""Whole runs to 10^100 at four sizes: processor time of flow and descent, here and in another
checkout, in one interleaved run.

    python benchmarks/bench_general.py --sizes [--before SRC] [--problems 20] [--rivals]

SRC is the `src` folder of the other checkout, whose kernel has been built. Each checkout has a
process of its own, of one BLAS thread; they take turns, problem by problem, so that a loaded
machine slows both. Of descent, the time after its steps is what is left when that of ordinary steps
is taken off. With --rivals also diffrax, on the first problem, if it is installed.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

SIZES = ((8, 6, 2), (16, 20, 2), (32, 50, 5), (64, 100, 20))
BOUNDS = (0.020, 0.250, 1.0, 5.0)  # seconds, of a flow and of a descent after its steps
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
WARM = -1  # the seed before those that count, of a short run: imports and compilation


def problem(m: int, n: int, d: int, seed: int):
    """A network of output weights +-1/sqrt(m) on normal points that a median hyperplane parts."""
    import numpy as np

    import latephase as lp

    rng = np.random.default_rng(seed)
    x, normal = rng.normal(size=(n, d)), rng.normal(size=d)
    outer = np.where(np.arange(m) % 2 == 0, 1.0, -1.0) / np.sqrt(m)
    net = lp.ShallowReLU(rng.normal(size=(m, d)) / np.sqrt(d), 0.1 * rng.normal(size=m), outer)
    return net, lp.Dataset(x, np.where(x @ normal > np.median(x @ normal), 1, -1))


def answer() -> None:
    """What a worker does: for each line `m n d seed method samples` of its input, seconds, those of
    ordinary steps among them, the error reported, and ln L, on a line of its output."""
    import latephase as lp
    from latephase.late.chain import run_chain

    stepped, steps = run_chain.move_by_steps, [0.0]

    def timed(*told):
        before = time.process_time()
        found = stepped(*told)
        steps[0] += time.process_time() - before
        return found

    run_chain.move_by_steps = timed
    for line in sys.stdin:
        *size, seed, method, samples = line.split()
        m, n, d = map(int, size)
        net, data = problem(m, n, d, abs(int(seed)))
        how = lp.GradientFlow() if method == "flow" else lp.GradientDescent(0.1 / n)
        until = "1e100" if int(seed) >= 0 else "1e3"
        asked = {"at": [until]} if samples == "1" else {}
        steps[0], before = 0.0, time.process_time()
        path = lp.simulate(net, data, how, until=until, processes=1, **asked).trajectory
        spent = time.process_time() - before
        print(spent, steps[0], float(path.error[-1]), float(path.log_loss[-1]), flush=True)


class Checkout:
    """A process that answers for the package in some `src` folder."""

    def __init__(self, src: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **ONE_THREAD, "PYTHONPATH": str(src)},
        )

    def ask(self, size: tuple[int, int, int], seed: int, method: str, samples: int) -> list[float]:
        """Seconds, those of steps, error and ln L."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{' '.join(map(str, size))} {seed} {method} {samples}\n")
        self._process.stdin.flush()
        return [float(word) for word in self._process.stdout.readline().split()]

    def close(self) -> None:
        """End it."""
        self._process.communicate(timeout=60)


def table(before: str | None, problems: int, rivals: bool) -> None:
    """Print a line for each size and method."""
    here = Checkout(Path(__file__).parents[1] / "src")
    other = Checkout(Path(before)) if before else None
    print(
        f"  to 10^100, medians of {problems} problems, ms of processor time; ratio: before / here"
    )
    for size, bound in zip(SIZES, BOUNDS, strict=True):
        for method, samples in (("flow", 1), ("descent", 1), ("flow", 200)):
            if samples > 1 and size[2] > 2:  # margins are measured in the plane
                continue
            print(f"  {line(here, other, size, method, samples, problems, bound)}", flush=True)
        if rivals:
            print(f"  {against_diffrax(here, size)}", flush=True)
    for checkout in filter(None, (here, other)):
        checkout.close()


def line(
    here: Checkout,
    other: Checkout | None,
    size: tuple[int, int, int],
    method: str,
    samples: int,
    problems: int,
    bound: float,
) -> str:
    """One line of the table."""
    told = size, method, samples
    for checkout in filter(None, (here, other)):
        checkout.ask(told[0], WARM, *told[1:])
    ours, theirs = [], []
    for seed in range(problems):
        ours.append(here.ask(told[0], seed, *told[1:]))
        if other:
            theirs.append(other.ask(told[0], seed, *told[1:]))
    whole, after = (statistics.median(row[0] - k * row[1] for row in ours) for k in (0, 1))
    text = f"{size!s:<14} {method:<8} {samples:>3} samples: {1e3 * whole:8.1f}"
    if method == "descent":
        text += f", after its steps {1e3 * after:8.1f}"
    if samples == 1:
        text += f" (bound {1e3 * bound:.0f})"
    if theirs:
        ratio = statistics.median(b[0] / a[0] for a, b in zip(ours, theirs, strict=True))
        text += f"; before {1e3 * statistics.median(row[0] for row in theirs):8.1f}, {ratio:.2f}x"
        apart = [abs(a[3] - b[3]) / (1 + abs(b[3])) for a, b in zip(ours, theirs, strict=True)]
        text += f"; ln L apart by {max(apart):.0e}"
    return text


def against_diffrax(here: Checkout, size: tuple[int, int, int]) -> str:
    """The first problem by diffrax in log time, in this process."""
    import math

    from rivals import flow_by_diffrax

    run = flow_by_diffrax(*problem(*size, 0), log_until=100 * math.log(10))
    if run is None:
        return f"{size!s:<14} diffrax is not installed"
    before = time.process_time()
    run()
    spent, ours = time.process_time() - before, here.ask(size, 0, "flow", 1)[0]
    return f"{size!s:<14} diffrax / ours: {spent:.2f} s / {ours:.3f} s = {spent / ours:.1f} times"


if __name__ == "__main__":
    answer()
