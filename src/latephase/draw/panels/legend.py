"""The legend of a panel: names in as few rows as fit its width, long ones over several lines."""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from latephase.draw.panels import typeset
from latephase.experiments.bench.finding import Panel

ROW = 11.4  # points: a line of the legend
_CHARACTER, _HANDLE, _AROUND = 4.55, 30.0, 60.0  # points: a letter, a handle, what is beside it all
_MOST_LINES = 4  # of a name, which is cut in its middle beyond


@dataclass(frozen=True)
class Legend:
    """Names as they are drawn, by those of the series; columns;  lines: how high it is, in rows."""

    names: dict[str, str]
    columns: int
    lines: int

    @classmethod
    def of(cls, panel: Panel, width: float) -> Legend:
        """The fewest rows that fit `width` inches, in as few columns as these need."""
        letters = int((72 * width - _AROUND - _HANDLE) / _CHARACTER)
        names = {name: _wrapped(name, letters) for name in _names(panel)}
        texts = list(names.values())
        for rows in range(1, len(texts)):
            parts = _split(texts, math.ceil(len(texts) / rows))
            taken = sum(max(map(_longest, part)) * _CHARACTER + _HANDLE for part in parts)
            if taken <= 72 * width - _AROUND:
                return cls(names, len(parts), max(map(_lines, parts)))
        return cls(names, 1, _lines(texts))

    def draw(self, axes: Axes) -> None:
        """Above the axes, where it covers no data."""
        if not self.names:
            return
        handles, labels = axes.get_legend_handles_labels()
        first = dict(reversed(list(zip(labels, handles, strict=True))))
        shown = {first[name]: text for name, text in self.names.items() if name in first}
        place: dict[str, Any] = {
            "loc": "lower left",
            "bbox_to_anchor": (0.0, 1.0),
            "ncols": self.columns,
        }
        legend = axes.legend(list(shown), list(shown.values()), **place)
        for handle in filter(None, legend.legend_handles):
            if not isinstance(handle, Patch) and (handle.get_alpha() or 1.0) < 0.6:
                handle.set_alpha(0.6)  # a faint sample line is hard to make out in a legend


def _names(panel: Panel) -> list[str]:
    """Entries of the legend, each once; a panel whose only data it names needs them too."""
    names = (name for one in panel.series for name in (one.label, *one.categories) if name)
    return list(dict.fromkeys(map(typeset.plain, names)))


def _wrapped(name: str, letters: int) -> str:
    """A name over lines of so many letters; one that is far too long, without its middle."""
    most = _MOST_LINES * (letters - 1) * 3 // 4  # lines are broken at spaces, and not filled
    if len(name) > most:
        name = f"{name[: most // 2]} … {name[len(name) - most // 2 :]}"
    return "\n".join(textwrap.wrap(name, letters)) or name


def _split(texts: list[str], columns: int) -> list[list[str]]:
    """As matplotlib fills them: the first len % columns columns with one entry more."""
    return [[texts[i] for i in part] for part in np.array_split(np.arange(len(texts)), columns)]


def _longest(text: str) -> int:
    return max(map(len, text.split("\n")))


def _lines(texts: list[str]) -> int:
    return sum(text.count("\n") + 1 for text in texts)
