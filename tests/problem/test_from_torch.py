"""ShallowReLU.from_torch: what is read of a module or a state dict, exactly, and what is refused.

The tests with stand-ins for tensors always run; the others need PyTorch.
"""

from __future__ import annotations

import numpy as np
import pytest

from helpers import refusal, relative_error, same_bits
from latephase.problem import ShallowReLU

NET = ShallowReLU([1.0, 2.0], [3.0, 4.0])


class Fake:
    """What is asked of a tensor, in NumPy; `kind` "f" stands for the floating-point ones."""

    def __init__(self, values: object, dtype: str = "float32", broken: bool = False) -> None:
        self.values, self.dtype, self.broken = np.array(values, dtype), dtype, broken

    def is_floating_point(self) -> bool:
        return self.values.dtype.kind == "f"

    def detach(self) -> Fake:
        return self

    def cpu(self) -> Fake:
        if self.broken:
            raise NotImplementedError("no data")
        return self

    def double(self) -> Fake:
        return Fake(self.values, "float64")

    def numpy(self) -> np.ndarray:
        return self.values


W, B, V = [[0.1, 2.0], [3.0, -4.0], [5.0, 6.0]], [0.3, 0.0, -1.0], [[1.0, -2.0, 0.7]]
STATE = {"0.weight": W, "0.bias": B, "2.weight": V}


def fakes(state: dict[str, object], dtype: str = "float32") -> dict[str, object]:
    return {name: value if hasattr(value, "detach") else Fake(value, dtype)
            for name, value in state.items()}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(
    "state",
    [
        STATE,
        {**STATE, "2.bias": [0.0]},
        {**STATE, "2.bias": [-0.0]},
        {"out.weight": V, "out.bias": [0], "net.hidden.weight": W, "net.hidden.bias": B},
        {"0.bias": B, "0.weight": W, "2.weight": V},
    ],
)
def test_a_state_dict_is_read_exactly(state, dtype):
    """Ground truth: NumPy's conversion of the rounded numbers to float64, which is exact."""
    w, b, v = (np.array(x, dtype).astype(np.float64) for x in (W, B, V))
    assert same_bits(ShallowReLU.from_torch(fakes(state, dtype)), ShallowReLU(w, b, v[0]))


def test_without_hidden_bias_there_are_no_biases():
    """Ground truth: Linear(..., bias=False), which trains none."""
    net = ShallowReLU.from_torch(fakes({"0.weight": W, "2.weight": V}))
    assert net.biases is None


def module(*kinds: str, slope: float = 0.25, state: dict[str, object] = STATE) -> object:
    """A stand-in for a Sequential of layers of these kinds."""

    def layer(kind: str) -> object:
        part = type(kind, (), {"children": lambda self: iter(()), "negative_slope": slope})()
        part.modules = lambda: iter([part])
        part.named_modules = lambda remove_duplicate=True: iter([("", part)])
        return part

    layers = [layer(kind) for kind in kinds]
    whole = type("Sequential", (), {"children": lambda self: iter(layers)})()
    whole.modules = lambda: iter([whole, *layers])
    named = [("", whole), *((str(k), one) for k, one in enumerate(layers))]
    whole.named_modules = lambda remove_duplicate=True: iter(named)
    whole.state_dict = lambda: fakes(state)
    return whole


def test_the_slope_of_a_leaky_relu_is_read():
    """Ground truth: LeakyReLU(0.25), as PyTorch names its attribute."""
    leaky = module("Linear", "LeakyReLU", "Linear")
    assert ShallowReLU.from_torch(leaky).negative_slope == 0.25
    assert ShallowReLU.from_torch(leaky, negative_slope=0.25).negative_slope == 0.25
    assert "leave it out" in refusal(ShallowReLU.from_torch, leaky, negative_slope=0.5)
    outside = module("Linear", "LeakyReLU", "Linear", slope=-1.0)
    assert "from 0 to 1" in refusal(ShallowReLU.from_torch, outside)
    for kinds in (("Linear", "Tanh", "Linear"), ("Linear", "LeakyReLU", "Linear", "ReLU"),
                  ("LeakyReLU", "Linear", "Linear"), ("Linear", "Linear")):  # fmt: skip
        assert "LeakyReLU" in refusal(ShallowReLU.from_torch, module(*kinds))


def test_the_slope_of_a_state_dict_is_what_the_caller_says():
    """Ground truth: a state dict has no activation; without a word it is a ReLU."""
    assert ShallowReLU.from_torch(fakes(STATE)).negative_slope == 0.0
    assert ShallowReLU.from_torch(fakes(STATE), negative_slope=0.1).negative_slope == 0.1
    assert "from 0 to 1" in refusal(ShallowReLU.from_torch, fakes(STATE), negative_slope=2)


@pytest.mark.parametrize("names", [("0", "2"), ("net.0", "net.2"), ("net.2", "net.10")])
def test_one_neuron_on_a_line_is_read_in_the_order_of_a_sequential(names):
    """Ground truth: a Sequential uses its layers in the order of their numbers."""
    first, second = (f"{name}.weight" for name in names)
    net = ShallowReLU.from_torch(fakes({first: [[2.0]], second: [[3.0]]}))
    assert (net.weights.tolist(), net.output_weights.tolist()) == ([[2.0]], [3.0])


@pytest.mark.parametrize("names", [("out", "hidden"), ("a", "b"), ("2", "0"), ("a.0", "b.2")])
def test_one_neuron_on_a_line_is_refused_where_its_layers_may_be_swapped(names):
    """Ground truth: relu(2 x) 3 and relu(3 x) 2 have the same shapes, listed in either order."""
    first, second = (f"{name}.weight" for name in names)
    message = refusal(ShallowReLU.from_torch, fakes({first: [[2.0]], second: [[3.0]]}))
    assert all(word in message for word in (first, second, "ShallowReLU(weights"))


COMPUTED = {
    "pruned": ({"0.bias": B, "0.weight_orig": W, "0.weight_mask": W}, "prune.remove("),
    "biases pruned": ({"0.weight": W, "0.bias_orig": B, "0.bias_mask": B}, 'layer, "bias"'),
    "weight norm": ({"0.bias": B, "0.weight_g": V, "0.weight_v": W}, "remove_weight_norm("),
    "spectral norm": ({"0.bias": B, "0.weight_orig": W, "0.weight_u": B}, "remove_spectral_norm("),
    "parametrised": (
        {"0.bias": B, "0.parametrizations.weight.original": W, "0.parametrizations.weight.0._u": B},
        "parametrize.remove_parametrizations(",
    ),
}


@pytest.mark.parametrize(("layer", "call"), COMPUTED.values(), ids=COMPUTED.keys())
def test_computed_weights_are_refused_with_the_call_that_makes_them_plain(layer, call):
    """Ground truth: the names that PyTorch's prune, norms and parametrisations give, and its API.

    Pruned and read as they stand, the weights would be those from before the pruning.
    """
    message = refusal(ShallowReLU.from_torch, fakes({**layer, "2.weight": V}))
    assert "torch.nn.utils." in message
    assert call in message


BAD_STATES = {
    "output bias": ({**STATE, "2.bias": [0.25]}, ["2.bias = [0.25]", "bias=False"]),
    "NaN output bias": ({**STATE, "2.bias": [np.nan]}, ["2.bias = [nan]"]),
    "two logits": ({**STATE, "2.weight": [[1, 2, 3], [4, 5, 6]]}, ["2.weight of shape (2, 3)"]),
    "ten logits": ({**STATE, "2.weight": np.ones((10, 3))}, ["2.weight of shape (10, 3)"]),
    "one layer": ({"weight": W, "bias": B}, ["1 layers", "bias"]),
    "deeper": ({**STATE, "1.weight": np.ones((3, 3))}, ["3 layers", "1.weight"]),
    "nothing": ({}, ["0 layers"]),
    "convolution": ({**STATE, "0.weight": np.ones((3, 1, 2, 2))}, ["0.weight", "(3, 1, 2, 2)"]),
    "batch norm": ({**STATE, "1.running_mean": B}, ["1.running_mean"]),
    "normalised weights": ({**STATE, "0.weight_g": V}, ["0.weight_g"]),
    "a scalar more": ({**STATE, "scale": 2.0}, ["scale of shape ()"]),
    "a bias alone": ({"0.bias": B, "2.weight": V}, ["0.bias"]),
    "biases too short": ({**STATE, "0.bias": B[:2]}, ["biases of shape (3,)"]),
    "NaN": ({**STATE, "0.weight": [[np.nan, 1]] * 3}, ["nan"]),
    "infinite": ({**STATE, "0.bias": [np.inf, 1, 2]}, ["inf"]),
    "integers": ({**STATE, "2.weight": Fake([[1, 2, 3]], "int8")}, ["2.weight", "int8"]),
    "complex": ({**STATE, "2.weight": Fake([[1, 2, 3]], "complex64")}, ["2.weight", "complex64"]),
    "without values": ({**STATE, "2.weight": Fake(V, broken=True)}, ["2.weight", "dense"]),
}  # fmt: skip


@pytest.mark.parametrize(("state", "words"), BAD_STATES.values(), ids=BAD_STATES.keys())
def test_another_state_dict_is_refused_in_one_line(state, words):
    """Ground truth: networks that N does not cover."""
    message = refusal(ShallowReLU.from_torch, fakes(state))
    assert all(word in message for word in words), message


@pytest.mark.parametrize("source", ["net.pt", None, [1, 2], NET, {"state_dict": STATE, "epoch": 3}])
def test_what_comes_not_from_torch_is_refused_in_one_line(source):
    """Ground truth: a path, nothing, a list, a network of ours, a whole checkpoint."""
    assert "state_dict" in refusal(ShallowReLU.from_torch, source)


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed (extra `torch`)")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("bias", [True, False])
def test_a_torch_module_and_its_network_agree(torch, dtype, bias):
    """Ground truth: PyTorch's own forward pass, in float64 on the exact numbers."""
    torch.manual_seed(3)
    kind = getattr(torch, dtype)  # from the start: what is drawn in float32 fits into it
    module = torch.nn.Sequential(
        torch.nn.Linear(4, 7, bias=bias, dtype=kind),
        torch.nn.ReLU(),
        torch.nn.Linear(7, 1, bias=False, dtype=kind),
    )
    net, points = ShallowReLU.from_torch(module), torch.randn(9, 4, dtype=torch.float64)
    assert same_bits(net, ShallowReLU.from_torch(module.state_dict()))
    expected = module.double()(points).detach().numpy()[:, 0]
    assert relative_error(net(points.numpy()), expected) < 1e-13
    with torch.no_grad():
        module[0].weight.zero_()
    assert np.all(net.weights != 0)  # a copy


def modules(torch) -> dict[str, tuple[object, str | None]]:
    """Modules of 2 inputs and 3 neurons, and a word of the refusal; None: accepted."""
    nn = torch.nn
    relu = nn.ReLU()

    class Own(nn.Module):
        def __init__(self, *layers: object) -> None:
            super().__init__()
            self.output = nn.Linear(3, 1, bias=False)
            self.hidden = nn.Linear(2, 3)
            if layers:
                self.more = nn.ModuleList(layers)

    class Scaled(Own):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

    def chain(*inner: object, inputs: int = 2, outputs: int = 1, bias: bool = False) -> object:
        return nn.Sequential(nn.Linear(inputs, 3), *inner, nn.Linear(3, outputs, bias=bias))

    zero, fixed = chain(relu, bias=True), chain(relu, bias=True)
    nn.init.zeros_(zero[2].bias)
    fixed[2].requires_grad_(False)
    return {
        "plain": (chain(relu), None),
        "output bias 0": (zero, None),
        "nested": (nn.Sequential(nn.Flatten(), chain(relu), nn.Identity()), None),
        "own": (Own(), None),
        "own with ReLU": (Own(relu), None),
        "output bias": (fixed, "2.bias"),
        "output bias that is trained": (chain(relu, bias=True), None),
        "two logits": (chain(relu, outputs=2), "shape (2, 3)"),
        "Tanh": (chain(nn.Tanh()), "Tanh"),
        "LeakyReLU": (chain(nn.LeakyReLU()), None),
        "no activation": (chain(), "Linear, Linear"),
        "ReLU behind": (chain(relu).append(nn.ReLU()), "Linear, ReLU, Linear, ReLU"),
        "the same ReLU behind": (chain(relu).append(relu), "Linear, ReLU, Linear, ReLU"),
        "ReLU before": (nn.Sequential(relu, chain()), "ReLU, Linear, Linear"),
        "sigmoid behind": (chain(relu).append(nn.Sigmoid()), "Sigmoid"),
        "deeper": (chain(relu, nn.Linear(3, 3), nn.ReLU()), "Linear, ReLU, Linear, ReLU, Linear"),
        "batch norm": (chain(nn.BatchNorm1d(3), relu), "BatchNorm1d"),
        "dropout": (chain(relu, nn.Dropout()), "Dropout"),
        "convolution": (nn.Sequential(nn.Conv1d(1, 3, 2), relu, nn.Linear(3, 1)), "Conv1d"),
        "one layer": (nn.Linear(2, 1), "Linear"),
        "none": (nn.Sequential(), "Sequential"),
        "scaled": (Scaled(), "scale"),
        "normalised": (chain(relu).apply(_normalise(torch)), "_WeightNorm"),
    }


def _normalise(torch):
    def wrap(layer: object) -> None:
        if isinstance(layer, torch.nn.Linear):
            torch.nn.utils.parametrizations.weight_norm(layer)

    return wrap


def test_torch_modules_are_told_apart(torch):
    """Ground truth: what each module computes, known from its construction."""
    for name, (module, word) in modules(torch).items():
        if word is None:
            assert ShallowReLU.from_torch(module).weights.shape == (3, 2), name
        else:
            assert word in refusal(ShallowReLU.from_torch, module), name


def test_torch_tensors_without_numbers_are_refused(torch):
    """Ground truth: tensors on the meta device, quantised, sparse."""
    state = {"0.weight": torch.ones(3, 2), "2.weight": torch.ones(1, 3)}
    others = (state["2.weight"].to("meta"), torch.ones(1, 3).to_sparse(), torch.ones(1, 3).int())
    for other in others:
        assert "2.weight" in refusal(ShallowReLU.from_torch, {**state, "2.weight": other})
