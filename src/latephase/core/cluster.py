"""Work in shards on a Dask cluster: the only door to `distributed`.

Shards go to the workers, and what they turn their results into comes back here: these themselves,
or where they were written.  This process alone says which of that counts, so that a worker that was
given up for dead changes nothing.  Results do not depend on which worker made a shard, on their
order or number.
"""

from __future__ import annotations

import ctypes
import logging
import os
import secrets
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import metadata
from itertools import islice
from multiprocessing import parent_process
from typing import TYPE_CHECKING, Any, TypeVar

from latephase.core.errors import InputError, LatephaseError, Words
from latephase.core.workers import main_can_be_imported, one_thread

if TYPE_CHECKING:
    from distributed import Client

T = TypeVar("T")
Turn = Callable[[int, T], Any]

_AHEAD = 2  # shards for each thread of the workers: one in work, one that waits
_ASK = 5  # seconds after which it is asked again how many threads there are
_PATIENCE = 30  # seconds until a scheduler has answered, and the first worker has come
_DECIDES = ("latephase", "numpy", "scipy", "jax", "jaxlib", "xarray", "zarr")
_ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
_TRIMS = "MALLOC_TRIM_THRESHOLD_", "65536"  # what Dask sets for its workers
_KEPT = {-1: 2**26, -3: 2**25}  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD: what glibc comes to by itself
_ONE = threading.Lock()  # of a worker: one shard at a time, whatever the number of its threads
INSTALL = "pip install 'latephase[cluster]'"


@contextmanager
def connected(where: str) -> Iterator[Client]:
    """A client of the cluster at an address, in a scheduler file, or of `local:N` new workers.

    The workers of `local:N` end with the block, others stay.  Raises InputError where no scheduler
    answers, and where new workers would run the caller's script again.
    """
    with _dask():
        from distributed import Client, LocalCluster
    kind, _, number = where.partition(":")
    if kind == "local":
        if not number.isdecimal() or int(number) < 1:
            raise InputError("local:N with N processes", where, "say for example local:2")
        if parent_process() is None and not main_can_be_imported():
            got = Words(f"{where} in a script that its workers, which import it, would run again")
            do = 'put what the script does below `if __name__ == "__main__":`'
            raise InputError("a main module that can be imported", got, do)
        cluster = LocalCluster(
            n_workers=int(number),
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,  # what fails is told in one line of ours
            env={"XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} {_ONE_THREAD}".strip()},
        )
        with cluster, Client(cluster) as client:
            yield client
        return
    in_file = where.endswith(".json")
    if in_file and not os.path.exists(where):
        do = "start one: dask scheduler --scheduler-file FILE.json"
        raise InputError("the file that a scheduler wrote", where, do)
    known: dict[str, Any] = {"scheduler_file" if in_file else "address": where}
    try:
        client = Client(timeout=_PATIENCE, **known)
    except (OSError, TimeoutError, ValueError) as error:
        said = str(error).partition("\n")[0] or type(error).__name__
        do = "start one with `dask scheduler`, or say local:N"
        raise InputError("a Dask scheduler", Words(f"{where} ({said})"), do) from None
    with client:
        yield client


def over(
    client: Client,
    work: Callable[..., T],
    starts: Iterable[int],
    kept: str,
    needs: Callable[[int], Sequence[Any]] = lambda start: (start,),
    turn: Turn[T] | None = None,
    called: Callable[[int], str] = "the trials from {:,} on have".format,
) -> Iterator[tuple[int, Any]]:
    """work(*needs(start)) of every start as (start, result), in the order they are done in.

    turn: what becomes of a result on the worker, turn(start, result), and comes back in its place.
    work, turn and what needs, which is called here, gives must be picklable.  As many are sent out
    as the workers have hands for, and one more each.  A worker that dies is replaced by another:
    its shard is made again.  Raises InputError where the workers would compute something else,
    LatephaseError where a shard or the cluster fails; kept: what is said of the finished ones then;
    called: and of the one that failed.
    """
    with _dask():
        from cloudpickle import dumps
        from distributed import as_completed
    _refuse_others(client)
    left, token = iter(starts), secrets.token_hex(4)
    waiting: dict[Any, int] = {}
    ahead = _Ahead(client)

    def send(count: int) -> list[Any]:
        new = {}
        for start in islice(left, count):
            key = f"latephase-{token}-{start}"
            told = dumps((work, turn, start, *needs(start)))
            new[client.submit(_unpacked, told, key=key, pure=False)] = start
        waiting.update(new)
        return list(new)

    done = as_completed(send(ahead.shards()))
    try:
        for future in done:
            start = waiting.pop(future)
            try:
                found, said = future.result()
            except BaseException as error:
                raise _told(error, called(start), kept) from error
            future.release()
            for text in said:
                warnings.warn(text, stacklevel=4)
            done.update(send(max(1, ahead.shards() - len(waiting))))
            yield start, found
    finally:
        if waiting:
            with suppress(Exception):
                client.cancel(list(waiting), force=True)
    if client.status != "running":
        raise LatephaseError(f"the scheduler was lost; {kept}")


def _unpacked(told: bytes) -> tuple[Any, list[str]]:
    """On a worker: a shard of what was sent.

    What cannot be imported there fails here, in one line; a worker that reads it by itself ends,
    as do all others after it, and everybody waits.
    """
    from cloudpickle import loads

    return _made(*loads(told))


def _made(
    work: Callable[..., T], turn: Turn[T] | None, start: int, *given: Any
) -> tuple[Any, list[str]]:
    """On a worker: one shard, with one thread, of BLAS and XLA too, and the warnings on the way."""
    if "jax" not in sys.modules:
        flags = os.environ.get("XLA_FLAGS", "")
        if "multi_thread_eigen" not in flags:
            os.environ["XLA_FLAGS"] = f"{flags} {_ONE_THREAD}".strip()
    import numpy
    from threadpoolctl import threadpool_limits

    _keep_memory()
    with _ONE, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        with one_thread(), threadpool_limits(1), numpy.errstate(all="ignore"):
            found: Any = work(*given)
            if turn is not None:
                found = turn(start, found)
    return found, [str(one.message) for one in caught if one.category is UserWarning]


def _keep_memory() -> None:
    """Let the memory of an array serve the next one, as it does in any other process.

    By Dask's default glibc returns it and asks for it again, zeroed page by page: 0.9 s of the
    1.5 s of processor time that a batch of 10,000 pairs then takes.
    """
    name, usual = _TRIMS
    if sys.platform == "linux" and os.environ.get(name) == usual:
        for parameter, size in _KEPT.items():
            with suppress(AttributeError):  # another C library, which trims as it likes
                ctypes.CDLL(None).mallopt(parameter, size)


class _Ahead:
    """How many shards are out at a time; workers come and go, and are counted now and then."""

    def __init__(self, client: Client) -> None:
        self._client, self._threads, self._asked = client, 1, -float("inf")

    def shards(self) -> int:
        """As many as the workers have hands for, and one more each."""
        if time.monotonic() > self._asked + _ASK:
            self._threads = max(1, sum(self._client.nthreads().values()))
            self._asked = time.monotonic()
        return _AHEAD * self._threads


def _versions() -> dict[str, str]:
    """Of all that decides the bits of a result, on this machine."""
    found = {name: metadata.version(name) for name in _DECIDES}
    return {**found, "python": ".".join(map(str, sys.version_info[:2]))}


def _ours() -> dict[str, str]:
    return _versions()


def _refuse_others(client: Client) -> None:
    """Refuse what is no client, a cluster without workers, and workers of other versions."""
    if not hasattr(client, "submit") or getattr(client, "asynchronous", False):
        do = "pass distributed.Client(address)"
        raise InputError("a client of a Dask cluster, not an asynchronous one", client, do)
    ours = _ours()
    try:
        client.wait_for_workers(1, timeout=_PATIENCE)
        theirs = client.run(_versions)
    except TimeoutError:
        do = "start some: dask worker ADDRESS"
        raise InputError("a cluster with workers", Words("none"), do) from None
    except ImportError as error:  # raised there
        got, do = Words(str(error)), "install latephase there"
        raise InputError("workers that have latephase", got, do) from None
    for address, there in theirs.items():
        for name in ours:
            if there[name] != ours[name]:
                got = Words(f"{name} {there[name]} on the worker {address}")
                raise InputError(f"workers with {name} {ours[name]}", got, "install that there")


def _told(error: BaseException, shard: str, kept: str) -> BaseException:
    """What is raised where a shard has not come back."""
    from distributed import KilledWorker

    if not isinstance(error, Exception):
        if type(error).__name__ not in ("CancelledError", "FutureCancelledError"):
            return error
        return LatephaseError(f"the scheduler was lost; {kept}")
    if isinstance(error, KilledWorker):
        said = "workers died again and again, for want of memory perhaps"
        said += f"; last {shard} not been made"
    elif type(error).__name__ in ("CancelledError", "FutureCancelledError", "CommClosedError"):
        said = "the scheduler was lost"
    elif isinstance(error, LatephaseError):
        said = f"{shard} failed: {error}"
    else:
        first = str(error).partition("\n")[0]
        said = f"{shard} failed, {type(error).__name__}: {first}"
    return LatephaseError(f"{said}; {kept}")


@contextmanager
def _dask() -> Iterator[None]:
    try:
        yield
    except ImportError:
        raise InputError("Dask, which runs clusters", Words("none"), f"{INSTALL}") from None
