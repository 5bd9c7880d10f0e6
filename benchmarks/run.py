"""Runs every benchmark of this folder in turn, each in its own process; `make bench` calls it.

A benchmark is a file `bench_*.py` here that prints ratios measured in one run, and exits with 0.
Name some of them to run only those: `python benchmarks/run.py step ensemble`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def chosen(names: list[str]) -> list[Path]:
    """The benchmarks called for, all of them if none is named."""
    found = {path.stem.removeprefix("bench_"): path for path in sorted(HERE.glob("bench_*.py"))}
    unknown = [name for name in names if name not in found]
    if unknown:
        sys.exit(f"expected benchmarks out of {', '.join(found)}, got {', '.join(unknown)}")
    return [found[name] for name in names or found]


def main() -> None:
    """Run the benchmarks one after the other (side by side they would disturb each other)."""
    failed = []
    for path in chosen(sys.argv[1:]):
        print(f"== {path.stem.removeprefix('bench_')}", flush=True)
        if subprocess.run([sys.executable, str(path)], check=False).returncode:
            failed.append(path.name)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
