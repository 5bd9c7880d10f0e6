"""What covers check/folder.py: folders of certificates that are whole, cut, mixed up or hostile."""

from __future__ import annotations

import json
import math
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import latephase as lp
from helpers import refusal
from latephase.certificates import ensemble
from latephase.certificates.check import folder
from latephase.certificates.check.folder import MOST_FAULTS, verify_all
from latephase.certificates.check.form import BYTES

PART, TRIALS = 4, 6
PARTS = ("certificates-00000.jsonl", "certificates-00001.jsonl")


@pytest.fixture(scope="module", autouse=True)
def small_parts():
    """Parts of four certificates, for what writes folders and for what checks them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ensemble, "PART", PART)
        patch.setattr(folder, "PART", PART)
        yield


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The files of a folder of two parts, as they are written."""
    out = tmp_path_factory.mktemp("certs") / "whole"
    data = lp.Dataset([1.0, -1.0], [1, -1])
    plan = {"trials": TRIALS, "seed": 0, "out": out}
    ensemble.certify_ensemble("he_normal", data, lp.GradientDescent(0.1), **plan)
    return {name: (out / name).read_text() for name in (*PARTS, "settings.json")}


@pytest.fixture
def certs(files, tmp_path):
    """A folder with copies of them."""
    (tmp_path / "certs").mkdir()
    for name, text in files.items():
        (tmp_path / "certs" / name).write_text(text)
    return tmp_path / "certs"


def told(path) -> tuple[int, str, str]:
    """How many certificates are valid, all faults in one text, and what could not be checked."""
    found = verify_all(str(path))
    lines = found.faults + [f"{name}: {x}" for name, one in found.reports for x in one.faults]
    assert all(line.isprintable() and len(line) < 1200 for line in lines)
    return sum(one.valid for _, one in found.reports), "\n".join(lines), "\n".join(found.unchecked)


def test_a_whole_folder_is_valid(certs):
    """Ground truth: how many were certified."""
    assert told(certs) == (TRIALS, "", "")


def test_without_settings_it_says_what_it_does_not_know(certs):
    """Ground truth: what the settings hold; certificates of their own promise nothing."""
    (certs / "settings.json").unlink()
    (certs / PARTS[1]).unlink()
    good, faults, unknown = told(certs)
    assert (good, faults) == (PART, "")
    assert "how many" in unknown
    assert "settings.json" in unknown
    (certs / "one.json").write_text((certs / PARTS[0]).read_text().splitlines()[0])
    (certs / PARTS[0]).unlink()
    assert told(certs) == (1, "", "")


@pytest.mark.parametrize("part", [0, 1])
def test_missing_parts_are_told(certs, part):
    """Ground truth: the name of the part; those that are there are still about their own trials."""
    (certs / PARTS[part]).unlink()
    good, faults, _ = told(certs)
    assert good == TRIALS - (PART, TRIALS - PART)[part]
    assert f"the first {PARTS[part]}" in faults
    assert f"{good} certificates, and the settings say {TRIALS}" in faults
    assert "not about" not in faults


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("alike", [os.symlink, os.link])
@pytest.mark.parametrize("digits", [6, 15])
def test_a_part_under_a_second_name_stands_for_no_other(certs, number, alike, digits):
    """Ground truth: the names that parts are written under; seen to pass as whole before."""
    part = certs / PARTS[number]
    again = certs / f"certificates-{number:0{digits}d}.jsonl"
    alike(part, again)
    assert f"{again.name}: not a part of what the settings describe" in told(certs)[1]
    (certs / PARTS[1 - number]).unlink()
    assert f"the first {PARTS[1 - number]}" in told(certs)[1]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda lines: lines[:-1], "5 certificates, and the settings say 6"),
        (lambda lines: [*lines, lines[0]], "7 certificates, and the settings say 6"),
        (lambda lines: [*lines[:-1], lines[0]], "not about trial 3"),
        (lambda lines: [lines[1], lines[0], *lines[2:]], "not about trial 0"),
        (lambda lines: lines[1:], "not about trial 0"),
        (lambda lines: [*lines[:-1], "{}"], "4: expected a certificate"),
        (lambda lines: [*lines[:-1], "\x1b[2K\u202e"], "4: expected a certificate"),
        (lambda lines: [*lines[:-1], "x" * (BYTES + 1)], "line 4 of over"),
        (lambda lines: [], "2 certificates, and the settings say 6"),
    ],
)
def test_a_changed_part_is_told(certs, change, word):
    """Ground truth: the change, by the number of its line."""
    part = certs / PARTS[0]
    part.write_text("".join(line + "\n" for line in change(part.read_text().splitlines())))
    assert word in told(certs)[1]


def test_a_file_that_is_no_part_is_told(certs):
    """Ground truth: the settings, which describe two parts; without them there is no such rule."""
    for name in ("certificates-00002.jsonl", "more.jsonl", "one.json", "a\x1b[2K\n\u202eb.jsonl"):
        extra = certs / name
        extra.write_text((certs / PARTS[0]).read_text().splitlines()[0])
        assert "not a part of what the settings describe" in told(certs)[1]
        extra.unlink()


def test_what_is_no_file_is_told(certs, tmp_path):
    """Ground truth: a folder, a pipe and a loop in the place of a part, and names that are none."""
    part = certs / PARTS[0]
    for make in (os.mkdir, os.mkfifo, lambda p: os.symlink(p, p)):
        part.unlink() if part.is_file() else None
        make(part)
        assert f"{PARTS[0]}: expected a file of certificates that can be read" in told(certs)[1]
        part.rmdir() if part.is_dir() else part.unlink()
    for path in ("x" * 300, "nul\0", tmp_path / "absent", tmp_path / "absent" / "x"):
        refusal(verify_all, str(path))
    (tmp_path / "empty").mkdir()
    assert "without any" in refusal(verify_all, str(tmp_path / "empty"))


def test_a_file_of_nothing_but_faults_is_left_soon(certs, monkeypatch):
    """Ground truth: lines that are looked at; 3 MB of line ends took 43 s and 2 GB."""
    looked = []
    monkeypatch.setattr(folder, "verify", lambda line, **how: looked.append(line) or real(line))
    (certs / PARTS[0]).write_text("\n" * (3 << 20))
    (certs / PARTS[1]).unlink()
    found = verify_all(str(certs))
    assert len(looked) == len(found.reports) == MOST_FAULTS
    assert "100 faults" in "\n".join(found.faults)


real = folder.verify

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9)
    | st.sampled_from([10**39, -1, 1e308, "he_normal", [1, -1], [1.0, -1.0], math.nan]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_any_value_in_any_place_of_the_settings_is_told(files, tmp_path, data):
    """Ground truth: the settings as they were written: only their own values are of this folder."""
    where = tmp_path / "certs"
    where.mkdir(exist_ok=True)
    first = files[PARTS[0]].splitlines(keepends=True)[:3]
    (where / PARTS[0]).write_text("".join(first))
    written = {**json.loads(files["settings.json"]), "trials": 3}
    name = data.draw(st.sampled_from([*written, "another"]))
    value = data.draw(JSON)
    harmless = name == "another" or value == written[name]
    (where / "settings.json").write_text(json.dumps({**written, name: value}))
    assert told(where)[1] or harmless
    (where / "settings.json").write_text(json.dumps({n: written[n] for n in written if n != name}))
    assert told(where)[1] or harmless
    (where / "settings.json").write_text(json.dumps(written))
    assert told(where) == (3, "", "")


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{", b"\xff\xfe{}", b"\xef\xbb\xbf{}", b"{}", bytes(99)]
)
def test_settings_that_are_none_are_told(certs, raw):
    """Ground truth: the bytes; a folder without settings is told, one with broken ones, too."""
    (certs / "settings.json").write_bytes(raw)
    assert "settings.json" in told(certs)[1]
