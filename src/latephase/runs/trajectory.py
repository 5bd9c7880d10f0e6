"""The recorded samples as labelled arrays: the one place that knows names, dims, units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from latephase.core import LogTime, Rigour
from latephase.core.arrays import Floats, Ints
from latephase.late.pair.observe import PairSamples
from latephase.problem import Dataset, ShallowReLU
from latephase.store.provenance import provenance

if TYPE_CHECKING:
    import xarray as xr

ABOUT = {
    "weights": ("weights w_j", "1 / input unit"),
    "biases": ("biases b_j", "1"),
    "output_weights": ("output weights v_j, where they are trained", "1"),
    "output_bias": ("output bias, where there is one", "1"),
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
    "rigour": ("how `error` and the values were obtained; empty where not reached", ""),
    # of `compare`
    "fitted": ("whether both points are on their side at the last sample", ""),
    "limit_gap": (
        "|x* - x_inf|, x_inf the limit of the boundary under gradient descent",
        "input unit",
    ),
    "norm": ("|theta|, length of all weights and biases", "1"),
    "normalised_margin": ("min_i y_i N(x_i) / |theta|", "1"),
    "normalised_margin_gap": ("largest possible normalised margin - normalised margin", "1"),
    "current_law_constant": (
        "C that the pattern and parameters at this time would have for ever",
        "input unit",
    ),
    "current_law_offset": ("offset of that law, on the clock of flow time", "1"),
}
"""Long name and units of every variable but `OF_TRIAL`, whichever entrance it comes from."""

OF_TRIAL = {
    "regime": ("how the run ends", ""),
    "outcome": ("why the simulation stopped", ""),
    "law_constant": ("C in x* - limit_boundary ~ C / (ln t + offset)", "input unit"),
    "law_offset": ("offset of the law", "1"),
    "law_exponent": ("exponent of the law", "1"),
    "limit_boundary": ("limit of the decision boundary", "input unit"),
    "limit_margin": ("limit of the robustness margin", "input unit"),
    "margin_constant": ("C in limit_margin - margin ~ C / (ln t + offset)", "input unit"),
    "limit_normalised_margin": ("limit of min_i y_i N(x_i) / |theta|", "1"),
    "law_rigour": ("how regime, limit and law are known; empty where they are not", ""),
    "entry_log10_t": ("decimal logarithm of the time of entry into the regime", "1"),
}
"""Those of `ensemble` and `compare` that each trial has one of."""

_INNER = {
    "weights": ("neuron", "feature"),
    "biases": ("neuron",),
    "output_weights": ("neuron",),
}


def dataset(
    variables: Mapping[str, NDArray[Any]],
    samples: Sequence[LogTime],
    lead: tuple[str, ...] = (),
    over: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
    attributes: Mapping[str, Any] = MappingProxyType({}),
) -> xr.Dataset:
    """An xarray.Dataset of variables with dims (*lead, time[, neuron[, feature]]).

    over: the dims of variables that have others; those of a trial alone are `OF_TRIAL`.
    attributes: settings, behind provenance.
    """
    import xarray as xr

    data = {}
    for name, values in variables.items():
        dims = over.get(name, (*lead, "time", *_INNER.get(name, ())))
        long_name, units = (ABOUT | OF_TRIAL).get(name, (name, ""))
        data[name] = (dims, values, {"long_name": long_name, "units": units})
    coordinates = {
        "time": ("time", [t.text for t in samples], {"long_name": "time as given"}),
        "log10_t": ("time", [t.log10 for t in samples], {"long_name": "decimal logarithm of time"}),
    }
    return xr.Dataset(data, coordinates, {**provenance(), **attributes})


def parameters_of(samples: Mapping[Any, Any]) -> Floats:
    """theta (..., neuron, k) of samples: rows (w_j, b_j), or w_j without biases."""
    w = np.asarray(samples["weights"])
    if "biases" not in samples:
        return w
    return np.concatenate([w, np.asarray(samples["biases"])[..., None]], axis=-1)


def output_weights_of(samples: Mapping[Any, Any], network: ShallowReLU) -> Floats:
    """Output weights (..., neuron) of samples, or (neuron,) of a network that has them fixed."""
    return np.asarray(samples["output_weights"]) if network.train_output else network.output_weights


def network_of(sample: Mapping[Any, Any], network: ShallowReLU) -> ShallowReLU:
    """The network of this kind that a single sample has."""
    last = None if network.output_bias is None else float(sample["output_bias"])
    return network.with_parameters(parameters_of(sample), output_weights_of(sample, network), last)


def networks_of(
    samples: Mapping[Any, Any], network: ShallowReLU, places: Ints | None = None
) -> list[ShallowReLU]:
    """Those that samples (S, ...) have, all or at some places."""
    names = ("weights", "biases", "output_weights", "output_bias")
    parts = {name: np.asarray(samples[name]) for name in names if name in samples}
    chosen = range(len(parts["weights"])) if places is None else places
    each = ({name: part[k] for name, part in parts.items()} for k in chosen)
    return [network_of(one, network) for one in each]


def settings_of(data: Dataset, loss: str, until: LogTime, **more: Any) -> dict[str, Any]:
    """What every entrance writes down, as plain JSON values; `more` of its own before it."""
    points = {"inputs": data.inputs.ravel().tolist(), "labels": data.labels.tolist()}
    return {**more, **points, "loss": loss, "until": until.text}


def variables(record: PairSamples, neurons: tuple[int, int]) -> dict[str, NDArray[Any]]:
    """The variables of a record, trial axis first, neurons in the user's order.

    neurons: which canonical neuron each of the user's is.
    """
    order = list(neurons)
    moved = np.moveaxis(record.parameters[order], (0, 1), (2, 3))  # (T, S, neuron, [w, b])
    rigour = np.where(record.exact, Rigour.exact.name, Rigour.estimated.name)
    rigour = np.where(np.isfinite(moved).all(axis=(2, 3)), rigour, "")
    return {
        "weights": moved[..., :1],
        "biases": moved[..., 1],
        **record.observed,
        "error": record.error,
        "margin_error": record.margin_error,
        "rigour": rigour,
    }
