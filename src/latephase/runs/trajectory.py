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
    "output_weights": ("output weights v_j", "1"),
    "output_bias": ("output bias c", "1"),
    "boundary": ("boundary x*", "input unit"),
    "robustness_margin": ("robustness margin", "input unit"),
    "margin_deficit": ("margin deficit", "input unit"),
    "log_margin_deficit": ("ln(margin deficit)", "1"),
    "log_loss": ("ln(loss)", "1"),
    "gradient_evaluations": ("gradient evaluations", "1"),
    "log_flow_time": ("ln(flow time)", "1"),
    "error": ("relative error of a neuron", "1"),
    "margin_error": ("error of y N(x)", "1"),
    "rigour": ("how it is known", ""),
    # of `compare`
    "fitted": ("both points fitted", ""),
    "limit_gap": ("|x* - x_inf|", "input unit"),
    "norm": ("|theta|", "1"),
    "normalised_margin": ("normalised margin", "1"),
    "normalised_margin_gap": ("gap of the normalised margin", "1"),
    "current_law_constant": ("C of the current law", "input unit"),
    "current_law_offset": ("offset of the current law", "1"),
}
"""Long name, which fits an axis, and units of every variable but `OF_TRIAL`, whichever entrance it
comes from."""

RIGOURS = np.array(["", Rigour.estimated.name, Rigour.exact.name])
"""Of a sample that was not reached, and of one that was, by whether it is exact."""

OF_TRIAL = {
    "regime": ("regime at the end", ""),
    "outcome": ("outcome of the run", ""),
    "law_constant": ("C of the boundary", "input unit"),
    "law_offset": ("offset of the law", "1"),
    "law_exponent": ("exponent of the law", "1"),
    "limit_boundary": ("limit of the boundary", "input unit"),
    "limit_margin": ("limit of the margin", "input unit"),
    "margin_constant": ("C of the margin", "input unit"),
    "limit_normalised_margin": ("limit of the normalised margin", "1"),
    "law_rigour": ("how the law is known", ""),
    "entry_log10_t": ("log10 t of entry", "1"),
}
"""Those of `ensemble` and `compare` that each trial has one of."""

DESCRIBED = {
    "boundary": "decision boundary, where both neurons are active at it",
    "robustness_margin": "distance from the inputs to N = 0; 0 if one is misclassified",
    "margin_deficit": "largest possible robustness margin - robustness margin",
    "log_loss": "of the loss summed over points",
    "output_weights": "where they are trained",
    "gradient_evaluations": "of the whole loss",
    "log_flow_time": "of the sum of effective step sizes |update| / |grad L|",
    "error": "bound or estimate of max_j |Delta(w_j, b_j)| / |(w_j, b_j)|",
    "margin_error": "bound or estimate of max_i |Delta q_i| / (1 + |q_i|), q_i = y_i N(x_i)",
    "rigour": "how `error` and the values were obtained; empty where not reached",
    "fitted": "whether both points are on their side at the last sample",
    "limit_gap": "x_inf is the limit of the boundary under gradient descent",
    "norm": "length of all weights and biases",
    "normalised_margin": "min_i y_i N(x_i) / |theta|",
    "normalised_margin_gap": "largest possible normalised margin - normalised margin",
    "current_law_constant": "that the pattern and parameters at this time would have for ever",
    "current_law_offset": "on the clock of flow time",
    "law_constant": "x* - limit_boundary ~ C / (ln t + offset)",
    "margin_constant": "limit_margin - margin ~ C / (ln t + offset)",
    "law_rigour": "how regime, limit and law are known; empty where they are not",
    "entry_log10_t": "of the time from which on the run is in its regime",
}
"""What the long name leaves out: the attribute `description`."""

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
        more = {"description": DESCRIBED[name]} if name in DESCRIBED else {}
        data[name] = (dims, values, {"long_name": long_name, "units": units, **more})
    coordinates = {
        "time": ("time", [t.text for t in samples], {"long_name": "time as given"}),
        "log10_t": ("time", [t.log10 for t in samples], {"long_name": "log10 t"}),
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
    ordered = record.parameters if neurons == (0, 1) else record.parameters[::-1]
    moved = np.moveaxis(ordered, (0, 1), (2, 3))  # (T, S, neuron, [w, b])
    reached = np.isfinite(moved).all(axis=(2, 3))
    rigour = RIGOURS[reached * (1 + record.exact)]
    return {
        "weights": moved[..., :1],
        "biases": moved[..., 1],
        **record.observed,
        "error": record.error,
        "margin_error": record.margin_error,
        "rigour": rigour,
    }
