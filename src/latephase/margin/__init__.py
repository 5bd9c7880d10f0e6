"""What is measured on a network: robustness margin, boundary, normalised margin, KKT residual,
activation pattern. Every function takes arrays and works on many networks at once.
"""

from __future__ import annotations

from latephase.core.calls import public
from latephase.problem import Dataset, ShallowReLU, matching

from .boundary import boundary, boundary_offset
from .kkt import kkt_residual
from .lines import rescaled
from .normalised import largest_normalised_margin, margins, normalised_margin, preactivations
from .patterns import activation_pattern, is_active
from .robustness import (
    margin_deficit,
    margin_from_lines,
    optimal_margin,
    robustness_margin,
    two_neuron_margin,
)
from .search.wide import EXACT_NEURONS, margin_of
from .value import Margin, MarginBounds
from .zeros import zeros_on_line

__all__ = [
    "EXACT_NEURONS",
    "Margin",
    "MarginBounds",
    "activation_pattern",
    "boundary",
    "boundary_offset",
    "is_active",
    "kkt_residual",
    "largest_normalised_margin",
    "margin_deficit",
    "margin_from_lines",
    "margin_of",
    "margins",
    "normalised_margin",
    "of_network",
    "optimal_margin",
    "preactivations",
    "rescaled",
    "robustness_margin",
    "two_neuron_margin",
    "zeros_on_line",
]


@public
def of_network(net: ShallowReLU, data: Dataset, norm: object = 2) -> Margin | MarginBounds:
    """Robustness margin of a network on a data set, in units of x.

    The distance from the inputs to the set N = 0 in the norm 2, inf or 1; 0 if a point is
    misclassified, inf if N has no zero.  A `Margin`, which is a float and that of these doubles to
    about 1e-12 relative, for up to 16 neurons, and for any number of them in one dimension and in
    two; `MarginBounds` with `lower` and `upper` for larger networks.  Raises InputError.
    """
    net, data = matching(net, data)
    return margin_of(net.weights, net.biases, net.output_weights, data.inputs, data.labels, norm)
