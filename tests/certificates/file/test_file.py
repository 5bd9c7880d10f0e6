"""What covers certificates/file: decimals rounded outward, the schema, files that are replaced."""

from __future__ import annotations

import errno
import json
import os
import tracemalloc
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from fractions import Fraction
from importlib.resources import files

import jsonschema
import pytest

import latephase as lp
from latephase.certificates.file.numbers import decimal, outward
from latephase.certificates.file.record import digest, record, save
from latephase.certificates.reasons import REASONS
from latephase.core.balls import exact, precision, whole_part

SCHEMA = json.loads(files("latephase.certificates").joinpath("schema.json").read_text())
PM1 = lp.Dataset([1, -1], [1, -1])
GD = lp.GradientDescent(0.1)
TRAINED = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2])
ONE_DEAD = lp.ShallowReLU([0.7, 0.4], [0.1, 0.2])
DEAD = lp.ShallowReLU([0.1, 0.1], [-1, -1])


RECORDED = {
    "trained": (TRAINED, [1, -1], GD),
    "slide": (TRAINED, [0.5, -0.8], GD),
    "single slide": (lp.ShallowReLU([0.1, 0.3], [0.2, 0.1]), [1, 2], GD),
    "half slide": (lp.ShallowReLU([-1.5, -0.7], [0.0, 1.2]), [-0.85, 1.05], GD),
    "falling hold": (lp.ShallowReLU([-1.3, -0.2], [1.4, 0.5]), [0.16, -0.49], GD),
    "kicked": (ONE_DEAD, [0.5, -0.5], GD),
    "dead": (DEAD, [1, -1], GD),
    "sinking": (TRAINED, [3, -1], GD),
    "flow": (TRAINED, [1, -1], lp.GradientFlow()),
    "sinking flow": (TRAINED, [2, -1], lp.GradientFlow()),
    "sliding flow": (TRAINED, [0.5, -0.8], lp.GradientFlow()),
    "undecided": (lp.ShallowReLU([-1e30, 1], [0, 0]), [1, -1], GD),
}


@pytest.mark.parametrize("name", RECORDED)
def test_files_meet_the_schema(name):
    """Ground truth: jsonschema's validator for draft 2020-12, and the schema's own meta-schema."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    network, points, method = RECORDED[name]
    body = record(lp.certify(network, lp.Dataset(points, [1, -1]), method))
    jsonschema.validate(body, SCHEMA, jsonschema.Draft202012Validator)
    assert body["digest"] == digest(json.loads(json.dumps(body)))


def test_every_argument_is_explained_and_allowed():
    """Ground truth: the arguments that the schema lists, and those that runs give."""
    kinds = SCHEMA["$defs"]["claim"]["oneOf"]
    absorbed = next(k for k in kinds if k["properties"]["kind"]["const"] == "absorbed")
    assert set(absorbed["properties"]["argument"]["enum"]) == set(REASONS)
    given = {
        lp.certify(network, lp.Dataset(points, [1, -1]), method).reason
        for network, points, method in RECORDED.values()
    }
    assert given >= set(REASONS)


def test_files_are_replaced_only_if_they_are_certificates(tmp_path):
    """Ground truth: what stands in the folder afterwards."""
    found, place = lp.certify(TRAINED, PM1, GD), tmp_path / "run.cert.json"
    save(found, place)
    save(found, place)
    assert json.loads(place.read_text())["verdict"] == "PROVED"
    place.write_text("my notes")
    with pytest.raises(lp.InputError, match="something else"):
        save(found, place)
    assert place.read_text() == "my notes"
    place.write_bytes(b'{"a":[' + b"[]," * 10**6 + b"[]]}")
    tracemalloc.start()
    with pytest.raises(lp.InputError, match="something else"):
        save(found, place)
    assert tracemalloc.get_traced_memory()[1] < 2**24  # a certificate has 2^20 bytes at most
    tracemalloc.stop()
    save(found, place, force=True)
    assert [p.name for p in tmp_path.iterdir()] == ["run.cert.json"]


@pytest.fixture
def full_disk(monkeypatch):
    """A disk with no room for a complete file."""

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_leaves_no_half_certificate(tmp_path):
    """Ground truth: the folder, which stays empty; one line says why."""
    with pytest.raises(lp.LatephaseError, match="No space left"):
        save(lp.certify(TRAINED, PM1, GD), tmp_path / "run.cert.json")
    assert list(tmp_path.iterdir()) == []


def test_decimals_are_rounded_outward():
    """Ground truth: 1/3 and 2^-100000 in exact arithmetic."""
    with precision(200):
        lower, upper = outward(exact(1) / 3, digits=5)
        assert (lower, upper) == (Decimal("0.33333"), Decimal("0.33334"))
        lower, upper = outward(exact(2) ** -100000, digits=5)
    assert (str(lower), str(upper)) == ("1.0009E-30103", "1.0010E-30103")
    ends = outward((-(exact(2) ** 100)).exp(), digits=5)
    assert ends[0] == 0 < ends[1]
    ends = outward(-(exact(2) ** 100).exp(), digits=5)
    assert ends[0] == Decimal("-Infinity") < ends[1] < 0


def significand(x: Decimal) -> Fraction:
    """x / 10^floor(log10 x)."""
    digits = x.as_tuple().digits
    return Fraction(int("".join(map(str, digits))), 10 ** (len(digits) - 1))


def test_decimals_of_any_size_are_rounded_outward():
    """Ground truth: log10 of the number in 200 bits, on either side of what decimals can hold."""
    mantissa, exponent = 2**127 + 1, -1660964047443681084
    low, high = (decimal(mantissa, exponent, 40, way) for way in (ROUND_FLOOR, ROUND_CEILING))
    with precision(300):
        log10 = (exact(mantissa).log() + exponent * exact(2).log()) / exact(10).log()
        whole = whole_part(log10)
        part = ((log10 - whole) * exact(10).log()).exp()
        assert low.adjusted() == high.adjusted() == whole
        assert exact(significand(low)) <= part
        assert part <= exact(significand(high))
    assert decimal(1, -(2**70), 40, ROUND_CEILING) > 0 == decimal(1, -(2**70), 40, ROUND_FLOOR)
    assert decimal(-1, 2**70, 40, ROUND_FLOOR) == Decimal("-Infinity")
    assert decimal(1, 2**70, 40, ROUND_FLOOR) < Decimal("Infinity")
