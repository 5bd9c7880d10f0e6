"""The axis of late times: even in log10 t at first, where runs turn, and in ln ln t later on.

So are the sample times of a run (`log_times`); even in log10 t, a run to 10^1000 would turn within
half a per cent of the axis.  The one goes over into the other without a kink: asinh(log10 t).
"""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, FuncFormatter

from latephase.core.arrays import Floats
from latephase.draw.typeset import power_of_ten

_EVEN_UP_TO = 12.0  # log10 t of a last time that needs no other scale
_APART = 0.75  # how far t = 0 stands before the first other time
_EARLY = (-9.0, -6.0, -3.0, -1.0, 0.0, 1.0, 2.0, 4.0, 6.0)


def placed(log10_t: Floats) -> tuple[Floats, float | None]:
    """(x, start): log10 t, and where on the axis t = 0 stands, if it is one of the times."""
    zero = np.isneginf(log10_t)
    if not zero.any():
        return log10_t, None
    if zero.all():
        return np.zeros_like(log10_t), 0.0
    rest = log10_t[~zero]
    late = rest.max() > _EVEN_UP_TO
    start = float(rest.min() - (_APART if late else max(0.12 * np.ptp(rest), 0.05)))
    return np.where(zero, start, log10_t), start


def scale(axis: Axis, start: float | None) -> None:
    """Make the axis one of times; its data are in view already.

    start: where t = 0 stands.
    """
    low, high = axis.get_data_interval()
    if high > _EVEN_UP_TO:
        axis._set_axes_scale("asinh", linear_width=1.0)  # type: ignore[attr-defined]
    ticks = [tick for tick in _ticks(low, high) if start is None or tick > start]
    axis.set_major_locator(FixedLocator(ticks if start is None else [start, *ticks]))
    axis.set_minor_locator(FixedLocator([]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: _label(value, start)))


def _ticks(low: float, high: float) -> list[float]:
    """Decimal logarithms of times that are worth a label."""
    if high <= _EVEN_UP_TO:
        step = next(s for s in (0.25, 0.5, 1, 2, 5, 10, 1e9) if high - low <= 7 * s)
        return [step * k for k in range(math.ceil(low / step), math.floor(high / step) + 1)]
    late = [10.0**k for k in range(1, math.floor(math.log10(high)) + 1)]
    between = [3.0 * tick for tick in late if len(late) < 4 and 3.0 * tick <= high]
    sparse = late[:: max(1, len(late) // 4)]
    return [tick for tick in _EARLY if tick >= low] + sorted(sparse + between)


def _label(value: float, start: float | None) -> str:
    if value == start:
        return "t = 0"
    if abs(value) >= 1e4:
        return power_of_ten(round(math.log10(value)))
    return f"{value:g}".replace("-", "−")
