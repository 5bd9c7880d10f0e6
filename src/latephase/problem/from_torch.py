"""Parameters of a network trained with PyTorch, read from its module or its state dict.

PyTorch itself is not imported: what is asked of a module and of a tensor is named here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from latephase.core import InputError, Words
from latephase.core.arrays import Floats

_WANTED = "one hidden Linear, ReLU or LeakyReLU, and a Linear with one output"
_ACTIVATIONS = ("ReLU", "LeakyReLU")
_TO_LOAD = "pass the module or its state_dict(), for example torch.load(path)"
_TO_UNWRAP = 'pass for example checkpoint["state_dict"]'
_REMOVALS = {  # what a layer that computes its weight leaves in a state dict, and how to end it
    "parametrizations": 'parametrize.remove_parametrizations(layer, "weight")',
    "weight_g": "remove_weight_norm(layer)",
    "weight_u": "remove_spectral_norm(layer)",  # beside weight_orig, so before it
    "weight_mask": 'prune.remove(layer, "weight")',
    "bias_mask": 'prune.remove(layer, "bias")',
    "weight_orig": 'prune.remove(layer, "weight")',
}
_NOTHING = ("Identity", "Flatten")  # layers that change no value


class Read(NamedTuple):
    """Weights (m, d), biases (m,) or None, output weights (m,), the negative slope, whether the
    output layer is trained, and its bias if it is."""

    weights: Floats
    biases: Floats | None
    output_weights: Floats
    negative_slope: float
    train_output: bool
    output_bias: float | None


def parameters(
    source: object, slope: float | None = None, train_output: bool | None = None
) -> Read:
    """What a module or a state dict holds.

    slope, train_output: the negative slope and whether the output layer is trained, where the
    caller says it.
    Raises InputError; see `ShallowReLU.from_torch` for what is accepted.
    """
    state = source
    if callable(getattr(source, "state_dict", None)):
        _check_layers(source)
        slope = _seen_slope(source, slope)
        state = source.state_dict()  # type: ignore[attr-defined]
    if not isinstance(state, Mapping):
        raise InputError("a torch module or its state_dict", source, _TO_LOAD)
    hidden, output = _two_layers(_layers(state))
    trained = _trains_output(source, hidden, output) if train_output is None else train_output
    last = _output_bias(output, trained)
    (_, weights), (_, head) = hidden["weight"], output["weight"]
    biases = hidden["bias"][1] if "bias" in hidden else None
    return Read(weights, biases, head[0], slope or 0.0, trained, last)


def _trains_output(module: object, hidden: Layer, output: Layer) -> bool:
    """Whether the output layer of a module is trained; a state dict does not say.  Raises
    InputError on what is trained in part, or alone."""
    named = getattr(module, "named_parameters", None)
    if not callable(named):
        return False
    wanted = {name: bool(one.requires_grad) for name, one in named(remove_duplicate=False)}
    inner, outer = ({wanted.get(name, False) for name, _ in p.values()} for p in (hidden, output))
    if len(inner) > 1 or len(outer) > 1 or (True in outer and False in inner):
        frozen = ", ".join(name for name, trained in wanted.items() if not trained)
        do = "set requires_grad of whole layers, the hidden one first, or pass train_output"
        raise InputError("a module whose layers are trained", Words(f"{frozen} frozen"), do)
    return True in outer


def _check_layers(module: Any) -> None:
    """Refuse a module that is seen to compute something else; its `forward` cannot be seen."""
    kinds = _kinds(module)
    activations = [kind for kind in kinds if kind in _ACTIVATIONS]
    others = [kind for kind in kinds if kind not in ("Linear", *_ACTIVATIONS)]
    if others or kinds.count("Linear") != 2 or len(activations) > 1:
        got = Words(f"{type(module).__name__} of {', '.join(kinds) or 'no layers'}")
        raise InputError(_WANTED, got, _removal(module.state_dict()) or "train such a network")
    for part in module.modules():
        kinds = _kinds(part)
        whole = _kind(part) == "Sequential" and kinds.count("Linear") == 2
        if whole and kinds[1::2] not in [[kind] for kind in _ACTIVATIONS]:
            got = Words(f"Sequential of {', '.join(kinds)}")
            raise InputError(_WANTED, got, "put the ReLU between the two Linear layers")


def _seen_slope(module: Any, given: float | None) -> float | None:
    """The slope of the activation that is a layer of the module; else the one given."""
    for part in module.modules():
        if _kind(part) in _ACTIVATIONS:
            seen = float(getattr(part, "negative_slope", 0.0))
            if given not in (None, seen):
                got = Words(f"{given} beside a {_kind(part)} of slope {seen}")
                raise InputError("the negative_slope of the module", got, "leave it out")
            return seen
    return given


def _kinds(module: Any) -> list[str]:
    """Class names of the innermost layers, in order, a layer used twice named twice."""
    named = module.named_modules(remove_duplicate=False)
    inner = [part for _, part in named if not any(True for _ in part.children())]
    return [_kind(part) for part in inner if _kind(part) not in _NOTHING]


def _kind(module: object) -> str:
    return type(module).__name__


Layer = dict[str, tuple[str, Floats]]  # "weight" or "bias": its full name and its values


def _layers(state: Mapping[Any, Any]) -> list[Layer]:
    """The layers of a state dict, in its order.  Raises InputError unless all are Linear."""
    layers: dict[str, Layer] = {}
    for name, tensor in state.items():
        layer, _, part = str(name).rpartition(".")
        values = _array(str(name), tensor)
        if part not in ("weight", "bias") or values.ndim != (2 if part == "weight" else 1):
            got = Words(f"{name} of shape {values.shape}")
            do = _removal(state) or f"train {_WANTED}"
            raise InputError("weights and biases of Linear layers", got, do)
        layers.setdefault(layer, {})[part] = (str(name), values)
    return list(layers.values())


def _removal(state: Mapping[Any, Any]) -> str | None:
    """How to make plain weights of weights that are computed (pruned, normalised); else None."""
    parts = {part for name in state for part in str(name).split(".")}
    call = next((call for part, call in _REMOVALS.items() if part in parts), None)
    return call and f"make its weights plain first: torch.nn.utils.{call}"


def _array(name: str, tensor: Any) -> Floats:
    """A tensor as float64, exactly: float16, bfloat16 and float32 are all contained in it."""
    floating = getattr(tensor, "is_floating_point", None)
    if not callable(floating) or not callable(getattr(tensor, "detach", None)):
        got = Words(f"{name} of type {type(tensor).__name__}")
        raise InputError("a state_dict of tensors", got, _TO_UNWRAP)
    try:
        if floating():
            return np.asarray(tensor.detach().cpu().double().numpy())
    except (RuntimeError, TypeError, NotImplementedError):  # sparse, or without values (meta)
        pass
    got = Words(f"{name} of {getattr(tensor, 'dtype', type(tensor).__name__)}")
    raise InputError("dense tensors of floating-point numbers", got, "convert it with .float()")


def _two_layers(layers: list[Layer]) -> tuple[Layer, Layer]:
    """Hidden and output layer: as listed, or the other way round if only that fits."""
    if len(layers) != 2 or not all("weight" in layer for layer in layers):
        names = [name for layer in layers for name, _ in layer.values()]
        got = Words(f"{len(layers)} layers ({', '.join(names)})")
        raise InputError("the weights of two Linear layers", got, f"train {_WANTED}")
    fitting = [
        (hidden, output)
        for hidden, output in (layers, layers[::-1])
        if output["weight"][1].shape == (1, len(hidden["weight"][1]))
    ]
    if not fitting:
        raise _wrong_head(*(layer["weight"] for layer in layers))
    if len(fitting) == 2 and not _in_sequence(layers):
        both = " and ".join(layer["weight"][0] for layer in layers)
        got = Words(f"{both}, both of shape (1, 1), in an order that need not be that of use")
        do = "pass their numbers: ShallowReLU(weights, biases, output_weights)"
        raise InputError("layers whose shapes say which comes first", got, do)
    return fitting[0]


def _in_sequence(layers: list[Layer]) -> bool:
    """Whether the layers are numbered as in a Sequential, which uses them in that order."""
    owners = [layer["weight"][0].split(".")[:-1] for layer in layers]
    (*first, one), (*second, other) = (owner or [""] for owner in owners)
    numbered = one.isdecimal() and other.isdecimal()
    return numbered and first == second and int(one) < int(other)


def _wrong_head(hidden: tuple[str, Floats], output: tuple[str, Floats]) -> InputError:
    """What is wrong with an output layer that is no row of one weight per neuron."""
    (_, w), (name, v) = hidden, output
    do = f"train {_WANTED}"
    if v.shape == (2, len(w)):
        do = "pass to ShallowReLU the second row of the head less the first as output weights"
    got = Words(f"{name} of shape {v.shape}")
    return InputError(f"an output weight of shape (1, {len(w)})", got, do)


def _output_bias(output: Layer, trained: bool) -> float | None:
    """The output bias, None without; one that is neither trained nor 0 would be another network."""
    name, bias = output.get("bias", ("", np.zeros(1)))
    if bias.shape != (1,) or not (trained or bias[0] == 0):
        got = Words(f"{name} = {bias.tolist()}")
        do = "train it, too (train_output), use Linear(m, 1, bias=False), or set it to 0"
        raise InputError("an output layer without bias, or with bias 0", got, do)
    return float(bias[0]) if trained and "bias" in output else None
