"""Any shallow network: time to 10^100 and 10^1000, against brute force and LSODA written by hand.

The rivals for brute force, to the loss of 10^6 steps, are a loop in NumPy, as a user would write it
(20,000 steps are timed), and the package's own compiled step. The rival for gradient flow is what a
user of SciPy would write: LSODA on all parameters in log time, kinks left to its step control, at
the loosest of three tolerances that comes within 1e-8 of the engine; it is given a minute.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import sizes
from rivals import batched_descent, flow_by_diffrax
from scipy.integrate import LSODA

import latephase as lp
from latephase.late.layered.chain import LayeredChain
from latephase.late.modes import follow
from latephase.training import advance

SIZES = ((8, 6, 2, 20), (16, 20, 2, 10), (32, 50, 5, 3), (64, 100, 20, 1))  # m, n, d, problems
GD, UNTIL = lp.GradientDescent(0.1), "1e1000"
COUPLED = lp.Dataset([0.9, -0.4], [1, -1])  # k12 > 0: slides
TRIALS = 1000


def seconds(run: Callable[[], object]) -> float:
    """Seconds of one call."""
    before = time.perf_counter()
    run()
    return time.perf_counter() - before


def row(name: str, text: str) -> None:
    """One line of the table."""
    print(f"  {name:<58} {text}", flush=True)


def two_neurons() -> None:
    """Coupled two-neuron data to 10^1000: single runs after compilation, and a batch."""
    for method in (GD, lp.GradientFlow()):
        weights, biases = lp.initializers.standard_normal(trials=41, seed=1)
        nets = [lp.ShallowReLU(w, b) for w, b in zip(weights, biases, strict=True)]
        spent = [
            seconds(lambda net=net, m=method: lp.simulate(net, COUPLED, m, until=UNTIL, at=[UNTIL]))
            for net in nets
        ][1:]
        name = type(method).__name__
        row(f"two neurons, {name}, one run (median, slowest of 40)",
            f"{1e3 * statistics.median(spent):.0f} ms, {1e3 * max(spent):.0f} ms")  # fmt: skip
        batch = seconds(
            lambda m=method: lp.ensemble(
                "standard_normal", COUPLED, m, trials=TRIALS, seed=0, until=UNTIL, at=[UNTIL]
            )
        )
        row(f"two neurons, {name}, {TRIALS} runs", f"{batch:.1f} s")


def random_problem(m: int, n: int, d: int, seed: int = 0) -> tuple[lp.ShallowReLU, lp.Dataset]:
    """m neurons on n Gaussian points of d features with random labels."""
    rng = np.random.default_rng(seed)
    outer = np.where(np.arange(m) % 2 == 0, 1.0, -1.0)
    net = lp.ShallowReLU(rng.normal(size=(m, d)) / np.sqrt(m * d), 0.1 * rng.normal(size=m), outer)
    labels = np.where(np.arange(n) % 2 == 0, 1, -1)
    return net, lp.Dataset(rng.normal(size=(n, d)), labels)


def separated(m: int, n: int, d: int, seed: int = 0) -> tuple[lp.ShallowReLU, lp.Dataset]:
    """The same networks on points whose labels a hyperplane separates."""
    net, _ = random_problem(m, n, d, seed)
    rng = np.random.default_rng(seed + 1)
    normal, x = rng.normal(size=d), rng.normal(size=(n, d))
    return net, lp.Dataset(x, np.where(x @ normal > np.median(x @ normal), 1, -1))


def used(run: Callable[[], object]) -> float:
    """Seconds of processor time of one call."""
    before = time.process_time()
    run()
    return time.process_time() - before


def any_network() -> None:
    """Random networks to 10^100, medians of processor time: now, and by SciPy as without a
    compiler, the default 200 samples, and what a user would write, on the first of them.

    The rivals are a loop over jax.grad to 10^6 steps, the first hundred thousand of it, and diffrax
    in log time at a tolerance of 1e-8 in at most 20,000 steps; whether it is right, nobody asks.
    """
    for m, n, d, count in SIZES:
        problems = [separated(m, n, d, seed) for seed in range(count)]
        for method in (lp.GradientFlow(), lp.GradientDescent(0.1 / n)):
            name = f"m = {m}, n = {n}, d = {d} to 10^100, {type(method).__name__}"
            lp.simulate(*problems[0], method, until="1e3", at=["1e3"])
            ours = statistics.median(used(to_the_end(*p, method)) for p in problems)
            follow.COMPILED, compiled = False, follow.COMPILED
            before = statistics.median(used(to_the_end(*p, method)) for p in problems[:3])
            follow.COMPILED = compiled
            row(
                f"{name}: SciPy / ours",
                f"{before:.2f} s / {ours:.3f} s = {before / ours:.1f} times",
            )
        sampled = used(lambda p=problems[0]: lp.simulate(*p, lp.GradientFlow(), until="1e100"))
        row(f"m = {m}, n = {n}, d = {d}, flow, with 200 samples", f"{sampled:.3f} s")
        loop = 10 * used(batched_descent(*problems[0], steps=100_000))
        row(f"m = {m}, n = {n}, d = {d}, jax.grad to 10^6 only", f"{loop:.1f} s")
        rival = flow_by_diffrax(*problems[0], log_until=100 * np.log(10))
        spent = None if rival is None else used(rival)
        row(f"m = {m}, n = {n}, d = {d}, diffrax", f"{spent:.1f} s" if spent else "not installed")


def to_the_end(net: lp.ShallowReLU, data: lp.Dataset, method: object) -> Callable[[], object]:
    """A run to 10^100."""
    return lambda: lp.simulate(net, data, method, until="1e100", at=["1e100"])


def wide() -> None:
    """Width 64, 100 points, 20 features, to 10^100."""
    net, data = separated(64, 100, 20)
    for method in (lp.GradientDescent(1e-4), lp.GradientFlow()):
        found: list[lp.Run] = []
        spent = seconds(
            lambda m=method, f=found: f.append(
                lp.simulate(net, data, m, until="1e100", at=["1e6", "1e100"], processes=2)
            )
        )
        error = found[0].trajectory.error.values
        row(f"width 64, n = 100, d = 20 to 10^100, 2 cores, {type(method).__name__}",
            f"{spent:.1f} s ({found[0].outcome.name}, error {error[-1]:.0e})")  # fmt: skip


def both_layers() -> None:
    """Networks of trained output weights, every parameter N(0, 1), to 10^100; of descent, which
    steps up to 100,000 times, also what is left when its steps are taken off."""
    stepped, steps = LayeredChain._step, [0.0]

    def timed(chain: LayeredChain) -> None:
        steps[0] += used(lambda: stepped(chain))

    def shares(run: Callable[[], object]) -> tuple[float, float]:
        steps[0] = 0.0
        spent = used(run)
        return spent, spent - steps[0]

    problems = [drawn(8, 6, 2, seed) for seed in range(20)]
    LayeredChain._step = timed
    for method in (lp.GradientFlow(), lp.GradientDescent(0.05)):
        lp.simulate(*problems[0], method, until="1e3", at=["1e3"])
        found = [shares(to_the_end(*p, method)) for p in problems]
        whole, after = (1e3 * np.median(part) for part in zip(*found, strict=True))
        row(f"m = 8, n = 6, d = 2, both layers, {type(method).__name__}, to 10^100",
            f"{whole:.0f} ms, after its steps {after:.0f} ms (bound 100)")  # fmt: skip
    LayeredChain._step = stepped


def drawn(m: int, n: int, d: int, seed: int) -> tuple[lp.ShallowReLU, lp.Dataset]:
    """A network of trained output weights, all N(0, 1), on points that a hyperplane parts."""
    rng = np.random.default_rng(seed)
    x, normal = rng.normal(size=(n, d)), rng.normal(size=d)
    parts = rng.normal(size=(m, d)), rng.normal(size=m), rng.normal(size=m)
    labels = np.where(x @ normal > np.median(x @ normal), 1, -1)
    return lp.ShallowReLU(*parts, train_output=True), lp.Dataset(x, labels)


def brute_force() -> None:
    """One run to 10^6 steps: the step kernel against the general engine."""
    net, data = random_problem(8, 6, 2)
    gd = lp.GradientDescent(0.05)

    def stepped() -> object:
        return advance(
            net.weights[None], net.biases[None], np.array([1_000_000]), inputs=data.inputs,
            labels=data.labels, output_weights=net.output_weights, method=gd,
        )  # fmt: skip

    def followed() -> object:
        return lp.simulate(net, data, gd, until=1_000_000, at=[1_000_000], slide_tolerance=1e-3)

    def by_loop(steps: int = 20_000) -> None:
        z, y, v = np.c_[data.inputs, np.ones(data.n)], data.labels, net.output_weights
        theta = np.c_[net.weights, net.biases]
        for _ in range(steps):
            a = theta @ z.T
            pull = np.exp(-y * (v @ np.maximum(a, 0))) * y
            theta = theta + 0.05 * (((a > 0) * v[:, None] * pull) @ z)

    stepped(), followed()
    loop = 50 * seconds(by_loop)
    rival, ours = seconds(stepped), min(seconds(followed) for _ in range(3))
    for name, spent in (("loop in NumPy", loop), ("compiled steps", rival)):
        row(f"m = 8, n = 6, d = 2 to 10^6: {name} / following",
            f"{spent:.2f} s / {ours:.3f} s = {spent / ours:.0f} times")  # fmt: skip


def by_hand(
    net: lp.ShallowReLU, data: lp.Dataset, log_until: float, tolerance: float
) -> np.ndarray:
    """Gradient flow by LSODA on all parameters, in ln(t + 1)."""
    z = np.c_[data.inputs, np.ones(data.n)]
    v, y = net.output_weights, data.labels
    shape = (net.m, data.d + 1)

    def field(s: float, flat: np.ndarray) -> np.ndarray:
        a = flat.reshape(shape) @ z.T
        q = y * (v @ np.maximum(a, 0))
        pull = np.exp(np.minimum(s - q, 500)) * y
        return (((a > 0) * v[:, None] * pull) @ z).ravel()

    start = np.c_[net.weights, net.biases].ravel()
    solver = LSODA(field, 0.0, start, log_until, rtol=tolerance, atol=tolerance)
    began = time.perf_counter()
    while solver.status == "running" and time.perf_counter() - began < 60:
        solver.step()
    return solver.y.reshape(shape)


def second_solver() -> None:
    """Gradient flow at equal error: two neurons, decoupled (the rival's best case), and more."""
    decoupled = lp.Dataset([1.0, -1.0], [1, -1])
    two = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2])
    against_by_hand("two neurons on x = 1, -1", two, decoupled)
    for m, n, d in ((2, 2, 2), (16, 10, 10)):
        against_by_hand(f"m = {m}, n = {n}, d = {d}", *separated(m, n, d))


def against_by_hand(name: str, net: lp.ShallowReLU, data: lp.Dataset) -> None:
    """One problem, to 10^100."""

    def followed() -> lp.Run:
        return lp.simulate(net, data, lp.GradientFlow(), until="1e100", at=["1e100"])

    path = followed().trajectory
    truth = np.c_[path.weights.values[0], path.biases.values[0]]
    ours = min(seconds(followed) for _ in range(3))
    for tolerance in (1e-6, 1e-8, 1e-10):
        before = time.perf_counter()
        found = by_hand(net, data, 100 * np.log(10), tolerance)
        rival = time.perf_counter() - before
        off = float(np.abs(found - truth).max() / np.abs(truth).max())
        if off < 1e-8 or rival > 60:
            break
    row(f"flow, {name}, to 10^100: by hand / ours",
        f"{rival:.2f} s (off {off:.0e}) / {ours:.2f} s = {rival / ours:.1f} times")  # fmt: skip


def main() -> None:
    """Print the table; with --sizes that of `sizes` alone."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", action="store_true", help="whole runs at four sizes only")
    parser.add_argument("--before", metavar="SRC", help="src folder of a checkout to compare with")
    parser.add_argument("--problems", type=int, default=20, help="for each size")
    parser.add_argument("--rivals", action="store_true", help="also diffrax, where it is installed")
    told = parser.parse_args()
    if told.sizes:
        sizes.table(told.before, told.problems, told.rivals)
        return
    two_neurons()
    any_network()
    both_layers()
    brute_force()
    second_solver()
    wide()


if __name__ == "__main__":
    main()
