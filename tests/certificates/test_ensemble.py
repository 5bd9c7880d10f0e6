"""What covers certificates/ensemble.py: folders of certificates, interrupted, resumed, refused."""

from __future__ import annotations

import errno

import pytest

import latephase as lp
from latephase.certificates import ensemble as many
from latephase.store import disk
from latephase.store.marker import read_marker
from latephase.store.places import partial_of

PM1 = lp.Dataset([1, -1], [1, -1])
GD = lp.GradientDescent(0.1)


def test_a_full_disk_keeps_what_is_done(tmp_path, monkeypatch):
    """Ground truth: the finished part, with which the folder is resumed to the same end."""
    move = disk.move_into

    def fail_at_the_second_part(folder, path, file, name):
        if name.endswith("-00001.jsonl"):
            raise OSError(errno.ENOSPC, "No space left on device")
        move(folder, path, file, name)

    settings, out = {"trials": 300, "seed": 1}, tmp_path / "certs"
    with monkeypatch.context() as broken:
        broken.setattr(disk, "move_into", fail_at_the_second_part)
        with pytest.raises(lp.LatephaseError, match="No space left"):
            many.certify_ensemble("he_normal", PM1, GD, **settings, out=out)
    assert not out.exists()
    assert (partial_of(out) / "certificates-00000.jsonl").exists()
    rows = many.certify_ensemble("he_normal", PM1, GD, **settings, out=out, resume=True)
    assert len(rows) == 300
    assert len(list(out.iterdir())) == 4


def test_an_ensemble_certifies_the_networks_of_ensemble():
    """Ground truth: certify on each of the initializer's own draws."""
    rows = many.certify_ensemble("standard_normal", PM1, GD, trials=300, seed=3)
    weights, biases = lp.initializers.standard_normal(trials=300, seed=3)
    assert len(rows) == 300
    for i in (0, 5, 255, 256, 299):
        alone = many.counted(lp.certify(lp.ShallowReLU(weights[i], biases[i]), PM1, GD))
        assert alone[:3] == rows[i][:3]
        assert str(alone[3:]) == str(rows[i][3:])


def test_an_interrupted_folder_ends_the_same(tmp_path):
    """Ground truth: the bytes of a folder that was not interrupted."""
    settings = {"trials": 600, "seed": 1}

    class Stop(Exception):
        pass

    def stop(done, total):
        raise Stop

    whole, broken = tmp_path / "whole", tmp_path / "broken"
    rows = many.certify_ensemble("he_normal", PM1, GD, **settings, out=whole)
    with pytest.raises(Stop):
        many.certify_ensemble("he_normal", PM1, GD, **settings, out=broken, progress=stop)
    assert read_marker(partial_of(broken)).finished_trials == many.PART
    assert not broken.exists()
    with pytest.raises(lp.InputError, match="seed"):
        many.certify_ensemble("he_normal", PM1, GD, trials=600, seed=2, out=broken, resume=True)
    again = many.certify_ensemble("he_normal", PM1, GD, **settings, out=broken, resume=True)
    assert [row[:3] for row in again] == [row[:3] for row in rows]
    files = sorted(p.relative_to(whole) for p in whole.rglob("*") if p.is_file())
    assert len(files) == 5
    for name in files:
        assert (whole / name).read_bytes() == (broken / name).read_bytes()


def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    """Ground truth: the file in it."""
    (tmp_path / "certs").mkdir()
    (tmp_path / "certs" / "thesis.tex").write_text("mine")
    with pytest.raises(lp.InputError):
        many.certify_ensemble("he_normal", PM1, GD, trials=5, seed=0, out=tmp_path / "certs")
    assert (tmp_path / "certs" / "thesis.tex").read_text() == "mine"


def test_processes_change_nothing():
    """Ground truth: the rows of one process."""
    settings = {"trials": 300, "seed": 0}
    one = many.certify_ensemble("he_normal", PM1, GD, **settings)
    two = many.certify_ensemble("he_normal", PM1, GD, **settings, processes=2)
    assert str(one) == str(two)
