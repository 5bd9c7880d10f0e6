"""Results as files of JSON lines, one file for each part, beside a file of settings."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from .marker import MARKER, numbers
from .work import Form, Settings

_SETTINGS = "settings.json"


class Lines(Form):
    """A `Form` of work: `<kind>-00000.jsonl` and so on hold `batch` trials each, one a line."""

    place = MARKER

    def __init__(self, kind: str, trials: int, batch: int) -> None:
        self.kind, self.trials, self.batch = kind, trials, batch
        self.holds = (
            _SETTINGS,
            *(f"{part}.jsonl" for part in numbers(trials, batch, f"{kind}-", 5)),
        )

    def created(self, settings: Settings) -> dict[str, bytes]:
        """The file of settings."""
        return {_SETTINGS: (json.dumps(settings, indent=1) + "\n").encode()}

    def files(self, start: int) -> list[str]:
        """The file of the part that begins with trial `start`."""
        return [f"{self.kind}-{start // self.batch:05d}.jsonl"]

    def encoder(self, created: Mapping[str, bytes]) -> Callable[[int, bytes], dict[str, bytes]]:
        """What makes the file of a part, from its lines."""
        return self._made

    def _made(self, start: int, part: bytes) -> dict[str, bytes]:
        return {self.files(start)[0]: part}

    def read(self, folder: Path, start: int) -> list[dict[str, Any]]:
        """The objects of a part that is finished."""
        file = folder / self.files(start)[0]
        return [json.loads(line) for line in file.read_text().splitlines()]


def as_lines(part: Iterable[dict[str, Any]]) -> bytes:
    """The lines of a part: an object for each trial."""
    return "".join(json.dumps(one, separators=(",", ":")) + "\n" for one in part).encode()
