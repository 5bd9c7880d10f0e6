"""Iterates of p <- p (1 + x), m <- m (1 - x), x = tau exp(-q), q = c (p^2 - m^2) / 4, in decimals.

What a point makes of the neuron that serves it alone when both layers are trained; nothing here is
shared with the package.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, localcontext


def iterates(
    p: float, m: float, length: float, step_size: float, times: Sequence[int], digits: int = 60
) -> list[tuple[float, float]]:
    """Margin q and c |p m| / 2 after each of `times` steps (increasing), c = length."""
    found = []
    with localcontext() as context:
        context.prec = digits
        c, eta, plus, minus = (Decimal(float(e)) for e in (length, step_size, p, m))
        done = 0
        for time in times:
            for _ in range(time - done):
                x = eta * c * (-c * (plus * plus - minus * minus) / 4).exp()
                plus, minus = plus * (1 + x), minus * (1 - x)
            done = time
            margin = c * (plus * plus - minus * minus) / 4
            found.append((float(margin), float(c * abs(plus * minus) / 2)))
    return found
