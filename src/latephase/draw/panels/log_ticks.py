"""Ticks of a logarithmic axis: powers of ten, or where few of these are in view, more numbers."""

from __future__ import annotations

import math

from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from latephase.draw.panels import typeset

_WIDE = 100.0  # a ratio of the ends, from which on powers of ten are enough
_LEADS = (1, 2, 5)
_FEW, _MANY = 3, 7
_PLAIN = 1e-4, 1e5  # ends of an axis of few powers, between which numbers are written out


class Ticks(LogLocator):
    """From two decades on powers of ten; else 1, 2 and 5; in still less, even numbers."""

    def tick_values(self, vmin: float, vmax: float) -> list[float]:
        """Those in view."""
        low, high = min(vmin, vmax), max(vmin, vmax)
        if not 0 < low < high < math.inf:
            return []
        first, last = math.ceil(math.log10(low)), math.floor(math.log10(high))
        if high >= _WIDE * low:
            step = -(-(last - first + 1) // _MANY)
            return [10.0**k for k in range(-(-first // step) * step, last + 1, step)]
        ticks = [lead * 10.0**k for k in range(first - 1, last + 1) for lead in _LEADS]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) >= _FEW:
            return ticks
        even = MaxNLocator(nbins=5, steps=[1, 2, 5, 10]).tick_values(low, high)
        return [float(tick) for tick in even if low <= tick <= high]


def scale(axis: Axis) -> None:
    """Make the axis logarithmic, with one kind of labels: powers of ten, or all written out."""
    axis._set_axes_scale("log")  # type: ignore[attr-defined]
    axis.set_major_locator(Ticks())
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: _label(value, axis)))


def _label(value: float, axis: Axis) -> str:
    low, high = sorted(axis.get_view_interval())
    if not value > 0:
        return ""
    if high >= _WIDE * low:
        return typeset.power_of_ten(round(math.log10(value)))
    text = f"{value:.12g}"
    if _PLAIN[0] <= low and high <= _PLAIN[1]:
        return text
    mantissa, _, power = f"{value:.12e}".partition("e")
    return typeset.plain(typeset.ten_to(f"{float(mantissa):.12g}", str(int(power))))
