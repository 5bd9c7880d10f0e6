"""A cluster against one process, in turns, with one worker and two; and a million trials stored.

    python benchmarks/bench_cluster.py [--quick]

Bounds: two workers are at least 1.7 times as fast as one process, on 10^5 pairs and on 500 general
networks, and one worker takes at most 1.1 times as long; of a core each, as a worker has one. A
process by itself runs pairs on all cores: that is printed, too. 10^6 pairs of 50 samples each
take at most 2 GB, quantiles of them included. All have compiled what they need beforehand.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import latephase as lp
from latephase.core.cluster import connected

PAIRS, NETWORKS, SAMPLES = 100_000, 500, 200
MILLION, FEWER = 1_000_000, 50
REPEATS = 3
BOUNDS = {"one worker": 0.91, "two workers": 1.70}
LINE, DESCENT = lp.Dataset([1.0, -1.0], [1, -1]), lp.GradientDescent(0.1)
PLANE = lp.Dataset([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0], [-1.0, 0.5]], [1, 1, -1, -1])
Make = Callable[..., Any]


def pairs(trials: int, out: Path, **more: Any) -> None:
    """A He ensemble of pairs in a store, in ten batches."""
    kind = {"trials": trials, "seed": 0, "samples": SAMPLES, "out": out, "batch": trials // 10}
    lp.ensemble("he_normal", LINE, DESCENT, **kind, **more)


def networks(trials: int, out: Path, **more: Any) -> None:
    """An ensemble of networks that go one by one, in a store."""
    kind = {"width": 4, "output_weights": "alternating", "at": ["0", "1e10", "1e1000"]}
    kind |= {"trials": trials, "seed": 0, "batch": 10, "out": out}
    lp.ensemble("he_normal", PLANE, DESCENT, **kind, **more)


def main() -> None:
    """Print the table."""
    if "--million" in sys.argv:
        million(Path(sys.argv[-1]))
        return
    scale = 10 if "--quick" in sys.argv else 1
    with tempfile.TemporaryDirectory(prefix="latephase-") as folder:
        place = Path(folder) / "runs.zarr"
        many, few = PAIRS // scale, NETWORKS // scale
        table(f"{many:,} pairs, {SAMPLES} samples", pairs, many, place, first=20_000)
        table(f"{few:,} networks", networks, few, place, first=20)
        subprocess.run(
            [sys.executable, __file__, "--million", str(MILLION // scale), str(place)], check=True
        )


def table(title: str, make: Make, trials: int, place: Path, *, first: int) -> None:
    """Medians over turns: one process, on one core and on all; one worker, two workers.

    Processor time is that of this process and all workers; `first` trials compile, unmeasured.
    """
    with connected("local:1") as one, connected("local:2") as two:
        ways: dict[str, tuple[Any, dict[str, Any]]] = {
            "one process": (one_core, {"processes": 1}),
            "one worker": (nullcontext, {"client": one}),
            "two workers": (nullcontext, {"client": two}),
            "one process, all cores": (nullcontext, {"processes": 1}),
        }
        spent: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for turn in range(REPEATS + 1):
            for name, (within, way) in ways.items():
                began, busy = time.perf_counter(), processor_time(way)
                with within():
                    make(trials if turn else min(trials, first), place, **way)
                if turn:
                    took = time.perf_counter() - began, processor_time(way) - busy
                    spent[name].append(took)
                shutil.rmtree(place)
    print(f"{title} (load {os.getloadavg()[0]:.0f})", flush=True)
    alone = spent["one process"]
    for name, took in spent.items():
        seconds, busy = (statistics.median(column) for column in zip(*took, strict=True))
        faster = statistics.median(a[0] / b[0] for a, b in zip(alone, took, strict=True))
        bound = f" (at least {BOUNDS[name]:.2f})" if name in BOUNDS else ""
        print(
            f"  {name:<22} {seconds:6.1f} s, {busy:6.1f} s of processor time,"
            f" {faster:.2f} times as fast{bound}",
            flush=True,
        )


@contextmanager
def one_core() -> Iterator[None]:
    """Within, this thread and those that it starts share one core (on Linux)."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def processor_time(way: dict[str, Any]) -> float:
    """Seconds so far, of this process and the workers of a way."""
    others = way["client"].run(time.process_time).values() if "client" in way else ()
    return time.process_time() + sum(others)


def million(place: Path) -> None:
    """Write many trials, compute quantiles lazily, and print seconds, bytes and the peak."""
    import xarray as xr

    trials, began = int(sys.argv[-2]), time.perf_counter()
    kind = {"trials": trials, "seed": 0, "samples": FEWER, "out": place}
    lp.ensemble("he_normal", LINE, DESCENT, **kind)
    written = time.perf_counter() - began
    size = sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
    began = time.perf_counter()
    runs = xr.open_zarr(place, consolidated=False, chunks={})
    late = runs.margin_deficit.isel(time=[0, -2, -1]).chunk(trial=-1, time=1)
    found = late.quantile([0.05, 0.5, 0.95], "trial").compute(scheduler="synchronous")
    reduced = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{trials:,} pairs of {FEWER} samples: written in {written:.1f} s, {size / 1e9:.2f} GB;")
    print(f"  quantiles at 3 times in {reduced:.1f} s: {found.values[1].round(6)} (medians)")
    print(f"  peak {peak:.2f} GB (at most 2)")


if __name__ == "__main__":
    main()
