"""Stores of objects, in the memory of this process and on an S3 server: as on a disk, but in place.

Ground truth: the files that the same work leaves on a disk.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import latephase as lp
from helpers import message_is_one_line
from latephase.store import objects as ours
from latephase.store.arrays import Arrays
from latephase.store.object_work import ObjectWork
from latephase.store.objects import LOCK, InPlace, ObjectLock, Objects
from latephase.store.work import Work

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed (extra `objects`)")
SETTINGS = {"written_by": "latephase", "seed": 1, "trials": 5}
EMPTY = xr.Dataset(
    {"x": (("trial", "time"), np.empty((0, 1))), "name": ("trial", np.array([], "<U4"))},
    {"time": ("time", ["0"])},
    attrs=SETTINGS,
)
FORM = Arrays(EMPTY, 5, 2)
DATA, METHOD = lp.Dataset([1.0, -1.0], [1, -1]), lp.GradientDescent(0.1)
RUNS = {"trials": 7, "seed": 3, "batch": 2, "at": ["0", "5", "1e30"]}


def part(start: int):
    trials = range(start, min(start + 2, 5))
    return {"x": np.array([[i / 3] for i in trials]), "name": np.array(["ab" for _ in trials])}


def make(out: object, stop: int = 9, how=ObjectWork, settings=SETTINGS, **options) -> None:
    with how(out, FORM, settings, **options) as work:
        pen = work.pen()
        for start in work.left():
            if start >= stop:
                return
            work.add(start, pen(start, part(start)))
        if not work.complete:
            work.publish()


def files(folder: Path) -> dict[str, bytes]:
    return {
        f.relative_to(folder).as_posix(): f.read_bytes() for f in folder.rglob("*") if f.is_file()
    }


def contents(url: str) -> dict[str, bytes]:
    there = Objects(url)
    return {name: there.read(name) for name in there.sizes()}


@pytest.fixture(scope="module")
def server():
    """The address of an S3 server in this process."""
    pytest.importorskip("s3fs", reason="s3fs is not installed")
    moto = pytest.importorskip("moto.server", reason="moto is not installed")
    running = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


# On the server they take a second each.
@pytest.fixture(params=["memory", pytest.param("s3", marks=pytest.mark.campaign)])
def url(request, monkeypatch, tmp_path) -> str:
    """Where nothing is yet."""
    name = tmp_path.name.replace("_", "-")
    if request.param == "memory":
        return f"memory://{name}/runs.zarr"
    address = request.getfixturevalue("server")
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(key, "none")
    monkeypatch.setenv("FSSPEC_S3_ENDPOINT_URL", address)  # for the command line
    bounded = {"connect_timeout": 5, "read_timeout": 20, "retries": {"max_attempts": 2}}
    usual = {"endpoint_url": address, "config_kwargs": bounded}
    monkeypatch.setitem(fsspec.config.conf, "s3", usual)
    fsspec.filesystem("s3").mkdir(name)
    return f"s3://{name}/runs.zarr"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(ours, "_BEAT", 0.05)


def test_a_store_of_objects_is_that_of_a_disk(url, tmp_path):
    make(tmp_path / "runs.zarr", how=Work)
    make(url)
    assert contents(url) == files(tmp_path / "runs.zarr")
    assert not Objects(f"{url}.partial").sizes()


@pytest.mark.parametrize("stop", [0, 2, 4])
def test_what_is_not_complete_is_no_store_and_is_gone_on_with(url, tmp_path, stop):
    make(tmp_path / "runs.zarr", how=Work)
    make(url, stop)
    with pytest.raises(FileNotFoundError, match=r"runs\.zarr"):
        xr.open_zarr(url, consolidated=False)
    notes = [name for name in Objects(f"{url}.partial").sizes() if name.startswith("part-")]
    assert len(notes) == stop // 2
    made = []
    with ObjectWork(url, FORM, SETTINGS, resume=True) as work:
        for start in work.left():
            made.append(start)
            work.add(start, work.pen()(start, part(start)))
        work.publish()
    assert made == [start for start in (0, 2, 4) if start >= stop]
    assert contents(url) == files(tmp_path / "runs.zarr")


@pytest.mark.parametrize("name", ["x/c.1.0", "zarr.json", "x/zarr.json"])
@pytest.mark.parametrize("how", ["changed", "removed"])
def test_what_was_damaged_is_made_again(url, tmp_path, name, how):
    """Ground truth: the undamaged store; a missing chunk is not read as fill values meanwhile."""
    make(url)
    there, whole = Objects(url), contents(url)
    there.remove([name])
    if how == "changed":
        there.write({name: whole[name][:-1] + b"?"})
    elif name == "x/c.1.0":
        with pytest.raises(FileNotFoundError, match="is missing: make it again with resume"):
            FORM.read(url).x.values.sum()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        make(url, resume=True)
    assert contents(url) == whole
    assert bool(told) == ("c.1" in name)


def test_a_complete_store_is_not_made_again(url):
    make(url)
    with ObjectWork(url, FORM, SETTINGS, resume=True) as work:
        assert work.complete
        assert list(work.left()) == []
    with pytest.raises(lp.InputError, match="an output that is new") as caught:
        make(url)
    assert message_is_one_line(caught.value)


def test_other_settings_are_refused_and_replaced_with_force(url):
    make(url, 2)
    other = {**SETTINGS, "seed": 2}
    with pytest.raises(lp.InputError, match="the seed of the ensemble to resume, 1, got 2"):
        make(url, settings=other, resume=True)
    with pytest.warns(UserWarning, match="1 finished batches .* are given up"):
        make(url, settings=other)
    before = contents(url)
    make(url, force=True)
    assert contents(url) != before
    assert contents(url).keys() == before.keys()


@pytest.mark.parametrize("resume", [False, True])
def test_what_is_anothers_is_refused(url, resume):
    Objects(url).write({"notes.txt": b"mine"})
    with pytest.raises(lp.InputError, match=r"which holds notes\.txt"):
        make(url, resume=resume)
    assert contents(url) == {"notes.txt": b"mine"}
    assert not Objects(f"{url}.partial").sizes()


def test_a_stranger_that_comes_while_it_is_made_keeps_it_from_being_a_store(url):
    with ObjectWork(url, FORM, SETTINGS) as work:
        for start in work.left():
            work.add(start, work.pen()(start, part(start)))
        Objects(url).write({"notes.txt": b"mine"})
        with pytest.raises(lp.LatephaseError, match=r"notes\.txt .* none of latephase's"):
            work.publish()
    with pytest.raises(FileNotFoundError):
        xr.open_zarr(url, consolidated=False)


def test_a_second_writer_is_refused_by_name(url):
    with ObjectWork(url, FORM, SETTINGS) as work:
        work.add(0, work.pen()(0, part(0)))
        with pytest.raises(lp.InputError, match=r"nobody else is writing, got .* process"):
            make(url, resume=True)
    make(url, resume=True)


def test_the_lock_of_a_dead_one_is_taken(url, tmp_path, monkeypatch):
    """Ground truth: the undisturbed store; nobody renews what a killed process has left."""
    make(tmp_path / "runs.zarr", how=Work)
    make(url, 2)
    beside = Objects(f"{url}.partial")
    assert beside.create(LOCK, json.dumps({"token": "dead", "beat": 7}).encode())
    monkeypatch.setattr(ours, "_PATIENCE", 0.5)
    make(url, resume=True)
    assert contents(url) == files(tmp_path / "runs.zarr")


def test_who_has_lost_the_lock_adds_nothing(url, monkeypatch):
    monkeypatch.setattr(ours, "_BEAT", 60)  # else one may be under way while the lock is taken
    beside = Objects(f"{url}.partial")
    with ObjectWork(url, FORM, SETTINGS) as work:
        pen = work.pen()
        beside.write({LOCK: json.dumps({"token": "another"}).encode()})
        files = pen(0, part(0))
        assert all(isinstance(one, bytes) for one in files.values())  # nor has its worker
        with pytest.raises(lp.LatephaseError, match=r"the lock of .* was removed or taken"):
            work.add(0, files)
    assert beside.sizes().keys() == {LOCK, "begun.json"}
    assert beside.read(LOCK) is not None  # which is another's


def test_one_of_many_gets_the_lock(url):
    """Ground truth: objects are created once, whatever else is tried at the same time."""
    from concurrent.futures import ThreadPoolExecutor

    beside = Objects(f"{url}.partial")
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda k: beside.create(LOCK, bytes([k])), range(8)))
    assert won.count(True) == 1
    assert beside.read(LOCK) == bytes([won.index(True)])


def test_a_worker_writes_in_place_only_where_it_sees_the_lock(url):
    beside = Objects(f"{url}.partial")
    put = InPlace(url, beside.url, "token")
    assert put({"x/c.0": b"1"}) == {"x/c.0": b"1"}
    assert not Objects(url).sizes()
    beside.write({LOCK: b'{"token": "token"}'})
    assert put({"x/c.0": b"1"})["x/c.0"].sum[0] == 1
    assert contents(url) == {"x/c.0": b"1"}


def test_a_failing_system_is_told_in_one_line(url, monkeypatch):
    with ObjectWork(url, FORM, SETTINGS) as work:
        work.add(0, work.pen()(0, part(0)))

        def full(*_):
            raise RuntimeError("no room\non the server")

        monkeypatch.setattr(work._store._system, "pipe", full)
        with pytest.raises(
            lp.LatephaseError, match=r"could not write .*no room\); what it"
        ) as told:
            work.add(2, work.pen()(2, part(2)))
    assert "\n" not in str(told.value)
    monkeypatch.undo()


@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("nothing://a/b", "a URL that fsspec knows"),
        ("http://127.0.0.1:1/a", "an output that can be|a URL that fsspec knows"),
    ],
)
def test_what_cannot_be_written_is_refused(out, said):
    with pytest.raises(lp.InputError, match=said) as caught:
        make(out)
    assert message_is_one_line(caught.value)


def test_the_lock_is_renewed_until_it_is_released(url):
    beside = Objects(f"{url}.partial")
    lock = ObjectLock(beside, url)
    first = beside.read(LOCK)
    until = time.monotonic() + 20
    while beside.read(LOCK) == first:
        assert time.monotonic() < until
    lock.check()
    lock.release()
    assert beside.read(LOCK) is None


@pytest.mark.slow
def test_an_ensemble_in_objects_is_the_one_on_disk(url, tmp_path):
    """Ground truth: the store on disk; quantiles of it are computed lazily."""
    pytest.importorskip("dask", reason="Dask is not installed (extra `cluster`)")
    lp.ensemble("he_normal", DATA, METHOD, out=tmp_path / "runs.zarr", **RUNS)
    found = lp.ensemble("he_normal", DATA, METHOD, out=url, **RUNS)
    assert contents(url) == files(tmp_path / "runs.zarr")
    lazy = xr.open_zarr(url, consolidated=False, chunks={})
    quantiles = lazy.boundary.chunk(trial=-1, time=1).quantile([0.25, 0.5], "trial")
    here = np.nanquantile(found.boundary.values, [0.25, 0.5], axis=0)
    np.testing.assert_allclose(quantiles.values, here, rtol=1e-12, atol=0)


@pytest.mark.slow
def test_ctrl_c_keeps_what_was_finished(url, tmp_path):
    """Ground truth: the store that nobody interrupted, byte for byte; no batch is made twice."""
    lp.ensemble("he_normal", DATA, METHOD, out=tmp_path / "runs.zarr", **RUNS)
    told = []

    def interrupted(done: int, of: int) -> None:
        told.append(done)
        if done >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lp.ensemble("he_normal", DATA, METHOD, out=url, progress=interrupted, **RUNS)
    beside = Objects(f"{url}.partial")
    noted = [name for name in beside.sizes() if name.startswith("part-")]
    assert 0 < len(noted) < 4
    assert beside.read(LOCK) is None  # the next one need not wait until it counts as dead
    with pytest.raises(FileNotFoundError):
        xr.open_zarr(url, consolidated=False)
    kept = {name: contents(url)[name] for name in contents(url) if "/c." in name}
    made, add = [], ObjectWork.add
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ObjectWork, "add", lambda w, k, f: (made.append(k), add(w, k, f)))
        lp.ensemble("he_normal", DATA, METHOD, out=url, resume=True, **RUNS)
    assert len(made) == 4 - len(noted)
    assert contents(url) == files(tmp_path / "runs.zarr")
    assert kept.items() <= contents(url).items()


@pytest.mark.campaign
@pytest.mark.filterwarnings("ignore:os.fork")
@pytest.mark.parametrize("url", ["s3"], indirect=True)
def test_ctrl_c_in_the_shell_is_told_and_resumed(url, tmp_path):
    """Ground truth: the store that nobody interrupted; the signal is a real one."""
    drawn = "--init he_normal --inputs 1,-1 --labels 1,-1 --method gd --step-size 0.1 --seed 3"
    more = f"{drawn} --trials 4000 --batch 100 --at 0,1e30"
    command = [sys.executable, "-m", "latephase", "ensemble", *more.split(), "--out"]
    subprocess.run([*command, tmp_path / "runs.zarr"], check=True, timeout=1200)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([*command, url], **pipes) as process:
        beside, until = Objects(f"{url}.partial"), time.monotonic() + 180
        while sum(name.startswith("part-") for name in beside.sizes()) < 2:
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < until
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, told = process.communicate(timeout=120)
    assert (process.returncode, out) == (130, "")
    assert f"interrupted; finished batches are kept in {url}; go on with:" in told.splitlines()[-1]
    noted = [name for name in beside.sizes() if name.startswith("part-")]
    assert 2 <= len(noted) < 40
    subprocess.run([*command, url, "--resume"], check=True, timeout=1200, capture_output=True)
    assert contents(url) == files(tmp_path / "runs.zarr")
