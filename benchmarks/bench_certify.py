"""Certificates: time of one, of ten thousand, and of checking them, against stepping in balls.

The rival is what a user of python-flint would write: gradient descent in 128-bit balls, step by
step; what it proves ends at its last step.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable

import numpy as np

import latephase as lp
from latephase.certificates.check.verify import verify
from latephase.certificates.file.record import record
from latephase.core.balls import exact, precision

TRIALS, STEP_SIZE, RIVAL_STEPS = 10_000, 0.1, 10_000
DATA = lp.Dataset([1.0, -1.0], [1, -1])


def timed(run: Callable[[], object]) -> float:
    """Seconds of processor time of one call."""
    before = time.process_time()
    run()
    return time.process_time() - before


def in_balls(network: lp.ShallowReLU, steps: int) -> object:
    """Gradient descent in balls on the points +-1, every sign decided."""
    with precision(128):
        w, b = (
            [exact(float(x)) for x in part.ravel()] for part in (network.weights, network.biases)
        )
        eta = exact(STEP_SIZE)
        for _ in range(steps):
            a = [[w[j] + b[j], b[j] - w[j]] for j in (0, 1)]
            for i, sign in ((0, 1), (1, -1)):
                active = [j for j in (0, 1) if a[j][i] > 0]
                output = sum(((1, -1)[j] * a[j][i] for j in active), exact(0))
                pull = sign * eta * (-sign * output).exp()
                for j in active:
                    w[j], b[j] = w[j] + (1, -1)[j] * sign * pull, b[j] + (1, -1)[j] * pull
    return w, b


def slide() -> tuple[lp.ShallowReLU, lp.Dataset, lp.GradientDescent]:
    """A single slide on close points, which is proved after 6,215 steps."""
    net = lp.ShallowReLU([0.0625, -0.0625], [0.0, 1.0])
    return net, lp.Dataset([2.0, 3.0], [1, -1]), lp.GradientDescent(0.05)


def settled() -> tuple[lp.ShallowReLU, lp.Dataset, lp.GradientDescent]:
    """Eight neurons on six points of the plane, of two clusters; settled after 12,624 steps."""
    rng, aim, even = np.random.default_rng(26), np.array([1.5, 1.0]), np.arange(8) % 2 == 0
    points = np.concatenate([0.3 * rng.normal(size=(3, 2)) + y * aim for y in (1, -1)])
    w = rng.normal(size=(8, 2))
    w = np.where(((w @ aim > 0) == even)[:, None], w, -w)
    net = lp.ShallowReLU(w, 0.1 * rng.normal(size=8), np.where(even, 1.0, -1.0))
    return net, lp.Dataset(points, [1] * 3 + [-1] * 3), lp.GradientDescent(STEP_SIZE)


def further() -> None:
    """Runs of many steps, and how long they take at most."""
    for name, problem, bound in (
        ("single slide on (2, 3)", slide(), 0.05),
        ("settled (8, 6, 2)", settled(), 2.0),
    ):
        found = lp.certify(*problem)
        text = json.dumps(record(found))
        proving = min(timed(lambda p=problem: lp.certify(*p)) for _ in range(3))
        checking = min(timed(lambda t=text: verify(t)) for _ in range(3))
        print(f"{name}: certify {proving:.4f} s, verify {checking:.4f} s (at most {bound} s)")


def main() -> None:
    """Print the tables."""
    further()
    weights, biases = lp.initializers.he_normal(trials=TRIALS, seed=0)
    networks = [lp.ShallowReLU(w, b) for w, b in zip(weights, biases, strict=True)]
    method = lp.GradientDescent(STEP_SIZE)
    lp.certify(networks[0], DATA, method)
    found, spent, written = [], [], []
    for network in networks:
        before = time.process_time()
        found.append(lp.certify(network, DATA, method))
        spent.append(time.process_time() - before)
    for one in found:
        written.append(timed(lambda one=one: record(one)))
    files = [json.dumps(record(one)) for one in found]
    verify(files[0])
    checked = [timed(lambda text=text: verify(text)) for text in files]
    trained = [i for i, one in enumerate(found) if one.constant is not None]
    rival = timed(lambda: in_balls(networks[trained[0]], RIVAL_STEPS))
    rows = {
        "certify one, median": statistics.median(spent),
        "certify one that trains, median": statistics.median(spent[i] for i in trained),
        "certify one and write it, median": statistics.median(
            map(sum, zip(spent, written, strict=True))
        ),
        "verify one, median": statistics.median(checked),
        f"certify all {TRIALS:,}, one process": sum(spent),
        f"certify and write all {TRIALS:,}, one process": sum(spent) + sum(written),
        f"verify all {TRIALS:,}, one process": sum(checked),
        f"step one in balls to t = {RIVAL_STEPS:,} only": rival,
    }
    unit = rows["certify one that trains, median"]
    print(f"{'he_normal on +-1, step size 0.1':52}{'seconds':>12}{'ratio':>10}")
    for name, seconds in rows.items():
        print(f"{name:52}{seconds:12.5f}{seconds / unit:9.1f}x")
    proved = sum(one.verdict is lp.Verdict.PROVED for one in found)
    print(f"proved: {proved:,} of {TRIALS:,}")


if __name__ == "__main__":
    main()
