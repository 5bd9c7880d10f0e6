"""ShallowReLU: its forward pass, its defaults, what it refuses."""

from __future__ import annotations

import warnings
import zipfile

import numpy as np
import pytest

from helpers import message_is_one_line, refusal, relative_error
from latephase.core import InputError
from latephase.problem import ShallowReLU

NET = ShallowReLU([0.7, -0.4], [0.1, 0.2])
BAD = [
    ([0.7], [0.1, 0.2], None),
    ([0.7, -0.4], [0.1], None),
    ([0.7, -0.4], [[0.1], [0.2]], None),
    ([[[0.7]], [[-0.4]]], [0.1, 0.2], None),
    ([], [], None),
    (0.7, 0.1, [1.0]),
    ([0.7, np.nan], [0.1, 0.2], None),
    ([0.7, -0.4], [0.1, np.inf], None),
    ([0.7, -0.4], [0.1, 0.2], [1.0]),
    ([0.7, -0.4], [0.1, 0.2], [1.0, np.nan]),
    ([0.7, -0.4], [0.1, 0.2], ["1", "2"]),
    ([1.0], [0.0], None),
    ([1.0, 2.0, 3.0], [0.0, 0.0, 0.0], None),
]


@pytest.mark.parametrize(("weights", "biases", "output_weights"), BAD)
def test_bad_networks_are_refused_in_one_line(weights, biases, output_weights):
    """Ground truth: the contract of a network."""
    with pytest.raises(InputError) as caught:
        ShallowReLU(weights, biases, output_weights)
    assert message_is_one_line(caught.value)


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [([1.0, -1.0], [0.8, -0.6]), ([[1.0], [-1.0]], [0.8, -0.6]), ([0.0], [-0.1]), ([2.0], [1.5])],
)
def test_two_neurons_by_hand(inputs, outputs):
    """Ground truth: relu(0.7 x + 0.1) - relu(-0.4 x + 0.2) by hand."""
    net = ShallowReLU(weights=[0.7, -0.4], biases=[0.1, 0.2])
    assert relative_error(net(inputs), outputs) < 1e-15
    assert net.output_weights.tolist() == [1.0, -1.0]


def test_any_width_and_dimension_against_a_loop():
    """Ground truth: the definition, neuron by neuron, in Python."""
    rng = np.random.default_rng(1)
    w, b, v = rng.normal(size=(5, 3)), rng.normal(size=5), rng.normal(size=5)
    x = rng.normal(size=(7, 3))
    net = ShallowReLU(w, b, v)
    expected = [
        sum(v[j] * max(0.0, sum(w[j, k] * p[k] for k in range(3)) + b[j]) for j in range(5))
        for p in x
    ]
    assert (net.m, net.d) == (5, 3)
    assert relative_error(net(x), expected) < 1e-13


@pytest.mark.parametrize("inputs", [[1.0, 2.0], [[1.0, 2.0, 3.0]], [[1.0, np.nan]], [], 1.0])
def test_inputs_of_another_shape_are_refused(inputs):
    """Ground truth: the contract of a call, here in dimension 2."""
    with pytest.raises(InputError) as caught:
        ShallowReLU([[1.0, 2.0], [3.0, 4.0]], [0.0, 0.0])(inputs)
    assert message_is_one_line(caught.value)


def test_parameters_are_copied_and_read_only():
    """Ground truth: the parameters at the time of construction."""
    w = np.array([0.7, -0.4])
    net = ShallowReLU(w, [0.1, 0.2])
    w[0] = 99.0
    assert net.weights.tolist() == [[0.7], [-0.4]]
    for array in (net.weights, net.biases, net.output_weights):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


PARTS = {"weights": [0.7, -0.4], "biases": [0.1, 0.2], "output_weights": [1.0, -1.0]}


@pytest.mark.parametrize("more", ["output_biases", "weights2", "Weights", "b2", "x/weights"])
@pytest.mark.parametrize("given", [2, 3])
def test_a_file_with_other_arrays_is_another_network(tmp_path, more, given):
    """Ground truth: unknown names are named, beside the known ones."""
    np.savez(tmp_path / "net.npz", **dict(list(PARTS.items())[:given]), **{more: [0.5]})
    with pytest.raises(InputError) as caught:
        ShallowReLU.load(tmp_path / "net.npz")
    assert message_is_one_line(caught.value)
    assert all(name in str(caught.value) for name in (more, *PARTS))


OTHERS = {
    "a scalar": np.array(0.5),
    "complex": np.array([1j, 1]),
    "bool": np.array([True, False]),
    "text": np.array(["1", "2"]),
    "dates": np.array([1, 2], "datetime64[s]"),
    "a matrix": np.ones((2, 2)),
    "fields": np.zeros(2, [("w", float)]),
}


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("values", OTHERS.values(), ids=OTHERS.keys())
def test_a_file_of_other_kinds_of_arrays_is_refused(tmp_path, name, values):
    """Ground truth: the contract of a network; weights alone may be a matrix."""
    np.savez(tmp_path / "net.npz", **{**PARTS, name: values})
    if name == "weights" and values.ndim == 2:
        assert ShallowReLU.load(tmp_path / "net.npz").d == 2
        return
    with pytest.raises(InputError) as caught:
        ShallowReLU.load(tmp_path / "net.npz")
    assert message_is_one_line(caught.value)


def test_a_name_twice_in_a_file_is_refused(tmp_path):
    """Ground truth: a zip archive may hold a name twice, and which one counts is a guess."""
    NET.save(tmp_path / "net.npz")
    with zipfile.ZipFile(tmp_path / "net.npz", "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr("biases.npy", archive.read("weights.npy"))
    with pytest.raises(InputError, match="twice"):
        ShallowReLU.load(tmp_path / "net.npz")


class Traced:
    """A tensor that takes part in gradients: NumPy is refused its numbers."""

    def __array__(self, *_: object, **__: object) -> np.ndarray:
        raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use detach()")


@pytest.mark.parametrize("weights", [Traced(), [Traced(), Traced()]])
def test_a_tensor_with_gradients_is_refused_with_what_to_do(weights):
    """Ground truth: the error of PyTorch 2, whose words these are."""
    with pytest.raises(InputError, match=r"\.detach\(\)") as caught:
        ShallowReLU(weights, [0.1, 0.2])
    assert message_is_one_line(caught.value)


@pytest.mark.parametrize("slope", [-0.1, 1.5, np.nan, np.inf, True, "0.1", [0.1], None])
def test_other_slopes_are_refused(slope):
    """Ground truth: the contract of a network: a number from 0 to 1."""
    assert "from 0 to 1" in refusal(ShallowReLU, [1.0, 2.0], negative_slope=slope)


@pytest.mark.parametrize("slope", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("biases", [None, [0.3, -0.2, 0.0]])
def test_other_kinds_against_a_loop(biases, slope, tmp_path):
    """Ground truth: the definition, neuron by neuron; and the file, which keeps the kind."""
    rng = np.random.default_rng(2)
    w, v, x = rng.normal(size=(3, 2)), rng.normal(size=3), rng.normal(size=(6, 2))
    net = ShallowReLU(w, biases, v, negative_slope=slope)
    a = [[w[j] @ p + (0 if biases is None else biases[j]) for j in range(3)] for p in x]
    expected = [sum(v[j] * (e if e > 0 else slope * e) for j, e in enumerate(row)) for row in a]
    assert relative_error(net(x), expected) < 1e-13
    loaded = ShallowReLU.load(net.save(tmp_path / "net.npz"))
    assert (loaded.biases is None) is (biases is None)
    assert loaded.negative_slope == slope
    assert loaded.parameters.tobytes() == net.parameters.tobytes()
    assert ("negative_slope" in np.load(tmp_path / "net.npz").files) is (slope > 0)
    assert net.with_parameters(2 * net.parameters)(x).tolist() == (2 * net(x)).tolist()
    assert f"negative_slope={slope}" in repr(net)
    assert net.save(tmp_path / "net.npz")  # replaced, as it is one of ours


def test_a_network_without_biases_has_no_such_parameters():
    """Ground truth: the contract: None, not zeros; `points` are what parameters multiply."""
    net = ShallowReLU([[1.0, 2.0], [3.0, 4.0]])
    assert net.biases is None
    assert net.parameters.shape == (2, 2)
    assert net.points(np.ones((5, 2))).shape == (5, 2)
    assert not net.is_plain
    assert ShallowReLU([1.0, 2.0], [0.0, 0.0]).is_plain
    assert not ShallowReLU([1.0, 2.0], [0.0, 0.0], negative_slope=0.5).is_plain
