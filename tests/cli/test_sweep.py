"""`latephase sweep`."""

from __future__ import annotations

import pytest
import xarray as xr

import latephase as lp

FILE = """
initializer = "he_normal"
inputs = [1, -1]
labels = [1, -1]
trials = 4
seed = 0
at = ["0", "1e1000"]

[grid]
step_size = [0.01, 0.1]
"""


def test_a_file_is_swept_over(latephase, tmp_path):
    """Ground truth: `lp.sweep` of the same."""
    (tmp_path / "steps.toml").write_text(FILE)
    done = latephase("sweep", "steps.toml", "--out", "steps.zarr")
    assert done.code == 0, done.err
    wanted = lp.sweep(
        {"step_size": [0.01, 0.1]},
        initializer="he_normal",
        data=lp.Dataset([1, -1], [1, -1]),
        trials=4,
        seed=0,
        at=["0", "1e1000"],
    )
    found = xr.open_zarr(tmp_path / "steps.zarr", consolidated=False).load()
    assert found[list(wanted.data_vars)].identical(wanted)
    assert "0.01" in done.out
    assert "store" in done.out


BAD = {
    "no file": (None, "No such file"),
    "no TOML": ("grid = [", "a TOML file"),
    "no grid": ("trials = 3", "a table [grid]"),
    "no trials": ("[grid]\nseed = [1]", "trials in"),
    "half of the data": (FILE.replace("labels", "labelz"), "inputs and labels"),
    "another method": (FILE.replace("seed = 0", 'seed = 0\nmethod = "adam"'), 'method "gf"'),
    "no text": (b"\xff\xfe", "UTF-8"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_refused_in_one_line(case, latephase, tmp_path):
    text, said = BAD[case]
    if text is not None:
        (tmp_path / "bad.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    done = latephase("sweep", "bad.toml")
    assert done.code == 2
    assert said in done.err
    assert done.err.count("\n") == 1
