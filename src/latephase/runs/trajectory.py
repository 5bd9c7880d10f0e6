"""The recorded samples as labelled arrays: the one place that knows names, dims, units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from latephase.core import LogTime, Rigour
from latephase.late.pair.context import Samples

if TYPE_CHECKING:
    import xarray as xr

_ABOUT = {
    "weights": ("weights w_j", "1 / input unit"),
    "biases": ("biases b_j", "1"),
    "boundary": ("decision boundary x* where both neurons are active at it", "input unit"),
    "robustness_margin": (
        "distance from the inputs to N = 0; 0 if one is misclassified",
        "input unit",
    ),
    "margin_deficit": ("optimal robustness margin - robustness margin", "input unit"),
    "log_margin_deficit": ("natural logarithm of the margin deficit", "1"),
    "log_loss": ("natural logarithm of the loss summed over points", "1"),
    "gradient_evaluations": ("evaluations of the gradient of the whole loss", "1"),
    "log_flow_time": ("ln of the sum of effective step sizes |update| / |grad L|", "1"),
    "error": ("max_j |Delta(w_j, b_j)| / |(w_j, b_j)|", "1"),
    "margin_error": ("max_i |Delta q_i| / (1 + |q_i|), q_i = y_i N(x_i)", "1"),
    "rigour": ("how `error` and the values were obtained", ""),
}


def dataset(
    variables: dict[str, NDArray[Any]], samples: list[LogTime], lead: tuple[str, ...] = ()
) -> xr.Dataset:
    """An xarray.Dataset of variables with dims (*lead, time[, neuron[, feature]])."""
    import xarray as xr

    inner = {"weights": ("neuron", "feature"), "biases": ("neuron",)}
    data = {
        name: ((*lead, "time", *inner.get(name, ())), values, _attributes(name))
        for name, values in variables.items()
    }
    coordinates = {
        "time": ("time", [t.text for t in samples], {"long_name": "time as given"}),
        "log10_t": ("time", [t.log10 for t in samples], {"long_name": "decimal logarithm of time"}),
    }
    return xr.Dataset(data, coordinates)


def _attributes(name: str) -> dict[str, str]:
    long_name, units = _ABOUT[name]
    return {"long_name": long_name, "units": units}


def variables(record: Samples, neurons: tuple[int, int]) -> dict[str, NDArray[Any]]:
    """The variables of a record, trial axis first, neurons in the user's order.

    neurons: which canonical neuron each of the user's is.
    """
    order = list(neurons)
    moved = np.moveaxis(record.parameters[order], (0, 1), (2, 3))  # (T, S, neuron, [w, b])
    rigour = np.where(record.exact, Rigour.exact.name, Rigour.estimated.name)
    return {
        "weights": moved[..., :1],
        "biases": moved[..., 1],
        **record.observed,
        "error": record.error,
        "margin_error": record.margin_error,
        "rigour": rigour,
    }
