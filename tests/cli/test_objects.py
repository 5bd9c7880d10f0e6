"""Outputs on other systems, on the command line."""

from __future__ import annotations

import pytest

from latephase.cli import main

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed (extra `objects`)")
WORDS = (
    "ensemble --init he_normal --inputs 1,-1 --labels 1,-1 --step-size 0.1 --trials 4 --at 0,1e9"
)


def test_an_ensemble_is_stored_under_a_url(tmp_path, capsys):
    """Ground truth: what is printed names a store that xarray opens."""
    import xarray as xr

    url = f"memory://{tmp_path.name}/runs.zarr"
    with pytest.raises(SystemExit) as ended:
        main([*WORDS.split(), "--out", url])
    assert not ended.value.code
    assert f"xarray.open_zarr('{url}', consolidated=False)" in capsys.readouterr().out
    assert xr.open_zarr(url, consolidated=False, chunks=None).sizes["trial"] == 4


def test_others_say_that_they_are_written_on_this_machine(capsys):
    with pytest.raises(SystemExit) as ended:
        main([*["reproduce", "--out", "s3://bucket/report"]])
    assert ended.value.code == 2
    assert "an output on this machine" in capsys.readouterr().err
