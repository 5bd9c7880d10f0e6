"""`latephase verify` on files of anybody: what it prints, and with which code it ends."""

from __future__ import annotations

import json

from samples.certificates import certificate

DATA = ["--inputs", "1,-1", "--labels", "1,-1", "--step-size", "0.1"]


def test_names_and_decimals_are_printed_as_what_they_are(latephase, tmp_path):
    """Ground truth: printable characters; before, a file could print a verdict line of its own."""
    false = "\x1b[2K\rvalid    9 of 9 certificates\n\u202e\udc80"
    body = certificate("specialised")
    body["problem"]["inputs"][0]["decimal"] = false
    (tmp_path / "certs").mkdir()
    (tmp_path / "certs" / f"{false}.json").write_text(json.dumps(body))
    for path in ("certs", f"certs/{false}.json", false):
        ended = latephase("verify", path)
        assert ended.code == (2 if path == false else 1)
        for line in (ended.out + ended.err).split("\n"):
            assert line.isprintable()
            assert len(line) < 600
            assert not line.startswith("valid    9")


def test_a_folder_that_does_not_tell_all_has_a_code_of_its_own(latephase, tmp_path):
    """Ground truth: the help of verify: 3 where something was not checked, 1 where it is wrong."""
    flags = ["--init", "he_normal", "--trials", "3", "--out", "certs"]
    assert latephase("certify", *DATA, *flags).code == 0
    assert latephase("verify", "certs").code == 0
    settings = tmp_path / "certs" / "settings.json"
    written = settings.read_text()
    settings.unlink()
    ended = latephase("verify", "certs")
    assert ended.code == 3
    assert "unknown  there is no settings.json" in ended.out
    for text in ("{}", "[]", written.replace("he_normal", "he"), "\0"):
        settings.write_text(text)
        ended = latephase("verify", "certs")
        assert (ended.code, "settings.json" in ended.out) == (1, True)


def test_what_is_no_certificate_is_bad_input(latephase, tmp_path, monkeypatch):
    """Ground truth: what stands there; a store was "invalid" and ~ a folder of that name before."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "runs.zarr").mkdir()
    (tmp_path / "runs.zarr" / "zarr.json").write_text("{}")
    for path, word in ("~/runs.zarr", "a Zarr store of runs"), ("none", "which does not exist"):
        ended = latephase("verify", path)
        assert ended.code == 2
        assert "expected a certificate file or a folder of them, got" in ended.err
        assert word in ended.err
        assert ended.err.count("\n") == 1
