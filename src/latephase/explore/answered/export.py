"""The picture of what is shown, as a file: drawn by `draw`, as `latephase run --plot` does."""

from __future__ import annotations

import base64
from threading import Lock

from latephase.draw.panels.canvas import picture, plot_style, written

from .compute import Followed

MEDIA = {"svg": "image/svg+xml", "png": "image/png"}
_lock = Lock()  # matplotlib's style is of the whole process


def file_of(found: Followed, k: int, kind: str) -> dict[str, str]:
    """Name, media type and content (base64) of the picture at a sample."""
    panels = [found.scene(k), *found.over_time]
    with _lock, plot_style():
        content = written(picture(panels), kind)
    name = f"latephase-t-{found.times[k].text}.{kind}"
    return {"name": name, "media": MEDIA[kind], "content": base64.b64encode(content).decode()}
