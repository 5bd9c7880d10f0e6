"""Many runs in one panel: the median, the band around it, and some of them."""

from __future__ import annotations

import numpy as np

from latephase.core.arrays import Floats

from .finding import Series
from .statistics import quantiles

LOW, HIGH = 0.05, 0.95


def quantile_band(x: Floats, values: Floats, paths: int = 0, colour: int = 0) -> list[Series]:
    """Series of values (runs, times) over x (times,): band, the first runs, median.

    NaN, a run that has not come so far, is left out of its time.
    """
    columns = [column[~np.isnan(column)] for column in values.T]
    drawn = [quantiles(column, LOW, 0.5, HIGH) for column in columns]
    low, middle, high = np.reshape(drawn, (-1, 3)).T
    return [
        Series("band", x, low, "5 % to 95 %", y2=high, colour=colour),
        *(Series("line", x, path, role="sample") for path in values[:paths]),
        Series("line", x, middle, "median", colour=colour),
    ]
