"""Networks and data from elsewhere: .npz files and CSV files; what is kept and refused."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import warnings
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import latephase as lp
from helpers import refusal, same_bits
from latephase.core import InputError
from latephase.problem import Dataset, ShallowReLU, csv_file

NET = ShallowReLU([[0.1, -3e-300], [7.0, 2.0], [1 / 3, 0.0]], [0.5, -0.0, 1e300], [1.0, -2.0, 0.1])


# --- .npz -------------------------------------------------------------------------------------


def test_a_saved_network_is_loaded_bit_for_bit(tmp_path):
    """Ground truth: the bytes of the arrays, -0.0 and 1e300 among them; equal nets, equal files."""
    assert NET.save(tmp_path / "new" / "net.npz") == tmp_path / "new" / "net.npz"
    assert same_bits(ShallowReLU.load(tmp_path / "new" / "net.npz"), NET)
    NET.save(tmp_path / "twin")
    assert (tmp_path / "twin").read_bytes() == (tmp_path / "new" / "net.npz").read_bytes()
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["net.npz", "new", "twin"]


def test_output_weights_are_optional_as_in_the_constructor(tmp_path):
    """Ground truth: NumPy's own file, and the default +1, -1."""
    np.savez(tmp_path / "net.npz", weights=[0.7, -0.4], biases=[0.1, 0.2])
    net = ShallowReLU.load(str(tmp_path / "net.npz"))
    assert same_bits(net, ShallowReLU([0.7, -0.4], [0.1, 0.2], [1, -1]))


def saved(**arrays) -> bytes:
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def npy() -> bytes:
    content = io.BytesIO()
    np.save(content, np.ones(3))
    return content.getvalue()


def zipped() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("weights", "1,2")
    return content.getvalue()


GOOD = {"weights": [0.7, -0.4], "biases": [0.1, 0.2]}
BAD_FILES = {
    "empty": (b"", "zip"),
    "text": (b"weights = 1", "zip"),
    "one array": (npy(), "zip"),
    "cut": (saved(**GOOD)[:-30], "zip"),
    "damaged": (saved(**GOOD).replace(np.array(0.7).tobytes(), bytes(8)), "CRC"),
    "a pickle": (saved(weights=np.array([None]), biases=[1]), "allow_pickle"),
    "more arrays": (saved(**GOOD, extra=np.array([None])), "extra"),
    "no biases": (saved(weights=[1, 2], other=[3]), "other, weights"),
    "no arrays": (zipped(), "nothing"),
    "misspelt output weights": (saved(**GOOD, output_weight=[1, 1]), "output_weight"),
    "wrong shape": (saved(weights=[1, 2], biases=[1]), "shape (2,)"),
    "NaN": (saved(weights=[1, np.nan], biases=[1, 2]), "nan"),
    "text in an array": (saved(weights=["1", "2"], biases=[1, 2]), "real numbers"),
}


@pytest.mark.parametrize(("content", "word"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_what_is_no_network_file_is_told_in_one_line(tmp_path, content, word):
    """Ground truth: the contract of a network file."""
    (tmp_path / "net.npz").write_bytes(content)
    assert word in refusal(ShallowReLU.load, tmp_path / "net.npz")


@pytest.mark.parametrize("load", [ShallowReLU.load, Dataset.from_csv])
@pytest.mark.parametrize("path", ["absent", ".", None, "", 3, "nul\0"])
def test_what_is_no_file_is_told_in_one_line(tmp_path, monkeypatch, load, path):
    """Ground truth: an empty folder."""
    monkeypatch.chdir(tmp_path)
    assert "file" in refusal(load, path)


def test_what_is_no_network_is_not_overwritten(tmp_path):
    """Ground truth: the file that stood there, until `force`."""
    for content in (b"mine", saved(**GOOD, output_weights=[1, 1], notes=[1])):
        (tmp_path / "mine").write_bytes(content)
        refusal(NET.save, tmp_path / "mine")
        assert (tmp_path / "mine").read_bytes() == content
    refusal(NET.save, tmp_path, force=True)
    NET.save(tmp_path / "mine", force=True)
    ShallowReLU([1, 2], [0, 0]).save(tmp_path / "mine")
    assert ShallowReLU.load(tmp_path / "mine").m == 2


def test_a_full_disk_keeps_the_old_network(tmp_path, monkeypatch):
    """Ground truth: the bytes of the file before, and nothing beside it."""
    before = NET.save(tmp_path / "net.npz").read_bytes()

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(lp.LatephaseError, match=r"^could not write .* \(No space left on device\)"):
        ShallowReLU([1, 2], [0, 0]).save(tmp_path / "net.npz")
    assert [p.name for p in tmp_path.iterdir()] == ["net.npz"]
    assert (tmp_path / "net.npz").read_bytes() == before


def npz(*members: tuple[str, bytes], packed: int = zipfile.ZIP_DEFLATED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", packed) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a name twice
        for name, raw in members:
            archive.writestr(name, raw)
    return content.getvalue()


def array(header: str, raw: bytes = bytes(16)) -> bytes:
    head = header.encode()
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + raw


def header(descr: str = "'<f8'", shape: str = "(2,)", order: str = "False") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}}}"


TWO = ("biases.npy", array(header()))
BOMB = npz(("weights.npy", bytes(65 << 20)), TWO)
HOSTILE_FILES = {
    "a bomb": (BOMB, "once unpacked"),
    "a bomb that lies": (BOMB.replace((65 << 20).to_bytes(4, "little"), bytes([144, 0, 0, 0])), ""),
    "a bomb of another name": (npz(("x.npy", bytes(65 << 20)), TWO), "once unpacked"),
    "many members": (npz(*((f"{k}", b"") for k in range(2000))), "members"),
    "a name twice": (npz(TWO, TWO), "twice"),
    "a name twice, once bare": (npz(TWO, ("biases", b"")), "twice"),
    "a path": (npz(TWO, ("weights.npy", array(header())), ("../x.npy", b"")), "../x"),
    "an acting name": (npz(TWO, ("\x1b[2K\u202e", b"")), r"\x1b[2K\u202e"),
    "packed otherwise": (npz(TWO, ("weights.npy", array(header())), packed=14), "packed"),
    "a true shape": (header(shape="(True, 2)"), "shape"),
    "a negative shape": (header(shape="(-1, -2)"), "shape"),
    "a huge shape": (header(shape=f"({10**30},)"), "bytes"),
    "a huge empty shape": (header(shape=f"({10**30}, 0)"), "bytes"),
    "three dimensions": (header(shape="(1, 1, 2)"), "shape"),
    "a shape of text": (header(shape="('2',)"), "shape"),
    "objects": (header("'|O'"), "object"),
    "complex numbers": (header("'<c16'", "(1,)"), "complex"),
    "fields": (header("[('a', '<f4'), ('b', '<f4')]"), "real"),
    "nested": (header("('<f4', (2,))"), "real"),
    "times": (header("'<M8[s]'"), "real"),
    "no dtype": (header("3"), ""),
    "a deep header": ("(" * 9000, ""),
    "a long header": (header() + " " * 20_000, ""),
    "no header": ("", ""),
}


@pytest.mark.parametrize(("file", "word"), HOSTILE_FILES.values(), ids=HOSTILE_FILES.keys())
def test_a_hostile_network_file_is_told_in_one_line(tmp_path, file, word):
    """Ground truth: the limits of docs/certificates.md; text is the header of the weights."""
    raw = file if isinstance(file, bytes) else npz(TWO, ("weights.npy", array(file)))
    (tmp_path / "net.npz").write_bytes(raw)
    told = refusal(ShallowReLU.load, tmp_path / "net.npz")
    assert word in told
    assert told.isprintable()


def test_other_layouts_of_the_same_numbers_are_read(tmp_path):
    """Ground truth: the numbers; big-endian, in Fortran's order, as integers, from Python 2."""
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    for weights in (x.astype(">f8"), np.asfortranarray(x), x.astype(np.int8), x.astype("f2")):
        np.savez_compressed(tmp_path / "net.npz", weights=weights, biases=[0, 0])
        assert np.array_equal(ShallowReLU.load(tmp_path / "net.npz").weights, x)
    raw = npz(TWO, ("weights.npy", array(header(shape="(2L,)"))))
    (tmp_path / "net.npz").write_bytes(raw)
    assert ShallowReLU.load(tmp_path / "net.npz").m == 2


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    """Ground truth: no member is opened."""
    monkeypatch.setattr(zipfile.ZipFile, "open", None)
    (tmp_path / "net.npz").write_bytes(BOMB)
    assert "once unpacked" in refusal(ShallowReLU.load, tmp_path / "net.npz")


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_damaged_networks_are_refused_or_the_same(tmp_path, data):
    """Ground truth: the network before; a changed byte is found, or is in what is not read."""
    good = bytearray(NET.save(tmp_path / "net.npz", force=True).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "bad.npz").write_bytes(good[: data.draw(st.integers(0, len(good)))] or good)
    with contextlib.suppress(InputError):
        assert same_bits(ShallowReLU.load(tmp_path / "bad.npz"), NET)


# --- CSV --------------------------------------------------------------------------------------


def read(tmp_path, content: str | bytes, *arguments, **options) -> Dataset:
    raw = content if isinstance(content, bytes) else content.encode()
    (tmp_path / "points.csv").write_bytes(raw)
    return Dataset.from_csv(tmp_path / "points.csv", *arguments, **options)


PLAIN = "x1,label,x2\n0.1,1,-3\n2,-1,4e-300\n"


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        PLAIN.rstrip(),
        PLAIN + "\n  \n\n",
        "\n" + PLAIN.replace("\n", "\n\n"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.encode("utf-8-sig"),
        'x1,"label","x2"\n"0.1","+1","-3"\n2,"-1.0",4e-300',
        " x1 , label , x2 \n 0.1 , 1 , -3 \n 2.0 , -1 ,  +4.e-300 ",
        '"x1", "label", "x2"\n.1, "1", "-3"\n2, "-1", "4E-300"',
    ],
)
def test_points_are_read_however_they_are_written(tmp_path, content):
    """Ground truth: the two points by hand; columns and lines in the order of the file."""
    data = read(tmp_path, content)
    assert data.inputs.tolist() == [[0.1, -3.0], [2.0, 4e-300]]
    assert data.labels.tolist() == [1, -1]


def test_decimals_are_read_to_the_nearest_double(tmp_path):
    """Ground truth: Python's shortest representations of random doubles, read back."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(50, 3)) * 10.0 ** rng.integers(-300, 300, (50, 3))
    signs = np.where(rng.random(50) < 0.5, 1, -1)
    lines = [",".join(map(repr, [*p, s])) for p, s in zip(points.tolist(), signs.tolist())]
    data = read(tmp_path, "\n".join(["a,b,c,class", *lines]), "class")
    assert np.array_equal(data.inputs, points)
    assert np.array_equal(data.labels, signs)


@pytest.mark.parametrize(
    ("positive", "labels"),
    [
        ("cat", "cat dog cat"),
        ("1", "1 0 1.0"),
        (1, "1 0 +1"),
        (0.5, ".5 -1 5e-1"),
        ("-1", "-1 1 -1"),
    ],
)
def test_the_positive_label_is_one_and_the_other_minus_one(tmp_path, positive, labels):
    """Ground truth: the second of three labels is the other one."""
    lines = [f"{i},{label}" for i, label in enumerate(labels.split())]
    data = read(tmp_path, "\n".join(["x,label", *lines]), positive=positive)
    assert data.labels.tolist() == [1, -1, 1]


HEAD = "x1,x2,label\n1,2,1\n"
BAD_CSVS = {
    "empty": ("", {}, ["empty"]),
    "blank": ("\n \n", {}, ["empty"]),
    "no points": ("x,label\n", {}, ["only a header"]),
    "no header": ("1,2,1\n3,4,-1\n", {}, ["line 1", "header"]),
    "no label column": ("a,b\n1,1\n", {}, ["'label'", "a, b", "line 1"]),
    "another label column": (HEAD, {"label": "class"}, ["'class'", "x1, x2, label"]),
    "label alone": ("label\n1\n", {}, ["'label'", "inputs"]),
    "semicolons": ("x;label\n1;1\n", {}, ["commas"]),
    "column twice": ("\nx,x,label\n", {}, ["'x'", "line 2"]),
    "column without name": (",x,label\n0,1,1\n", {}, ["column 1", "line 1"]),
    "missing value": (HEAD + "\n3,,-1\n", {}, ["'x2'", "line 4", "nothing"]),
    "missing label": (HEAD + "3,4,\n", {}, ["'label'", "line 3", "nothing"]),
    "text": (HEAD + "3,four,-1\n", {}, ["'x2'", "line 3", "'four'"]),
    "long text": (HEAD + f"3,{'4x' * 100},-1\n", {}, ["'x2'", "line 3", "..."]),
    "NA": (HEAD + "NA,4,-1\n", {}, ["'x1'", "line 3", "'NA'"]),
    "NaN": (HEAD + "nan,4,-1\n", {}, ["'x1'", "line 3", "'nan'"]),
    "infinity": (HEAD + "3,-inf,-1\n", {}, ["'x2'", "line 3", "'-inf'"]),
    "beyond float64": (HEAD + "3,1e999,-1\n", {}, ["'x2'", "line 3", "'1e999'"]),
    "decimal comma": (HEAD + '3,"4,5",-1\n', {}, ["'x2'", "line 3", "'4,5'"]),
    "underscore": (HEAD + "3,1_000,-1\n", {}, ["'x2'", "line 3", "'1_000'"]),
    "too few fields": (HEAD + "3,-1\n", {}, ["3 fields", "2 in line 3", "'label'"]),
    "too many fields": (HEAD + "3,4,-1,\n", {}, ["3 fields", "4 in line 3"]),
    "open quote": (HEAD + '"3,4,-1\n5,6,1', {}, ["line 3"]),
    "line break in a field": (HEAD + '"3\n",4,-1\nx,6,1', {}, ["line 5", "'x1'"]),
    "no UTF-8": (HEAD.encode() + b"3,\xe9,-1", {}, ["0xe9", "line 3", "UTF-8"]),
    "UTF-16": (HEAD.encode("utf-16"), {}, ["line 1", "UTF-8"]),
    "labels 0 and 1": (HEAD + "3,4,0\n", {}, ["'label'", "'0' in line 3", "'1'", "positive"]),
    "labels of names": ("x,y\n1,a\n2,b", {"label": "y"}, ["'y'", "'a'", "'b'", "positive"]),
    "three labels": (HEAD + "3,4,-1\n5,6,0\n", {}, ["'label'", "'0' in line 4", "two classes"]),
    "NaN as label": (HEAD + "3,4,nan\n", {}, ["'nan' in line 3"]),
    "no such positive": (HEAD + "3,4,0\n", {"positive": "yes"}, ["'yes'", "'1' in line 2"]),
    "three classes": (
        HEAD + "3,4,2\n5,6,3\n",
        {"positive": 1},
        ["'3' in line 4", "'2' in line 3", "'label'"],
    ),
    "one class": (HEAD, {}, ["both classes"]),
    "one class, positive": (HEAD, {"positive": 1}, ["both classes"]),
    "contradiction": (HEAD + "1,2,-1\n", {}, ["[1.0, 2.0]"]),
}


@pytest.mark.parametrize(("content", "options", "words"), BAD_CSVS.values(), ids=BAD_CSVS.keys())
def test_a_bad_csv_file_is_told_with_line_and_column(tmp_path, content, options, words):
    """Ground truth: line and column of what was planted, counted by eye."""
    message = refusal(read, tmp_path, content, **options)
    assert all(word in message for word in words), message


HOSTILE_CSVS = {
    "a long number": (HEAD + "1" * 100_000 + ",2,-1\n", "2,000 characters"),
    "a long number and a letter": (HEAD + "1" * 100_000 + "x,2,-1\n", "2,000 characters"),
    "a number and a letter": (HEAD + "1" * 1999 + "x,2,-1\n", "finite number"),
    "a long label": (HEAD + "1,2," + "1" * 2001, "2,000 characters"),
    "a long name": ("x" * 2001 + ",label\n1,1\n", "2,000 characters"),
    "a long line": (",".join(["1"] * 10**6), "in a line"),
    "a long quote": (HEAD + '"' + "\n" * 2**21, ""),
    "many quoted lines": ('"a\n",' * 2**19, "in a line"),
    "huge exponents": (HEAD + f"1,2,1e{10**17}\n1,2,1e-{10**17}", "line 3"),
    "acting text": ("x\x1b[2K\u202e\0,label\n\x1b,1\n", r"\x1b[2K\u202e\x00"),
    "nothing but line ends": ("\n" * 2**20, "at most 1,000 empty lines"),
    "line ends behind points": (HEAD + "1,2,1\n3,4,-1\n" + "\r\n" * 1001, "line 1,005"),
    "nothing but commas": ("," * 2**19, "name for each column"),
}


@pytest.mark.parametrize(("text", "word"), HOSTILE_CSVS.values(), ids=HOSTILE_CSVS.keys())
def test_a_hostile_csv_file_is_told_in_one_line(tmp_path, text, word):
    """Ground truth: the limits of docs/certificates.md; each took seconds to hours, or memory."""
    told = refusal(read, tmp_path, text)
    assert word in told
    assert told.isprintable()
    assert len(told) < 600


def test_many_columns_are_compared_once(tmp_path):
    """Ground truth: the numbers; to find a name twice each was compared with all others."""
    row = ",".join(map(str, range(30_000)))
    names = ",".join(f"x{k}" for k in range(30_000))
    data = read(tmp_path, f"{names},label\n{row},1\n{row}9,-1\n")
    assert data.inputs[0].tolist() == list(range(30_000))


def test_no_more_points_are_read_than_there_may_be(tmp_path, monkeypatch):
    """Ground truth: the limit, lowered to three."""
    monkeypatch.setattr(csv_file, "MOST_POINTS", 3)
    lines = ["x,label", "1,1", "2,-1", "3,1"]
    assert read(tmp_path, "\n".join(lines)).n == 3
    assert "at most 3 points" in refusal(read, tmp_path, "\n".join([*lines, "4,1"]))


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.text(st.sampled_from('01.-+eE,;\n\r\t "x\0\ufeff\x1b\u0661'), max_size=60)
    | st.binary(max_size=60)
)
def test_any_csv_file_is_read_or_told_in_one_line(tmp_path, text):
    """Ground truth: the contract: points or an InputError that can be printed."""
    raw = b"x,label\n1,1\n" + (text.encode() if isinstance(text, str) else text)
    (tmp_path / "points.csv").write_bytes(raw)
    try:
        told, data = "", Dataset.from_csv(tmp_path / "points.csv")
    except InputError as error:
        told, data = str(error), None
    assert told.isprintable()
    assert data is None or np.isfinite(data.inputs).all()
