"""What is measured on a network, from its arrays; most functions take many networks at once.

The robustness margin, from the narrow to the wide:

two neurons on the line    `two_neurons`, a closed form; the decision boundary x* too
any number on the line     `on_line`, from the kinks (`accurate_sums` do not cancel);
                           `zeros` has all zeros of one network
any number, any dimension  `search`: `scene` rules out points, `nearest_zero` goes through the rest,
                           `plane` draws kink lines around one, `cells` walks from cell to cell;
                           `many` draws those of many networks at once
what float64 cannot tell   `exact`: the same in integers and fractions

`robustness` chooses among them; `value` is what it returns. `activation`, `normalised` margin, the
`kkt` residual and the `sharpness` of the loss are measured beside it; `best` has the largest
normalised margin that networks of a kind can have.
"""

from __future__ import annotations

from .accurate_sums import rescaled
from .activation import activation_pattern, is_active, preactivations
from .best import best_normalised_margin, normalised_margin_bound
from .kkt import kkt_residual
from .normalised import largest_normalised_margin, margins, normalised_margin
from .on_line import margin_on_line
from .robustness import (
    has_exact_margins,
    margin_deficit,
    margin_of,
    margins_of,
    nearest_zeros,
    optimal_margin,
    robustness_margin,
)
from .sharpness import log_sharpness, max_stable_step, sharpness
from .two_neurons import boundary, boundary_offset, margin_from_lines, two_neuron_margin
from .value import Margin, MarginBounds
from .zeros import zeros_on_line

__all__ = [
    "Margin",
    "MarginBounds",
    "activation_pattern",
    "best_normalised_margin",
    "boundary",
    "boundary_offset",
    "has_exact_margins",
    "is_active",
    "kkt_residual",
    "largest_normalised_margin",
    "log_sharpness",
    "margin_deficit",
    "margin_from_lines",
    "margin_of",
    "margin_on_line",
    "margins",
    "margins_of",
    "max_stable_step",
    "nearest_zeros",
    "normalised_margin",
    "normalised_margin_bound",
    "optimal_margin",
    "preactivations",
    "rescaled",
    "robustness_margin",
    "sharpness",
    "two_neuron_margin",
    "zeros_on_line",
]
