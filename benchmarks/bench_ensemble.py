"""Ten thousand trials from initialisation to any horizon, against stepping them.

Rows are measured in one run, in turns, and compared by medians; the rivals make their 10^4 steps in
full and record nothing, latephase records 200 samples of every trial.
"""

from __future__ import annotations

from rivals import LABELS, STEP_SIZE, TRIALS, Runner, medians, naive_jax, torch_loop

import latephase as lp
from latephase.problem import Dataset

DATA = Dataset([1.0, -1.0], LABELS.astype(int))


def ensemble(until: str, trials: int = TRIALS, data: Dataset = DATA) -> Runner:
    """A He ensemble with 200 samples."""
    he, method = lp.initializers.he_normal, lp.GradientDescent(STEP_SIZE)
    return lambda: lp.ensemble(he, data, method, trials=trials, seed=0, until=until, samples=200)


def show(title: str, seconds: dict[str, float], unit: str) -> None:
    """A table of seconds and ratios to the row `unit`."""
    print(f"{title:44}{'seconds':>10}{'ratio':>10}")
    for name, spent in seconds.items():
        print(f"{name:44}{spent:10.3f}{spent / seconds[unit]:9.2f}x")


def main() -> None:
    """Print the horizon table, then the rivals' table."""
    horizons = {
        "10,000 trials to 10^1000": ensemble("1e1000"),
        "10,000 trials to 10^6": ensemble("1e6"),
        "10,000 trials to 10^4": ensemble("1e4"),
        "5,000 trials to 10^1000": ensemble("1e1000", TRIALS // 2),
        "10,000 trials to 10^1000, inputs 3, -1": ensemble(
            "1e1000", data=Dataset([3, -1], [1, -1])
        ),
    }
    show("latephase, 200 samples", medians(horizons, 5), "10,000 trials to 10^1000")
    rivals = {
        "latephase, 200 samples": ensemble("1e4"),
        "jax.grad in lax.fori_loop": naive_jax(10_000),
        "PyTorch autograd loop, one thread": torch_loop(10_000, threads=1),
    }
    present = {name: run for name, run in rivals.items() if run is not None}
    print()
    show("10,000 trials to 10^4", medians(present, 1), "latephase, 200 samples")


if __name__ == "__main__":
    main()
