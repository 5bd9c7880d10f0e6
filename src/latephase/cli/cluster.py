"""The cluster of `--dask`, and none without it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distributed import Client


@contextmanager
def cluster(where: str | None) -> Iterator[Client | None]:
    """A client of the cluster at `where`; None without one."""
    if where is None:
        yield None
        return
    from latephase.core.cluster import connected

    with connected(where) as client:
        yield client
