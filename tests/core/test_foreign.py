"""Files and texts that may be anybody's: what is read of them, and how they are shown."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import socket
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import message_is_one_line, refusal
from latephase.core import InputError, Words
from latephase.core.foreign import DEEPEST, MOST_VALUES, content, json_in, json_object
from latephase.core.shown import LONGEST, escaped, quoted, shortened, shown
from latephase.problem import Dataset, ShallowReLU

# Control characters, line ends of every script, bidi controls, a lone surrogate.
ACTING = (
    "\x00\x07\x08\t\n\x0b\x0c\r\x1b\x7f\x85\x9b\u00ad\u200b\u2028\u2029\u202e\u2066\ufeff\udc80"
)
foreign = st.text(st.sampled_from(ACTING + "ab é")) | st.text(st.characters(exclude_categories=()))


@settings(deadline=None)
@given(foreign, st.integers(10, 300))
def test_foreign_text_neither_acts_nor_goes_on(text, longest):
    """Ground truth: Python's own table of printable characters, and UTF-8."""
    for told in (escaped(text), shown(text, longest), quoted(text, longest)):
        assert told.isprintable()
        told.encode()
    assert len(shown(text, longest)) <= longest
    assert len(quoted(text, longest)) <= longest


def test_the_ends_of_a_long_text_are_kept():
    """Ground truth: first and last characters, counted by hand; a text that fits stays as it is."""
    assert shortened("0123456789abcdef", 11) == "0123...cdef"
    assert shortened("0123456789a", 11) == "0123456789a"
    assert escaped("é–") == "é–"
    assert escaped("\x1b[2K\n\u202e\udc80") == r"\x1b[2K\n\u202e\udc80"


@settings(deadline=None)
@given(foreign, foreign, foreign)
def test_bad_input_is_one_line_whatever_it_holds(expected, got, do):
    """Ground truth: the printable characters; before, ESC went to the terminal, and all of 10^6."""
    for value in (got, Words(got), [got], {got: got}, Words(got * 10**4)):
        told = str(InputError(expected, value, do * 1000))
        assert told.isprintable()
        assert len(told) < 6 * LONGEST
    assert str(pickle.loads(pickle.dumps(InputError(expected, got, do)))) == str(
        InputError(expected, got, do)
    )


# --- what is no file ----------------------------------------------------------------------------


@pytest.fixture
def no_files(tmp_path, monkeypatch):
    """Names of what is no regular file, and a word of each refusal."""
    monkeypatch.chdir(tmp_path)
    os.mkdir("folder")
    os.mkfifo("pipe")
    os.symlink("pipe", "to a pipe")
    os.symlink("loop", "loop")
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as bound:
        bound.bind("socket")
        yield {
            "folder": "directory",
            "pipe": "pipe",
            "to a pipe": "pipe",
            "loop": "symbolic",
            "socket": "",
            "/dev/zero": "device",
            "/dev/null": "device",
            "absent": "No such file",
            "x" * 300: "too long",
            "x\0": "null",
            "x\n\x1b[2K\udc80": "No such file",
            "~nobody-at-all/x": "home",
        }


@pytest.mark.parametrize("read", [ShallowReLU.load, Dataset.from_csv, lambda p: content(p, "x", 9)])
def test_what_is_no_regular_file_is_refused_without_waiting(no_files, read):
    """Ground truth: the kinds of files of the system; a pipe would wait for ever."""
    for path, word in no_files.items():
        told = refusal(read, path)
        assert word in told
        assert told.isprintable()


def test_no_more_is_read_than_a_file_may_have(tmp_path):
    """Ground truth: bytes counted by hand; a file of /proc says it is empty and is not."""
    file = tmp_path / "file"
    file.write_bytes(bytes(10))
    assert content(file, "file", 10) == bytes(10)
    assert "10 bytes, of at most 9" in refusal(content, file, "file", 9)
    with file.open("wb") as sparse:
        sparse.truncate(1 << 40)
    assert "of at most 9" in refusal(content, file, "file", 9)
    if os.path.exists("/proc/self/maps"):
        assert "over 9 bytes" in refusal(content, "/proc/self/maps", "file", 9)


# --- JSON ---------------------------------------------------------------------------------------

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64) | st.text(max_size=5)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@settings(deadline=None)
@given(values)
def test_json_is_read_as_it_was_written(value):
    """Ground truth: Python's own writer."""
    assert json_in(json.dumps(value)) == value


BAD_JSON = {
    "NaN": '{"a": NaN}',
    "infinity": "[-Infinity]",
    "beyond float64": "[1e999]",
    "long integer": "1" * 10**5,
    "long fraction": "0." + "1" * 10**5,
    "long exponent": "1e" + "1" * 10**5,
    "a key twice": '{"a": 1, "a": 1}',
    "deep": "[" * 10**5 + "]" * 10**5,
    "deep by one": "[" * (DEEPEST + 1) + "]" * (DEEPEST + 1),
    "deep objects": '{"a":' * 9000 + "1" + "}" * 9000,
    "many": "[" + "0," * MOST_VALUES + "0]",
    "many objects": "[" + "{}," * 10**6 + "{}]",
    "BOM": "\ufeff{}",
    "UTF-8 BOM": "{}".encode("utf-8-sig"),
    "UTF-16": "{}".encode("utf-16"),
    "UTF-32": "{}".encode("utf-32"),
    "Latin-1": b'"\xe9"',
    "NUL": b'"\0"',
    "line end in a text": '"\n"',
    "nothing": "",
    "two": "{}{}",
}


@pytest.mark.parametrize("text", BAD_JSON.values(), ids=BAD_JSON.keys())
def test_json_that_is_none_or_too_much_is_refused_in_a_short_line(text):
    """Ground truth: RFC 8259, and the bounds."""
    with pytest.raises(ValueError, match=r"\w") as caught:
        json_in(text)
    assert len(str(caught.value)) < 200


def test_json_within_its_bounds_is_read():
    """Ground truth: the bounds, met exactly; other line ends are white space."""
    assert json_in("[" * DEEPEST + "]" * DEEPEST)
    assert len(json_in("[" + "0," * (MOST_VALUES - 2) + "0]")) == MOST_VALUES - 1
    assert json_in(b'{"a":\r\n1e300}\r\n') == {"a": 1e300}
    with pytest.raises(ValueError, match=r"1\.5"):
        json_in("1.5", floats=False)


@pytest.mark.parametrize("text", ["[]", "3", "{", '{"a": NaN}'])
def test_a_json_file_holds_an_object(tmp_path, text):
    """Ground truth: the text."""
    (tmp_path / "x").write_text(text)
    assert "a kind" in refusal(json_object, tmp_path / "x", "kind", 99)
    (tmp_path / "x").write_text('{"a": 1}')
    assert json_object(tmp_path / "x", "kind", 99) == {"a": 1}


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_json_or_a_short_refusal(raw):
    """Ground truth: the contract: a value or a ValueError."""
    with contextlib.suppress(ValueError):
        json_in(raw)


@pytest.mark.slow
def test_a_million_empty_objects_take_no_memory():
    """Ground truth: the size of the process; parsed they take some 100 MB."""
    code = (
        "import resource, contextlib\n"
        "from latephase.core.foreign import json_in\n"
        "text = '[' + '{},' * 10**6 + '{}]'\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "with contextlib.suppress(ValueError): json_in(text)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert int(done.stdout) < 20_000, done.stderr


def test_message_is_one_line_for_every_kind():
    """Ground truth: the form of a message."""
    assert message_is_one_line(InputError("a\nb", Words("c\n\x1b"), "d\ne"))
