"""What the commands print with: a console, numbers, JSON."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latephase.core.shown import escaped

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from latephase.core import Law
    from latephase.core.arrays import Floats

NOTHING = "–"
ROUNDING = 256 * 2.0**-52  # of the inputs: what steps, slides and differences of margins leave
_SAME = 1e-12  # of the largest possible margin: a limit this near is not told from it


def console() -> Console:
    """Standard output, with colours where it is a terminal."""
    from rich.console import Console

    return Console(highlight=False, markup=False)


def line(label: str, text: str) -> None:
    """A labelled line, never broken, so that it can be copied; what a name holds does not act."""
    from rich.text import Text

    console().print(Text.assemble((f"{label:<9}", "bold"), escaped(text)), soft_wrap=True)


def store(place: str) -> None:
    """Where a store is, its size if it is on this machine, and how it is opened."""
    found = (file.stat().st_size for file in Path(place).rglob("*") if file.is_file())
    size = "" if "://" in place else f" ({sum(found) / 1e6:,.1f} MB)"
    line("store", f"{place}{size}")
    line("next", f"in Python: xarray.open_zarr({place!r}, consolidated=False)")


def table(*headings: str) -> Table:
    """An empty table; columns whose heading begins with ">" are ranged right."""
    from rich import box
    from rich.table import Table

    empty = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading in headings:
        right = heading.startswith(">")
        side, long = ("right", "ellipsis") if right else ("left", "fold")  # names are never cut
        empty.add_column(heading.removeprefix(">"), justify=side, overflow=long)  # type: ignore[arg-type]
    return empty


def print_table(filled: Table) -> None:
    """A table and an empty line."""
    console().print(filled)
    console().print()


def show(value: float, digits: int = 6) -> str:
    """A number for readers; a dash for one that is undefined."""
    return NOTHING if math.isnan(value) else f"{value:.{digits}g}"


def whole(n: int) -> str:
    """An integer; beyond 15 digits in scientific notation."""
    return f"{n:,}" if abs(n) < 10**15 else f"{Decimal(n):.6e}"


def law_text(law: Law, inputs: Floats) -> str:
    """The law as a formula with its numbers, 0 for a limit that is rounding on such inputs."""
    assert law.constant is not None  # computed by now, where it takes time
    limit = law.limit_boundary
    hidden = limit is not None and abs(limit) < ROUNDING * float(abs(inputs).max())
    return str(replace(law, limit_boundary=0.0) if hidden else law)


def shortfall(optimal: float, law: Law | None) -> float:
    """By how much the margin of a run's limit stays below the largest possible one, `optimal`; 0
    where it does not, or is not known."""
    limit = None if law is None else law.limit_margin
    left = 0.0 if limit is None or math.isnan(limit) else optimal - limit
    return left if left > _SAME * optimal else 0.0


def print_shortfall(optimal: float, law: Law | None) -> None:
    """A line about the margin, where its limit is not the largest possible one."""
    if left := shortfall(optimal, law):
        line("margin", f"largest possible {show(optimal)}; the limit falls short by {show(left)}")


def print_json(record: dict[str, Any]) -> None:
    """One object on standard output; NaN and infinities, which JSON lacks, are null."""
    sys.stdout.write(json.dumps(_finite(record), allow_nan=False) + "\n")


def law_record(law: Law | None) -> dict[str, Any] | None:
    """The law as a JSON object."""
    if law is None:
        return None
    names = ["limit_boundary", "constant", "offset", "exponent", "limit_margin", "margin_constant"]
    names += ["remainder_constant", "remainder_exponent"]
    shares = None if law.shares is None else law.shares.tolist()
    return {name: getattr(law, name) for name in names} | {"shares": shares}


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
