"""Networks in .npz files: the arrays `weights`, `biases`, `output_weights`; no pickles."""

from __future__ import annotations

import io
import math
import struct
import warnings
import zipfile
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latephase.core import InputError, Words
from latephase.core.arrays import Floats
from latephase.core.foreign import content
from latephase.core.shown import quoted, shown
from latephase.store.output import Output

NAMES = (
    "weights",
    "biases",
    "output_weights",
    "negative_slope",
    "train_output",
    "output_bias",
)
WRITTEN = {"weights", "output_weights"}  # of every network; the others where it has them
MOST_BYTES = 64 << 20  # of the file, and of what it holds unpacked: eight million weights
MOST_DIRECTORY = 64 << 10  # of the list of its members, where numpy.savez needs 60 bytes for each
_COMMENT = 1 << 16  # how long the comment at the end of a zip file may be
_END, _END_MARK = struct.Struct("<4s4H2LH"), b"PK\x05\x06"
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what unpacks in bounded pieces
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read(path: object) -> dict[str, NDArray[Any]]:
    """The arrays of a network file, those that are there.  Raises InputError without weights."""
    found = _members(path, content(path, ".npz file", MOST_BYTES))
    arrays = {name: part for name, part in found.items() if part is not None}
    seen = ", ".join(sorted({*arrays, *found} - ({*NAMES} - {*arrays}))) or "nothing"
    present = Words(f"{quoted(str(path))} with {shown(seen, 80)}")
    if "weights" not in arrays:
        raise InputError("the array weights", present, "add weights")
    unknown = sorted(set(found) - set(arrays).intersection(NAMES))
    if unknown:
        # With an `output_bias` it is another network; a misspelt `output_weight` is not +1, -1.
        do = f"rename or remove {shown(', '.join(unknown), 80)}"
        raise InputError(f"the arrays {', '.join(NAMES)} and no others", present, do)
    return arrays


def claimed(path: object, *, force: bool = False) -> Output:
    """The place of a network, claimed before it is made.  Raises InputError as `write` does."""
    what, do = "an output that is new, or a network", "choose another path"
    return Output(path, folder=False, force=force, ours=_is_network, what=what, do=do)


def write(path: object, arrays: Mapping[str, Floats], *, force: bool = False) -> Path:
    """Write the arrays: complete or not at all, equal arrays as equal bytes.

    path: of the file, or what `claimed` gave.  Raises InputError if it cannot be written.
    """
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **arrays)  # type: ignore[arg-type]
    with nullcontext(path) if isinstance(path, Output) else claimed(path, force=force) as output:
        return output.write(content.getvalue())


def _members(path: object, file: bytes) -> dict[str, NDArray[Any] | None]:
    """The arrays that an .npz file holds, by name; None for what is no array of numbers."""
    try:
        _check_directory(file)
        with zipfile.ZipFile(io.BytesIO(file)) as archive:  # np.load takes others for pickles
            members = archive.infolist()
            if sum(member.file_size for member in members) > MOST_BYTES:
                raise ValueError(f"over {MOST_BYTES:,} bytes once unpacked")
            names = [member.filename.removesuffix(".npy") for member in members]
            if len(set(names)) < len(names):
                raise ValueError("a name twice")
            return {
                name: _array(_unpacked(archive, member)) if name in NAMES else None
                for name, member in zip(names, members, strict=True)
            }
    except Exception as error:  # zipfile and NumPy raise what they like on bytes of anybody
        got = Words(f"{quoted(str(path))} ({shown(str(error), 100)})")
        raise InputError("an .npz file of plain arrays", got, "write it with numpy.savez") from None


def _check_directory(file: bytes) -> None:
    """Refuse a list of members that is longer than a network's, before zipfile reads all of it."""
    # Where zipfile looks for the record of the end: right there, or before a comment.
    at = len(file) - _END.size
    if file[at : at + 4] != _END_MARK or file[-2:] != bytes(2):
        at = file.rfind(_END_MARK, max(0, len(file) - _END.size - _COMMENT))
    if at < 0 or at + _END.size > len(file):
        raise zipfile.BadZipFile("File is not a zip file")
    length = _END.unpack_from(file, at)[5]
    if length > MOST_DIRECTORY or file[max(0, at - 20) : at][:4] == b"PK\x06\x07":
        raise ValueError(f"a list of members of over {MOST_DIRECTORY:,} bytes")


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """The bytes of a member, and no more of them than it says that it has."""
    if member.compress_type not in _PACKED:
        raise ValueError("a member packed in another way than by numpy.savez_compressed")
    with archive.open(member) as file:  # `read` without a size would unpack two GiB at once
        return file.read(member.file_size + 1)


def _array(raw: bytes) -> NDArray[Any] | None:
    """The array of numbers in a member; its header is checked before memory is taken for it."""
    if not raw.startswith(np.lib.format.MAGIC_PREFIX):
        return None
    file = io.BytesIO(raw)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of headers that Python 2 wrote
        shape, _, dtype = _HEADERS[np.lib.format.read_magic(file)](file)
        if dtype.kind not in "biuf":
            raise ValueError(f"no real numbers but {dtype}, which needs allow_pickle or a cast")
        if len(shape) > 2 or not all(type(n) is int and n >= 0 for n in shape):
            raise ValueError(f"an array of shape {shape}")
        if (size := math.prod(shape) * dtype.itemsize) != len(raw) - file.tell():
            raise ValueError(f"an array of {size} bytes in {len(raw) - file.tell()}")
        file.seek(0)
        found: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return found


def _is_network(target: Path) -> bool:
    """Whether the file is one that `write` may have written."""
    try:
        return set(read(target)) >= WRITTEN
    except InputError:
        return False
