"""Where a mode leads: direction, offset and whether it lasts, for the engine and for `limit`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latephase.core.arrays import Floats
from latephase.core.errors import InputError
from latephase.problem import Dataset, ShallowReLU

from .direction import largest_margin
from .gradients import LinearMode
from .offset import convergence_rate, images, offset
from .settled import Pair, settled

_SMALLEST = 1e-150  # of the largest entry of the gradients


@dataclass(frozen=True)
class ModeLimit:
    """Where a mode leads, as arrays: theta(t) = direction * ln t + offset + o(1).

    direction, offset (m, k): rows (w_j, b_j), or w_j;  offset_error: moves of theta across the
    support still to come;  rate: the exponent k of the o(1), t^-k;  multipliers (n,);
    slide_multipliers: by (neuron, point);  settled, reason: whether the mode lasts, else which
    neuron leaves it where;  degenerate: a multiplier or slide exactly on its bound, so that ln ln t
    may enter.
    """

    direction: Floats
    offset: Floats
    offset_error: float
    rate: float
    multipliers: Floats
    slide_multipliers: Mapping[Pair, float]
    settled: bool
    reason: str
    degenerate: bool


def mode_limit(
    pattern: NDArray[np.integer],
    theta: Floats,
    data: Dataset,
    network: ShallowReLU,
    log_t: float,
    log_step: float,
) -> ModeLimit | None:
    """Where the mode `pattern` (m, n) of networks like `network` leads from theta (m, k) at time t;
    None if its loss does not tend to 0.  Errors: InputError where multipliers, of the size of
    1 / |gradient|^2, are not floats.

    log_t, log_step: ln of the time and of the step size (0 for gradient flow).  Both losses have
    the same limit, since ln(1 + e^-q) ~ e^-q.
    """
    mode = LinearMode.of(pattern, data, network)
    flat, gradients = mode.flat, mode.gradients
    if not flat.any():  # nothing moves
        return None
    if not _SMALLEST <= np.abs(flat).max() <= 1 / _SMALLEST:
        raise InputError(
            f"output weights times inputs whose squares are floats, from {_SMALLEST:.0e} on",
            f"{np.abs(flat).max():.3g} at most",
            "rescale the output weights or the inputs",
        )
    direction = largest_margin(gradients, mode.rows())
    if direction is None:
        return None
    rest, multipliers, error = offset(gradients, direction, mode.on_kinks(theta), log_t, log_step)
    log_weights = log_step - images(direction, flat, rest.ravel())
    log_weights[direction.support] = np.log(multipliers[direction.support])
    end = settled(mode, direction, rest, log_weights)
    return ModeLimit(
        direction.theta,
        rest,
        error,
        convergence_rate(gradients, direction, multipliers),
        multipliers,
        end.slide_multipliers,
        end.settled,
        end.reason,
        direction.degenerate or end.marginal,
    )
