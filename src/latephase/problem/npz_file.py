"""Networks in .npz files: the arrays `weights`, `biases` and `output_weights`, no pickles."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latephase.core import InputError, Words
from latephase.core.arrays import Floats
from latephase.problem.checks import file_content
from latephase.store.output import Output

NEEDED = ("weights", "biases")
NAMES = (*NEEDED, "output_weights")
_BROKEN = (ValueError, EOFError, OSError, RuntimeError, zipfile.BadZipFile, zlib.error, MemoryError)


def read(path: object) -> dict[str, NDArray[Any]]:
    """The arrays of a network file, `output_weights` only if it is there.  Raises InputError."""
    found = _members(path, file_content(path, ".npz"))
    arrays = {name: part for name, part in found.items() if isinstance(part, np.ndarray)}
    present = Words(f"{path} with {', '.join(sorted(arrays)) or 'nothing'}")
    missing = [name for name in NEEDED if name not in arrays]
    if missing:
        raise InputError(f"the arrays {' and '.join(NEEDED)}", present, f"add {missing[0]}")
    unknown = sorted(set(found) - set(arrays).intersection(NAMES))
    if unknown:
        # With an `output_bias` it is another network; a misspelt `output_weight` is not +1, -1.
        do = f"rename or remove {', '.join(unknown)}"
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
        return set(read(target)) == set(NAMES)
    except InputError:
        return False
