"""Stores that are interrupted, resumed, replaced, refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import xarray as xr

import latephase as lp
from helpers import message_is_one_line

DATA = lp.Dataset([1.0, -1.0], [1, -1])
SETTINGS = {"trials": 25, "seed": 1, "until": "1e1000", "samples": 5, "batch": 6}


def store(out: Path, init: str = "he_normal", **options) -> xr.Dataset:
    data, method = options.pop("data", DATA), options.pop("method", lp.GradientDescent(0.1))
    return lp.ensemble(init, data, method, out=out, **{**SETTINGS, **options})


def interrupt_at(trials: int):
    """A progress callback during which Ctrl-C is pressed."""

    def progress(done: int, total: int) -> None:
        if done >= trials:
            raise KeyboardInterrupt

    return progress


def interrupted(out: Path, trials: int = 13) -> Path:
    """The partial store of a run interrupted in its third batch."""
    with pytest.raises(KeyboardInterrupt):
        store(out, progress=interrupt_at(trials))
    return out.with_name(out.name + ".partial")


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its bytes."""
    return {
        f.relative_to(folder).as_posix(): f.read_bytes() for f in folder.rglob("*") if f.is_file()
    }


def test_a_store_holds_what_memory_would(tmp_path: Path):
    """Ground truth: the same ensemble without `out`."""
    stored = store(tmp_path / "runs.zarr")
    assert not stored.variables["weights"]._in_memory
    expected = lp.ensemble("he_normal", DATA, lp.GradientDescent(0.1), **SETTINGS)
    xr.testing.assert_identical(stored.load(), expected)
    assert [p.name for p in tmp_path.iterdir()] == ["runs.zarr"]


@pytest.mark.parametrize("trials", [1, 6, 7, 13, 25])
def test_resumed_ends_as_if_never_interrupted(tmp_path: Path, trials: int):
    """Ground truth: the bytes of every file of an uninterrupted run."""
    store(tmp_path / "whole.zarr")
    interrupted(tmp_path / "cut.zarr", trials)
    assert not (tmp_path / "cut.zarr").exists()
    store(tmp_path / "cut.zarr", resume=True)
    assert contents(tmp_path / "cut.zarr") == contents(tmp_path / "whole.zarr")
    assert not (tmp_path / "cut.zarr.partial").exists()


def test_finished_batches_are_not_run_again(tmp_path: Path):
    """Ground truth: the first trial that progress is told of after resuming."""
    interrupted(tmp_path / "runs.zarr", 13)
    seen: list[int] = []
    store(tmp_path / "runs.zarr", resume=True, progress=lambda done, total: seen.append(done))
    assert min(seen) >= 12


def test_chunks_that_a_killed_run_had_begun_are_removed(tmp_path: Path):
    """Ground truth: the bytes of an uninterrupted run."""
    store(tmp_path / "whole.zarr")
    partial = interrupted(tmp_path / "cut.zarr")
    (partial / "weights" / "c.2.0.0.0").write_bytes(b"a chunk that no marker counts")
    store(tmp_path / "cut.zarr", resume=True)
    assert contents(tmp_path / "cut.zarr") == contents(tmp_path / "whole.zarr")


@pytest.mark.parametrize("complete", [False, True])
def test_damaged_batches_are_run_again(tmp_path: Path, complete: bool):
    """Ground truth: the bytes of an undamaged store; only what is bad is run again."""
    whole, out = tmp_path / "whole.zarr", tmp_path / "runs.zarr"
    store(whole)
    if complete:
        store(out)
    folder = out if complete else interrupted(out)
    flipped = folder / "robustness_margin" / "c.1.0"
    content = bytearray(flipped.read_bytes())
    content[len(content) // 2] ^= 8
    flipped.write_bytes(content)
    seen: list[int] = []
    with pytest.warns(UserWarning, match=r"1 files of .* robustness_margin/c.1.0 first; 6 trials"):
        store(out, resume=True, progress=lambda done, total: seen.append(done))
    assert max(seen) == 25
    assert min(seen) > (19 if complete else 6)
    assert contents(out) == contents(whole)
    assert {p.name for p in tmp_path.iterdir()} == {"whole.zarr", "runs.zarr"}


@pytest.mark.parametrize("name", ["robustness_margin/c.1.0", "regime/c.0", "time/c.0"])
def test_damage_is_noticed_by_whoever_reads(tmp_path: Path, name: str):
    """Ground truth: the bytes that were changed, in numbers and in text; the missing file."""
    found = store(tmp_path / "runs.zarr")
    chunk = tmp_path / "runs.zarr" / name
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 8
    chunk.write_bytes(content)
    with pytest.raises(ValueError, match="checksum"):
        xr.open_zarr(tmp_path / "runs.zarr").load()
    chunk.unlink()
    if name[0] != "t":  # times are read at once
        with pytest.raises(FileNotFoundError, match="missing"):
            found.load()


def test_a_store_is_opened_without_a_warning(tmp_path: Path):
    """Ground truth: the dataset that was returned; pytest makes errors of warnings."""
    import zarr

    found = store(tmp_path / "runs.zarr").load()
    for options in ({}, {"consolidated": False}):
        again = xr.open_zarr(tmp_path / "runs.zarr", **options).load()
        xr.testing.assert_identical(again[list(found)], found)
        assert set(again.variables) == set(found.variables)
        again.close()
    dict(zarr.open_group(tmp_path / "runs.zarr").members(max_depth=None))


def test_what_was_derived_from_a_store_is_the_users(tmp_path: Path):
    """Ground truth: the user's own variable, which must stay."""
    store(tmp_path / "runs.zarr")
    derived = xr.open_zarr(tmp_path / "runs.zarr")[["law_constant"]].load()
    derived.assign(mine=derived.law_constant * 2).to_zarr(
        tmp_path / "analysis.zarr", consolidated=False
    )
    before = contents(tmp_path / "analysis.zarr")
    for resume in (False, True):
        with pytest.raises(lp.InputError, match="other files"):
            store(tmp_path / "analysis.zarr", resume=resume)
    assert contents(tmp_path / "analysis.zarr") == before


def test_a_killed_process_is_resumed(tmp_path: Path):
    """Ground truth: the bytes of an uninterrupted run; the process ends without any clean-up."""
    store(tmp_path / "whole.zarr")
    code = (
        "import os, sys, latephase as lp\n"
        "def die(done, total):\n"
        "    if done >= 13: os._exit(9)\n"
        "lp.ensemble('he_normal', lp.Dataset([1., -1.], [1, -1]), lp.GradientDescent(0.1),\n"
        f"    out=sys.argv[1], progress=die, **{SETTINGS!r})\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "cut.zarr")])
    assert done.returncode == 9
    store(tmp_path / "cut.zarr", resume=True)
    assert contents(tmp_path / "cut.zarr") == contents(tmp_path / "whole.zarr")


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("seed", {"seed": 2}),
        ("trials", {"trials": 26}),
        ("batch", {"batch": 5}),
        ("until", {"until": "1e999"}),
        ("at", {"at": ["0", "1e1000"]}),
        ("at", {"samples": 6}),
        ("step_size", {"method": lp.GradientDescent(0.2)}),
        ("method", {"method": lp.GradientFlow()}),
        ("initializer", {"init": "uniform"}),
        ("inputs", {"data": lp.Dataset([2.0, -1.0], [1, -1])}),
        ("labels", {"data": lp.Dataset([1.0, -1.0], [-1, 1])}),
        ("max_steps", {"max_steps": 5}),
        ("slide_tolerance", {"slide_tolerance": 1e-3}),
        ("width", {"width": 3, "output_weights": "alternating"}),
        ("output_weights", {"output_weights": [-1.0, 1.0]}),
        ("bias", {"bias": False}),
        ("negative_slope", {"negative_slope": 0.1}),
        ("loss", {"loss": "logistic"}),
    ],
)
def test_resuming_with_other_settings_is_refused(tmp_path: Path, name: str, other: dict):
    """Ground truth: the setting that differs, which the message must name."""
    partial = interrupted(tmp_path / "runs.zarr")
    before = contents(partial)
    with pytest.raises(lp.InputError, match=f"the {name} of the ensemble to resume") as caught:
        store(tmp_path / "runs.zarr", resume=True, **other)
    assert message_is_one_line(caught.value)
    assert contents(partial) == before


def test_resuming_a_complete_store_opens_it(tmp_path: Path):
    """Ground truth: the store as it was; no batch is run."""
    first = store(tmp_path / "runs.zarr").load()
    seen: list[int] = []
    again = store(tmp_path / "runs.zarr", resume=True, progress=lambda *done: seen.append(1))
    xr.testing.assert_identical(again.load(), first)
    assert not seen
    with pytest.raises(lp.InputError, match="the seed of the ensemble"):
        store(tmp_path / "runs.zarr", resume=True, seed=2)


def test_our_own_store_is_replaced_only_once_the_new_one_is_complete(tmp_path: Path):
    """Ground truth: the bytes of the old and the new store."""
    store(tmp_path / "new.zarr", seed=2)
    out = tmp_path / "runs.zarr"
    store(out)
    before = contents(out)
    told = "is replaced then: it has another seed, 1, not 2"
    with pytest.warns(UserWarning, match=told), pytest.raises(KeyboardInterrupt):
        store(out, seed=2, progress=interrupt_at(13))
    assert contents(out) == before
    with (
        pytest.warns(UserWarning, match=r"12 finished trials .* resume"),
        pytest.warns(UserWarning, match=told),
    ):
        store(out, seed=2)
    assert contents(out) == contents(tmp_path / "new.zarr")
    assert {p.name for p in tmp_path.iterdir()} == {"new.zarr", "runs.zarr"}


def a_folder(out: Path) -> None:
    out.mkdir()
    (out / "thesis.tex").write_text("years of work")


def a_file(out: Path) -> None:
    out.write_text("years of work")


def notes_in_our_store(out: Path) -> None:
    store(out)
    (out / "notes.txt").write_text("years of work")


def another_zarr(out: Path) -> None:
    xr.Dataset({"x": ("t", [1.0])}).to_zarr(out, consolidated=False, zarr_format=3)


def an_array_in_our_store(out: Path) -> None:
    store(out)
    xr.Dataset({"mine": ("t", [1.0])}).to_zarr(out, mode="a", consolidated=False)


def an_attribute_in_our_store(out: Path) -> None:
    import zarr

    store(out)
    zarr.open_group(out, mode="r+").attrs["note"] = "years of work"


SOMEBODY_ELSES = [a_folder, a_file, notes_in_our_store, an_array_in_our_store, another_zarr]


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("make", SOMEBODY_ELSES)
@pytest.mark.parametrize("name", ["runs.zarr", "runs.zarr.partial"])
def test_somebody_elses_files_are_refused(tmp_path: Path, name: str, make, resume: bool):
    """Ground truth: the files as they were, and nothing else beside them."""
    make(tmp_path / name)
    before = contents(tmp_path)
    with pytest.raises(lp.InputError) as caught:
        store(tmp_path / "runs.zarr", resume=resume)
    assert message_is_one_line(caught.value)
    assert contents(tmp_path) == before
    if name.endswith("partial"):
        with pytest.raises(lp.InputError, match="move it away"):
            store(tmp_path / "runs.zarr", resume=resume, force=True)
        assert contents(tmp_path) == before


@pytest.mark.filterwarnings("ignore:.*does not have a Zarr V3 specification")
def test_a_changed_store_is_not_replaced(tmp_path: Path):
    """Ground truth: the attribute that a user has added."""
    an_attribute_in_our_store(tmp_path / "runs.zarr")
    before = contents(tmp_path)
    with pytest.raises(lp.InputError, match="changed ones"):
        store(tmp_path / "runs.zarr")
    assert contents(tmp_path) == before


@pytest.mark.parametrize("make", SOMEBODY_ELSES)
def test_force_replaces_somebody_elses_files(tmp_path: Path, make):
    """Ground truth: the bytes of a store written to a free place."""
    store(tmp_path / "free.zarr")
    make(tmp_path / "runs.zarr")
    store(tmp_path / "runs.zarr", force=True)
    assert contents(tmp_path / "runs.zarr") == contents(tmp_path / "free.zarr")


def test_an_empty_folder_is_free(tmp_path: Path):
    """Ground truth: nobody misses an empty folder."""
    (tmp_path / "runs.zarr").mkdir()
    assert store(tmp_path / "runs.zarr").sizes["trial"] == 25


def test_a_folder_in_use_is_refused_even_with_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Ground truth: the working folder and those above it must stay."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HOME", str(tmp_path))  # not the tester's: the guard may be broken
    for out in (".", "..", "~"):
        with pytest.raises(lp.InputError) as caught:
            store(Path(out), force=True)
        assert message_is_one_line(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["work"]


def refuse_to_work(done: int, total: int) -> None:
    raise AssertionError("work began before the output was checked")


def test_a_place_below_a_file_is_refused_before_any_work(tmp_path: Path):
    """Ground truth: no folder can be made below a file."""
    (tmp_path / "file").write_text("")
    with pytest.raises(lp.InputError, match="an output that can be written") as caught:
        store(tmp_path / "file" / "runs.zarr", progress=refuse_to_work)
    assert message_is_one_line(caught.value)


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="root may write anywhere")
@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("mode", [0o000, 0o400, 0o500])
def test_a_locked_folder_is_refused_before_any_work(tmp_path: Path, mode: int, resume: bool):
    """Ground truth: the permissions of the folder."""
    (tmp_path / "locked").mkdir(mode=mode)
    with pytest.raises(lp.InputError, match="an output that can be written") as caught:
        store(tmp_path / "locked" / "runs.zarr", progress=refuse_to_work, resume=resume)
    assert message_is_one_line(caught.value)


def test_bad_input_leaves_nothing_behind(tmp_path: Path):
    """Ground truth: the folder is as empty as before."""
    for bad in ({"trials": 0}, {"until": "abc"}, {"init": "he"}, {"width": 3}):
        with pytest.raises(lp.InputError):
            store(tmp_path / "runs.zarr", **bad)
    assert not list(tmp_path.iterdir())


FULL_DISK = """
import resource, sys
import latephase as lp
data, method = lp.Dataset([1.0, -1.0], [1, -1]), lp.GradientDescent(0.1)
lp.ensemble("he_normal", data, method, trials=1, seed=0, until=10)  # compile and import first
def limit(done, total):
    if done == 4000:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
settings = dict(trials=12_000, seed=1, until="1e1000", samples=5, batch=4000)
try:
    lp.ensemble("he_normal", data, method, out=sys.argv[1], progress=limit, **settings)
except lp.LatephaseError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
lp.ensemble("he_normal", data, method, out=sys.argv[1], resume=True, **settings)
lp.ensemble("he_normal", data, method, out=sys.argv[1] + ".whole", **settings)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of the operating system")
def test_a_full_disk_is_told_in_one_line_and_the_rest_kept(tmp_path: Path):
    """Ground truth: the system, which refuses larger files; then the uninterrupted run."""
    out = tmp_path / "runs.zarr"
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(out)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    assert done.stdout.startswith(f"could not write {out}.partial (")
    assert contents(out) == contents(tmp_path / "runs.zarr.whole")


@pytest.mark.parametrize("times", [1, 2])
def test_a_dataset_never_reads_the_numbers_of_another_store(tmp_path: Path, times: int):
    """Ground truth: the numbers of the store that was opened, or an error in one line.

    After two replacements the folder may have the number of the first one again.
    """
    out = tmp_path / "runs.zarr"
    first = store(out, seed=0)
    known = first["weights"].values.copy()
    for seed in range(1, times + 1):
        store(out, seed=seed, force=True)
    assert (first["weights"].values == known).all()  # was read before
    for name in ("biases", "limit_margin"):
        with pytest.raises(lp.LatephaseError, match="was replaced or removed since") as caught:
            first[name].values  # noqa: B018
        assert "\n" not in str(caught.value)
    assert store(out, seed=times, resume=True)["weights"].shape == known.shape


def test_a_dataset_whose_store_is_gone_says_so(tmp_path: Path):
    """Ground truth: the store was removed, or stands elsewhere; where it is back it is read."""
    out = tmp_path / "runs.zarr"
    first, known = store(out), store(tmp_path / "same.zarr").load()
    out.rename(tmp_path / "away.zarr")
    with pytest.raises(lp.LatephaseError, match="was replaced or removed since"):
        first.load()
    (tmp_path / "away.zarr").rename(out)
    xr.testing.assert_identical(first.load(), known)
