"""Where an output may stand, and how it is told that it cannot: one line, before or after work."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from latephase.core.errors import InputError, LatephaseError, Words

from .marker import read_marker

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")  # Path takes one of the slashes; C:/ is a drive
_ENDING = 20  # bytes that our own names beside an output are longer than its own, at most


def output_path(path: object) -> Path:
    """`path` made absolute, links followed.

    Raises InputError on what is no path here, a link that leads nowhere, and a folder in use: a
    home, a mount point, the working folder, or one above these.
    """
    if not isinstance(path, str | os.PathLike) or not os.fspath(path):
        raise InputError("the path of an output", path, 'pass for example "runs"')
    if is_url(path):  # else "s3://bucket/runs" makes a folder `s3:` here
        raise InputError("an output on this machine", path, "write it here, then copy it there")
    try:
        named = Path(os.fsdecode(path)).expanduser().absolute()
        target = named.resolve()
        _refuse_long(named)
        _refuse_broken(named)
        _refuse_in_use(target)
    except InputError:
        raise
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError("the path of an output", path, f"choose another ({error})") from None
    return target


def is_url(path: object) -> bool:
    """Whether a path names something on another system: s3://bucket/runs."""
    return isinstance(path, str | os.PathLike) and bool(_URL.match(os.fsdecode(path)))


def _refuse_long(named: Path) -> None:
    """Raise InputError where our names beside the output would be too long."""
    place = next(above for above in (*named.parents, named) if above.exists())
    most = (os.pathconf(place, "PC_NAME_MAX") if hasattr(os, "pathconf") else 255) - _ENDING
    if (length := len(os.fsencode(named.name))) > most:
        wanted = f"an output with a name of at most {most} bytes"
        raise InputError(wanted, Words(f"one of {length}"), "choose a shorter name")


def _refuse_broken(named: Path) -> None:
    """Raise InputError on a link that leads nowhere.

    It may be to a disk that is not mounted: what is made instead would be hidden once it is.
    """
    for place in (named, *named.parents):
        if place.is_symlink() and not place.exists():
            got = Words(f"{place}, a link to what is not there")
            raise InputError("the path of an output", got, "mend or remove the link")


def _refuse_in_use(target: Path) -> None:
    """Raise InputError on what must stay, whatever is forced."""
    mounted = os.path.ismount(target) or str(target) in _mounts()
    if mounted or any(target in (kept, *kept.parents) for kept in _places_in_use()):
        got = Words(f"{target}, {'a mount point' if mounted else 'a folder in use'}")
        raise InputError("a folder of its own as output", got, "name one inside this one")


def refuse_inside(target: Path) -> None:
    """Raise InputError on a place inside an output: it would be no output of latephase's then."""
    for above in target.parents:
        if read_marker(above) is not None:
            got = Words(f"{target}, which is inside of {above}")
            raise InputError("an output that is not inside another", got, "choose another output")


def partial_of(target: Path) -> Path:
    """The sibling in which a folder is prepared."""
    return target.with_name(target.name + ".partial")


def temporary_of(target: Path, token: str, ending: str = "") -> Path:
    """A name beside the target that nobody else has: only one lock has this token."""
    name = f".{target.name}.{token}"
    return target.with_name(f"{name}.{ending}" if ending else name)


@contextmanager
def claiming(target: object) -> Iterator[None]:
    """Tell that an output cannot be read or written before work begins: InputError for OSError."""
    try:
        yield
    except OSError as error:
        got = Words(f"{target} ({error.strerror or error})")
        raise InputError("an output that can be written", got, "choose another output") from None


@contextmanager
def writing(place: object, kept: str) -> Iterator[None]:
    """Tell in one line that an output cannot be written on (a full disk), and what is kept.

    Raises LatephaseError in place of an OSError.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise LatephaseError(f"could not write {place} ({reason}); {kept}") from None


def _places_in_use() -> Iterator[Path]:
    """The working folder, unless it is gone, and the homes: containers may run without any."""
    with suppress(FileNotFoundError):
        yield Path.cwd()
    with suppress(RuntimeError):
        yield Path.home().resolve()
    with suppress(ImportError):
        import pwd

        # Those of the system (/bin, /var/mail) are nobody's outputs either.
        yield from (Path(user.pw_dir) for user in pwd.getpwall() if user.pw_dir.startswith("/"))


def _mounts() -> set[str]:
    """Where the system says that something is mounted; a bind mount shows nowhere else."""
    try:
        lines = Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines()
    except OSError:
        return set()
    octal = re.compile(r"\\([0-7]{3})")
    return {octal.sub(lambda m: chr(int(m[1], 8)), line.split()[4]) for line in lines}
