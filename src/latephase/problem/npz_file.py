"""Networks in .npz files: the arrays `weights`, `biases`, `output_weights`; no pickles."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latephase.core import InputError, Words
from latephase.core.arrays import Floats
from latephase.problem.checks import file_content
from latephase.store.directory import claim_file, claiming, replace_file

NAMES = ("weights", "biases", "output_weights", "negative_slope")
WRITTEN = {"weights", "output_weights"}  # of every network; biases and slope where it has them
_BROKEN = (ValueError, EOFError, OSError, RuntimeError, zipfile.BadZipFile, zlib.error, MemoryError)


def read(path: object) -> dict[str, NDArray[Any]]:
    """The arrays of a network file, those that are there.  Raises InputError without weights."""
    found = _members(path, file_content(path, ".npz"))
    arrays = {name: part for name, part in found.items() if isinstance(part, np.ndarray)}
    present = Words(f"{path} with {', '.join(sorted(arrays)) or 'nothing'}")
    if "weights" not in arrays:
        raise InputError("the array weights", present, "add weights")
    unknown = sorted(set(found) - set(arrays).intersection(NAMES))
    if unknown:
        # With an `output_bias` it is another network; a misspelt `output_weight` is not +1, -1.
        do = f"rename or remove {', '.join(unknown)}"
        raise InputError(f"the arrays {', '.join(NAMES)} and no others", present, do)
    return arrays


def writable(path: object, *, force: bool = False) -> Path:
    """`path` made absolute.  Raises InputError if `write` would refuse it."""
    do = "choose another path"
    return claim_file(path, "a network", _is_network, force=force, do=do)


def write(path: object, arrays: Mapping[str, Floats], *, force: bool = False) -> Path:
    """Write the arrays: complete or not at all, equal arrays as equal bytes.  Raises InputError."""
    target = writable(path, force=force)
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **arrays)  # type: ignore[arg-type]
    with claiming(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_file(target, content.getvalue())
    return target


def _members(path: object, content: bytes) -> dict[str, Any]:
    """All that an .npz file holds, by name; what is no array comes as bytes."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)):  # np.load takes other files for pickles
            file = np.load(io.BytesIO(content), allow_pickle=False)
        if len(set(file.files)) < len(file.files):
            raise ValueError("a name twice")
        return {name: file[name] for name in file.files}
    except _BROKEN as error:
        got = Words(f"{path} ({error})")
        raise InputError("an .npz file of plain arrays", got, "write it with numpy.savez") from None


def _is_network(target: Path) -> bool:
    """Whether the file is one that `write` may have written."""
    try:
        return set(read(target)) >= WRITTEN
    except InputError:
        return False
