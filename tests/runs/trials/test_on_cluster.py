"""The same bits from a Dask cluster as from one process: in memory, in stores, after faults."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

import latephase as lp
from latephase.certificates.ensemble import certify_ensemble
from latephase.core import cluster as ours

pytest.importorskip("distributed", reason="Dask is not installed (extra `cluster`)")
GD, LINE = lp.GradientDescent(0.1), lp.Dataset([1.0, -1.0], [1, -1])
PLANE = lp.Dataset([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]], [1, 1, -1])
SHARED = {"trials": 7, "seed": 3, "batch": 2, "at": ["0", "5", "1e30"]}
WIDE = {**SHARED, "width": 3, "output_weights": "alternating"}
COMPARED = {"trials": 5, "seed": 3, "batch": 2, "until": 20, "at": ["0", "20"]}
METHODS = [GD, lp.Adam(0.1)]
MAKERS = {
    "pairs": lambda **more: lp.ensemble("he_normal", LINE, GD, **SHARED, **more),
    "networks": lambda **more: lp.ensemble("he_normal", PLANE, lp.GradientFlow(), **WIDE, **more),
    "both layers": lambda **more: lp.ensemble(
        "he_normal", LINE, GD, **SHARED, train_output=True, **more
    ),
    "comparison": lambda **more: lp.compare("he_normal", LINE, METHODS, **COMPARED, **more),
    "certificates": lambda **more: certify_ensemble(
        "he_normal", LINE, GD, trials=600, seed=3, **more
    ),
}
# `make test` runs one of each way to work; the campaign runs all.
EVERYDAY = ("pairs", "networks")
marks = [
    pytest.param(name, marks=[] if name in EVERYDAY else pytest.mark.campaign) for name in MAKERS
]


@pytest.fixture(scope="module")
def client():
    with ours.connected("local:2") as found:
        yield found


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("name", marks)
def test_a_cluster_makes_the_same_bytes(name, client, tmp_path):
    """Ground truth: the store that one process writes."""
    make = MAKERS[name]
    make(out=tmp_path / "here.zarr", processes=1)
    told = []
    make(out=tmp_path / "there.zarr", client=client, progress=lambda *done: told.append(done))
    assert files(tmp_path / "there.zarr") == files(tmp_path / "here.zarr")
    assert told[-1][0] == told[-1][1] > 0
    assert len(told) >= 2


def test_in_memory_trials_are_in_their_order(client):
    """Ground truth: the same trials in one process."""
    make = MAKERS["pairs"]
    assert make(client=client).identical(make())


class Gone(BaseException):
    """The client's process ends here."""


@pytest.mark.parametrize("name", [pytest.param("pairs"), *marks[2:]])
def test_what_a_lost_client_had_written_is_gone_on_with(name, client, tmp_path):
    """Ground truth: the undisturbed store; the parts that were written are not made again."""
    make, store = MAKERS[name], tmp_path / "runs.zarr"
    make(out=tmp_path / "whole.zarr", processes=1)

    def stop(*_):
        raise Gone

    with pytest.raises(Gone):
        make(out=store, client=client, progress=stop)
    kept = files(tmp_path / "runs.zarr.partial")
    assert len(kept) < len(files(tmp_path / "whole.zarr"))
    make(out=store, client=client, resume=True)
    assert files(store) == files(tmp_path / "whole.zarr")


@pytest.mark.campaign
def test_a_worker_killed_in_the_middle_changes_nothing(tmp_path):
    """Ground truth: the store of one process; each of two workers is killed once, by the signal
    that the kernel sends where memory runs out."""
    make = MAKERS["networks"]
    make(out=tmp_path / "here.zarr", processes=1)
    with ours.connected("local:2") as client:
        victims = [worker["pid"] for worker in client.run(_about).values()]

        def kill(done: int, _: int) -> None:
            if victims:
                os.kill(victims.pop(), signal.SIGKILL)

        make(out=tmp_path / "there.zarr", client=client, progress=kill)
    assert not victims
    assert files(tmp_path / "there.zarr") == files(tmp_path / "here.zarr")


def _about() -> dict[str, int]:
    import os

    return {"pid": os.getpid()}


def test_on_a_full_disk_what_was_finished_is_kept(tmp_path, monkeypatch):
    """Ground truth: the undisturbed store; workers and client share this process, and its disk."""
    import errno

    from distributed import Client

    from latephase.store import disk

    make, store, real, left = MAKERS["pairs"], tmp_path / "runs.zarr", disk.write_new, [10**9]

    def full(path, made):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(path, made)

    monkeypatch.setattr(disk, "write_new", full)
    make(out=tmp_path / "whole.zarr", processes=1)
    needed = 10**9 - left[0]
    here = {"processes": False, "n_workers": 1, "threads_per_worker": 1}
    with Client(**here, dashboard_address="127.0.0.1:0") as client:
        left[0] = needed - 30  # in the last batch but one
        with pytest.raises(lp.LatephaseError, match=r"No space left on device.*was kept"):
            make(out=store, client=client)
        left[0] = 10**9
        make(out=store, client=client, resume=True)
    assert files(store) == files(tmp_path / "whole.zarr")


@pytest.mark.campaign
def test_a_killed_client_is_gone_on_with_elsewhere(tmp_path):
    """Ground truth: the undisturbed store; the client is killed with its cluster, and another
    process goes on without one."""
    import subprocess
    import sys
    import time

    make, store = MAKERS["pairs"], tmp_path / "runs.zarr"
    make(out=tmp_path / "whole.zarr", processes=1)
    words = "--init he_normal --inputs 1,-1 --labels 1,-1 --step-size 0.1 --trials 7 --seed 3"
    more = f"--batch 2 --at 0,5,1e30 --out {store} --dask local:1"
    command = [sys.executable, "-m", "latephase", "ensemble", *words.split(), *more.split()]
    partial = tmp_path / "runs.zarr.partial" / "boundary"
    with subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL) as started:
        until = time.monotonic() + 300
        while not list(partial.glob("c.*")) and started.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.01)
        os.killpg(started.pid, signal.SIGKILL)
    make(out=store, processes=1, resume=True)
    assert files(store) == files(tmp_path / "whole.zarr")
    assert {path.name for path in tmp_path.iterdir()} == {"whole.zarr", "runs.zarr"}


def test_the_second_client_on_one_store_is_refused(client, tmp_path):
    make, store = MAKERS["pairs"], tmp_path / "runs.zarr"

    def another(*_):
        with pytest.raises(lp.InputError, match="nobody else is writing"):
            make(out=store, client=client)
        raise Gone

    with pytest.raises(Gone):
        make(out=store, client=client, progress=another)


@pytest.mark.campaign
def test_on_the_command_line(tmp_path, monkeypatch):
    """Ground truth: the store that the command without --dask writes."""
    from latephase.cli import main

    words = (
        "ensemble --init he_normal --inputs 1,-1 --labels 1,-1 --step-size 0.1 --trials 6 --batch 2"
    )
    for more in (["--out", "here.zarr"], ["--out", "there.zarr", "--dask", "local:2"]):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(SystemExit) as ended:
            main([*words.split(), "--seed", "1", "--at", "0,1e9", *more])
        assert not ended.value.code
    assert files(tmp_path / "there.zarr") == files(tmp_path / "here.zarr")
