"""Ten thousand trials from initialisation to any horizon, against stepping them.

Rows are measured in one run, in turns, and compared by medians; a time in brackets is the bound of
its row on two idle cores. Against the rivals like is compared with like: first all return the
networks at 10^4 alone, then all keep the same log-spaced samples (the rivals weights, biases and
boundary; latephase also margin, deficit, loss and error).
"""

from __future__ import annotations

from rivals import LABELS, STEP_SIZE, TRIALS, Runner, medians, naive_jax, torch_loop

import latephase as lp
from latephase.core import LogTime, log_spaced
from latephase.problem import Dataset

END = 10_000
DATA = Dataset([1.0, -1.0], LABELS.astype(int))


def ensemble(until: str, trials: int = TRIALS, data: Dataset = DATA, **more: bool) -> Runner:
    """A He ensemble with 200 samples."""
    he, method = lp.initializers.he_normal, lp.GradientDescent(STEP_SIZE)
    asked = {"trials": trials, "seed": 0, "until": until, "samples": 200, **more}
    return lambda: lp.ensemble(he, data, method, **asked)


def at_times(times: list[str]) -> Runner:
    """The He ensemble on the points +-1 at the given times."""
    he, method = lp.initializers.he_normal, lp.GradientDescent(STEP_SIZE)
    return lambda: lp.ensemble(he, DATA, method, trials=TRIALS, seed=0, until=END, at=times)


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
        "10,000 trials to 10^1000, inputs 0.5, -0.5": ensemble(
            "1e1000", data=Dataset([0.5, -0.5], [1, -1])
        ),
        "10,000 trials to 10^1000, both layers (3 s)": ensemble("1e1000", train_output=True),
    }
    show("latephase, 200 samples", medians(horizons, 5), "10,000 trials to 10^1000")
    for samples, title in (
        (0, "10,000 trials to 10^4, the end alone"),
        (200, "the same, 200 samples"),
    ):
        print()
        show(title, medians(rivals(samples), 3), "latephase")


def rivals(samples: int) -> dict[str, Runner]:
    """latephase and what a user would write instead, to 10^4; 0 samples: the end alone."""
    times = log_spaced(LogTime.parse(END), samples)[1:] if samples else [LogTime.parse(END)]
    kept = [int(t.as_float) for t in times]
    table = {
        "latephase": at_times([str(t) for t in times]),
        "jax.grad in lax.fori_loop": naive_jax(END, kept),
        "PyTorch autograd loop": torch_loop(END, samples=set(kept)),
        "PyTorch autograd loop, one thread": torch_loop(END, threads=1, samples=set(kept)),
    }
    return {name: run for name, run in table.items() if run is not None}


if __name__ == "__main__":
    main()
