"""Results as files of JSON lines, one file for each part, beside a file of settings."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .directory import replace_file, writing
from .work import Settings


class Lines:
    """A `Form` of work: `<kind>-00000.jsonl` and so on hold `part` trials each, one a line."""

    index, marked = "settings.json", True

    def __init__(self, kind: str, part: int) -> None:
        self.kind, self.part = kind, part

    def create(self, folder: Path, settings: Settings) -> None:
        """The file of settings."""
        replace_file(folder / self.index, (json.dumps(settings, indent=1) + "\n").encode())

    def settings(self, folder: Path) -> Settings:
        """What the file of settings holds."""
        found: Settings = json.loads((folder / self.index).read_text())
        return found

    def file(self, folder: Path, start: int) -> Path:
        """The file of the part that begins with trial `start`."""
        return folder / f"{self.kind}-{start // self.part:05d}.jsonl"

    def write(self, folder: Path, start: int, part: Iterable[dict[str, Any]]) -> None:
        """The file of a part, complete or not at all: an object for each trial."""
        lines = "".join(json.dumps(one, separators=(",", ":")) + "\n" for one in part)
        with writing(folder):
            replace_file(self.file(folder, start), lines.encode())

    def read(self, folder: Path, start: int) -> list[dict[str, Any]] | None:
        """The objects of a part, None if it has not been written."""
        file = self.file(folder, start)
        if not file.exists():
            return None
        return [json.loads(line) for line in file.read_text().splitlines()]
