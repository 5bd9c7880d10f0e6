"""What a power cut leaves of a folder: the contents that were synced, under names that were."""

from __future__ import annotations

import os
import stat
from pathlib import Path

Names = dict[str, tuple[int, int, str]]  # name -> inode, kind (as in st_mode), target of a link


class Shadow:
    """The disk behind a folder.  Everything that is there at the beginning is on the disk."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.contents: dict[int, bytes] = {}  # of a file, as it was when it was synced
        self.names: dict[int, Names] = {}  # of a folder, likewise
        self._held: list[int] = []
        for folder, _, files in os.walk(root):
            self._sync_folder(Path(folder))
            for file in map(Path(folder).joinpath, files):
                if file.is_file() and not file.is_symlink():
                    self.contents[file.stat().st_ino] = file.read_bytes()

    def sync(self, number: int) -> None:
        """What fsync does: the content of a file, or the names in a folder, reach the disk."""
        place, found = Path(f"/proc/self/fd/{number}"), os.fstat(number)
        if stat.S_ISDIR(found.st_mode):
            self._sync_folder(place)
        else:
            self._held.append(os.dup(number))  # while it is open, no other file gets its inode
            self.contents[found.st_ino] = place.read_bytes()

    def _sync_folder(self, folder: Path) -> None:
        self.names[folder.stat().st_ino] = found = _names(folder)
        for name in found:
            self._held.append(os.open(folder / name, os.O_PATH | os.O_NOFOLLOW))

    def rebuild(self, target: Path, *, strict: bool) -> None:
        """The tree after the cut.  strict: names as synced; else as they are, whatever was not."""
        self._rebuild(self.root, target, self.root.stat().st_ino, strict)

    def _rebuild(self, now: Path, target: Path, inode: int, strict: bool) -> None:
        target.mkdir()
        found = self.names.get(inode, {}) if strict else _names(now)
        for name, (child, kind, link) in found.items():
            if stat.S_ISDIR(kind):
                self._rebuild(now / name, target / name, child, strict)
            elif stat.S_ISLNK(kind):
                (target / name).symlink_to(link)
            else:
                (target / name).write_bytes(self.contents.get(child, b""))


def _names(folder: Path) -> Names:
    found: Names = {}
    for entry in os.scandir(folder):
        link = os.readlink(entry.path) if entry.is_symlink() else ""
        about = entry.stat(follow_symlinks=False)
        found[entry.name] = (about.st_ino, about.st_mode, link)
    return found
