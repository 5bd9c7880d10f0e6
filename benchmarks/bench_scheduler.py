"""Dask's scheduler with 200 workers and shards that do nothing: how many shards a second it serves.

    python benchmarks/bench_scheduler.py [--workers 200] [--shards 4000]

Scheduler and client are in this process, all workers in another one, as coroutines of one loop,
each with its own connection and thread.  Shards go out as those of an ensemble do
(`core/cluster.over`), so that this is the load of a cluster without its work. docs/scale.md takes
its model from here.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import subprocess
import sys
import time

import dask

from latephase.core.cluster import over

SHARD_SECONDS = (1, 5, 30)  # of work, at which it is said how many workers are kept busy
TOGETHER = 20  # workers that start at a time
PATIENCE = 120  # seconds until all have
# What each worker does for itself many times a second: on a cluster, where each has a machine of
# its own, nobody waits for it; of 200 in one process it takes all there is.
ALONE = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "10s",
    "distributed.admin.system-monitor.interval": "10s",
}


def nothing(start: int) -> int:
    """A shard without work."""
    return start


async def workers(address: str, count: int) -> None:
    """So many workers of the scheduler at an address, until it ends."""
    from distributed import Worker

    kind = {"nthreads": 1, "host": "127.0.0.1", "dashboard": False, "memory_limit": 0}
    alive = []
    for _ in range(0, count, TOGETHER):
        few = [Worker(address, **kind) for _ in range(min(TOGETHER, count - len(alive)))]
        alive += await asyncio.gather(*few)
    await asyncio.gather(*(worker.finished() for worker in alive))


def main() -> None:
    """Start the workers, send the shards, print rates."""
    from distributed import Client, LocalCluster

    asked = argparse.ArgumentParser()
    asked.add_argument("--workers", type=int, default=200)
    asked.add_argument("--shards", type=int, default=4000)
    asked.add_argument("--of", help="address of the scheduler whose workers this process has")
    given = asked.parse_args()
    quiet = logging.CRITICAL
    if given.of:
        logging.getLogger("distributed").setLevel(quiet)
        with dask.config.set(ALONE):
            asyncio.run(workers(given.of, given.workers))
        return
    none = {"n_workers": 0, "processes": False, "protocol": "tcp://", "host": "127.0.0.1"}
    began = time.perf_counter()
    with (
        LocalCluster(**none, dashboard_address="127.0.0.1:0", silence_logs=quiet) as cluster,
        Client(cluster) as client,
    ):
        command = [sys.executable, __file__, "--of", cluster.scheduler_address]
        with subprocess.Popen([*command, "--workers", str(given.workers)]) as others:
            try:
                client.wait_for_workers(given.workers, timeout=PATIENCE)
                print(f"{given.workers} workers in {time.perf_counter() - began:.1f} s", flush=True)
                serve(client, given.shards)
            finally:
                others.terminate()


def serve(client, shards: int) -> None:
    """Send the shards, print rates."""
    began, spent = time.perf_counter(), time.process_time()
    done = sorted(start for start, _ in over(client, nothing, range(shards), "nothing"))
    seconds, spent = time.perf_counter() - began, time.process_time() - spent
    assert done == list(range(shards)), "every shard comes back once"
    each = spent / shards
    print(
        f"{shards:,} shards in {seconds:.1f} s: {shards / seconds:,.0f} a second; {1e3 * each:.1f}"
        f" ms of processor time each, of scheduler and client (load {os.getloadavg()[0]:.0f})"
    )
    for length in SHARD_SECONDS:
        print(f"  shards of {length:>2} s keep {length / each:,.0f} workers busy")


if __name__ == "__main__":
    main()
