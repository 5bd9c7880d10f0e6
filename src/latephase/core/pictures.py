"""Results that can be drawn, and know nothing of how.

What is drawn stands in the room `draw`, which imports nearly every other: no other may import it,
and `import latephase` is not to load matplotlib.  So a method that draws looks its function up by
name when it is called; `tests/draw/test_pictures.py` calls each of them.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Axes
    from matplotlib.figure import Figure as Figure


def drawing(name: str) -> Callable[..., Any]:
    """A function of the room `draw` by file and name: "run.plot" is `plot` in `draw/run.py`."""
    file, _, function = name.partition(".")
    found: Callable[..., Any] = getattr(import_module(f"latephase.draw.{file}"), function)
    return found


class Pictured:
    """A result that a notebook shows with a small picture beside its words."""

    _card: ClassVar[str]  # the function that draws it, in `draw/cards.py`

    def _repr_html_(self) -> str:
        html: str = drawing("notebook.html")(self, drawing(self._card))
        return html
