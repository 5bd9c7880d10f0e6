"""Networks and data from elsewhere: PyTorch, .npz files, CSV files; what is kept and refused."""

from __future__ import annotations

import errno
import io
import os
import zipfile

import numpy as np
import pytest

from helpers import message_is_one_line, relative_error
from latephase.core import InputError
from latephase.problem import Dataset, ShallowReLU

NET = ShallowReLU([[0.1, -3e-300], [7.0, 2.0], [1 / 3, 0.0]], [0.5, -0.0, 1e300], [1.0, -2.0, 0.1])
ARRAYS = ("weights", "biases", "output_weights")


def same_bits(one: ShallowReLU, other: ShallowReLU) -> bool:
    return all(getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in ARRAYS)


def refusal(call, *arguments, **options) -> str:
    with pytest.raises(InputError) as caught:
        call(*arguments, **options)
    assert message_is_one_line(caught.value), str(caught.value)
    return str(caught.value)


# --- .npz -------------------------------------------------------------------------------------


def test_a_saved_network_is_loaded_bit_for_bit(tmp_path):
    """Ground truth: the bytes of the arrays, -0.0 and 1e300 among them; equal nets, equal files."""
    assert NET.save(tmp_path / "new" / "net.npz") == tmp_path / "new" / "net.npz"
    assert same_bits(ShallowReLU.load(tmp_path / "new" / "net.npz"), NET)
    NET.save(tmp_path / "twin")
    assert (tmp_path / "twin").read_bytes() == (tmp_path / "new" / "net.npz").read_bytes()
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["net.npz", "new", "twin"]


def test_output_weights_are_optional_as_in_the_constructor(tmp_path):
    """Ground truth: NumPy's own file, and the default +1, -1."""
    np.savez(tmp_path / "net.npz", weights=[0.7, -0.4], biases=[0.1, 0.2])
    net = ShallowReLU.load(str(tmp_path / "net.npz"))
    assert same_bits(net, ShallowReLU([0.7, -0.4], [0.1, 0.2], [1, -1]))


def saved(**arrays) -> bytes:
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def npy() -> bytes:
    content = io.BytesIO()
    np.save(content, np.ones(3))
    return content.getvalue()


def zipped() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("weights", "1,2")
    return content.getvalue()


GOOD = {"weights": [0.7, -0.4], "biases": [0.1, 0.2]}
BAD_FILES = {
    "empty": (b"", "zip"),
    "text": (b"weights = 1", "zip"),
    "one array": (npy(), "zip"),
    "cut": (saved(**GOOD)[:-30], "zip"),
    "damaged": (saved(**GOOD).replace(np.array(0.7).tobytes(), bytes(8)), "CRC"),
    "a pickle": (saved(**GOOD, extra=np.array([None])), "allow_pickle"),
    "no biases": (saved(weights=[1, 2], other=[3]), "other, weights"),
    "no arrays": (zipped(), "nothing"),
    "misspelt output weights": (saved(**GOOD, output_weight=[1, 1]), "output_weight"),
    "wrong shape": (saved(weights=[1, 2], biases=[1]), "shape (2,)"),
    "NaN": (saved(weights=[1, np.nan], biases=[1, 2]), "nan"),
    "text in an array": (saved(weights=["1", "2"], biases=[1, 2]), "real numbers"),
}


@pytest.mark.parametrize(("content", "word"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_what_is_no_network_file_is_told_in_one_line(tmp_path, content, word):
    """Ground truth: the contract of a network file."""
    (tmp_path / "net.npz").write_bytes(content)
    assert word in refusal(ShallowReLU.load, tmp_path / "net.npz")


@pytest.mark.parametrize("load", [ShallowReLU.load, Dataset.from_csv])
@pytest.mark.parametrize("path", ["absent", ".", None, "", 3, "nul\0"])
def test_what_is_no_file_is_told_in_one_line(tmp_path, monkeypatch, load, path):
    """Ground truth: an empty folder."""
    monkeypatch.chdir(tmp_path)
    assert "file" in refusal(load, path)


def test_what_is_no_network_is_not_overwritten(tmp_path):
    """Ground truth: the file that stood there, until `force`."""
    for content in (b"mine", saved(**GOOD, output_weights=[1, 1], notes=[1])):
        (tmp_path / "mine").write_bytes(content)
        refusal(NET.save, tmp_path / "mine")
        assert (tmp_path / "mine").read_bytes() == content
    refusal(NET.save, tmp_path, force=True)
    NET.save(tmp_path / "mine", force=True)
    ShallowReLU([1, 2], [0, 0]).save(tmp_path / "mine")
    assert ShallowReLU.load(tmp_path / "mine").m == 2


def test_a_full_disk_keeps_the_old_network(tmp_path, monkeypatch):
    """Ground truth: the bytes of the file before, and nothing beside it."""
    before = NET.save(tmp_path / "net.npz").read_bytes()

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    assert "No space left" in refusal(ShallowReLU([1, 2], [0, 0]).save, tmp_path / "net.npz")
    assert [p.name for p in tmp_path.iterdir()] == ["net.npz"]
    assert (tmp_path / "net.npz").read_bytes() == before


# --- CSV --------------------------------------------------------------------------------------


def read(tmp_path, content: str | bytes, *arguments, **options) -> Dataset:
    raw = content if isinstance(content, bytes) else content.encode()
    (tmp_path / "points.csv").write_bytes(raw)
    return Dataset.from_csv(tmp_path / "points.csv", *arguments, **options)


PLAIN = "x1,label,x2\n0.1,1,-3\n2,-1,4e-300\n"


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        PLAIN.rstrip(),
        PLAIN + "\n  \n\n",
        "\n" + PLAIN.replace("\n", "\n\n"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.encode("utf-8-sig"),
        'x1,"label","x2"\n"0.1","+1","-3"\n2,"-1.0",4e-300',
        " x1 , label , x2 \n 0.1 , 1 , -3 \n 2.0 , -1 ,  +4.e-300 ",
        '"x1", "label", "x2"\n.1, "1", "-3"\n2, "-1", "4E-300"',
    ],
)
def test_points_are_read_however_they_are_written(tmp_path, content):
    """Ground truth: the two points by hand; columns and lines in the order of the file."""
    data = read(tmp_path, content)
    assert data.inputs.tolist() == [[0.1, -3.0], [2.0, 4e-300]]
    assert data.labels.tolist() == [1, -1]


def test_decimals_are_read_to_the_nearest_double(tmp_path):
    """Ground truth: Python's shortest representations of random doubles, read back."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(50, 3)) * 10.0 ** rng.integers(-300, 300, (50, 3))
    signs = np.where(rng.random(50) < 0.5, 1, -1)
    lines = [",".join(map(repr, [*p, s])) for p, s in zip(points.tolist(), signs.tolist())]
    data = read(tmp_path, "\n".join(["a,b,c,class", *lines]), "class")
    assert np.array_equal(data.inputs, points)
    assert np.array_equal(data.labels, signs)


@pytest.mark.parametrize(
    ("positive", "labels"),
    [
        ("cat", "cat dog cat"),
        ("1", "1 0 1.0"),
        (1, "1 0 +1"),
        (0.5, ".5 -1 5e-1"),
        ("-1", "-1 1 -1"),
    ],
)
def test_the_positive_label_is_one_and_the_other_minus_one(tmp_path, positive, labels):
    """Ground truth: the second of three labels is the other one."""
    lines = [f"{i},{label}" for i, label in enumerate(labels.split())]
    data = read(tmp_path, "\n".join(["x,label", *lines]), positive=positive)
    assert data.labels.tolist() == [1, -1, 1]


HEAD = "x1,x2,label\n1,2,1\n"
BAD_CSVS = {
    "empty": ("", {}, ["empty"]),
    "blank": ("\n \n", {}, ["empty"]),
    "no points": ("x,label\n", {}, ["only a header"]),
    "no header": ("1,2,1\n3,4,-1\n", {}, ["line 1", "header"]),
    "no label column": ("a,b\n1,1\n", {}, ["'label'", "a, b", "line 1"]),
    "another label column": (HEAD, {"label": "class"}, ["'class'", "x1, x2, label"]),
    "label alone": ("label\n1\n", {}, ["'label'", "inputs"]),
    "semicolons": ("x;label\n1;1\n", {}, ["commas"]),
    "column twice": ("\nx,x,label\n", {}, ["'x'", "line 2"]),
    "column without name": (",x,label\n0,1,1\n", {}, ["column 1", "line 1"]),
    "missing value": (HEAD + "\n3,,-1\n", {}, ["'x2'", "line 4", "nothing"]),
    "missing label": (HEAD + "3,4,\n", {}, ["'label'", "line 3", "nothing"]),
    "text": (HEAD + "3,four,-1\n", {}, ["'x2'", "line 3", "'four'"]),
    "long text": (HEAD + f"3,{'4x' * 100},-1\n", {}, ["'x2'", "line 3", "..."]),
    "NA": (HEAD + "NA,4,-1\n", {}, ["'x1'", "line 3", "'NA'"]),
    "NaN": (HEAD + "nan,4,-1\n", {}, ["'x1'", "line 3", "'nan'"]),
    "infinity": (HEAD + "3,-inf,-1\n", {}, ["'x2'", "line 3", "'-inf'"]),
    "beyond float64": (HEAD + "3,1e999,-1\n", {}, ["'x2'", "line 3", "'1e999'"]),
    "decimal comma": (HEAD + '3,"4,5",-1\n', {}, ["'x2'", "line 3", "'4,5'"]),
    "underscore": (HEAD + "3,1_000,-1\n", {}, ["'x2'", "line 3", "'1_000'"]),
    "too few fields": (HEAD + "3,-1\n", {}, ["3 fields", "2 in line 3", "'label'"]),
    "too many fields": (HEAD + "3,4,-1,\n", {}, ["3 fields", "4 in line 3"]),
    "open quote": (HEAD + '"3,4,-1\n5,6,1', {}, ["line 3"]),
    "line break in a field": (HEAD + '"3\n",4,-1\nx,6,1', {}, ["line 5", "'x1'"]),
    "no UTF-8": (HEAD.encode() + b"3,\xe9,-1", {}, ["0xe9", "line 3", "UTF-8"]),
    "UTF-16": (HEAD.encode("utf-16"), {}, ["line 1", "UTF-8"]),
    "labels 0 and 1": (HEAD + "3,4,0\n", {}, ["'label'", "'0' in line 3", "'1'", "positive"]),
    "labels of names": ("x,y\n1,a\n2,b", {"label": "y"}, ["'y'", "'a'", "'b'", "positive"]),
    "three labels": (HEAD + "3,4,-1\n5,6,0\n", {}, ["'label'", "'0' in line 4", "two classes"]),
    "NaN as label": (HEAD + "3,4,nan\n", {}, ["'nan' in line 3"]),
    "no such positive": (HEAD + "3,4,0\n", {"positive": "yes"}, ["'yes'", "'1' in line 2"]),
    "three classes": (
        HEAD + "3,4,2\n5,6,3\n",
        {"positive": 1},
        ["'3' in line 4", "'2' in line 3", "'label'"],
    ),
    "one class": (HEAD, {}, ["both classes"]),
    "one class, positive": (HEAD, {"positive": 1}, ["both classes"]),
    "contradiction": (HEAD + "1,2,-1\n", {}, ["[1.0, 2.0]"]),
}


@pytest.mark.parametrize(("content", "options", "words"), BAD_CSVS.values(), ids=BAD_CSVS.keys())
def test_a_bad_csv_file_is_told_with_line_and_column(tmp_path, content, options, words):
    """Ground truth: line and column of what was planted, counted by eye."""
    message = refusal(read, tmp_path, content, **options)
    assert all(word in message for word in words), message


# --- PyTorch ----------------------------------------------------------------------------------


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


def test_a_missing_hidden_bias_is_zero():
    """Ground truth: Linear(..., bias=False)."""
    net = ShallowReLU.from_torch(fakes({"0.weight": W, "2.weight": V}))
    assert net.biases.tolist() == [0.0, 0.0, 0.0]


def test_one_neuron_on_a_line_is_read_as_listed():
    """Ground truth: the first layer is the hidden one where the shapes leave it open."""
    net = ShallowReLU.from_torch(fakes({"a.weight": [[2.0]], "b.weight": [[3.0]]}))
    assert (net.weights.tolist(), net.output_weights.tolist()) == ([[2.0]], [3.0])


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
    module = torch.nn.Sequential(
        torch.nn.Linear(4, 7, bias=bias), torch.nn.ReLU(), torch.nn.Linear(7, 1, bias=False)
    ).to(getattr(torch, dtype))
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
            self.more = nn.ModuleList(layers)

    class Scaled(Own):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

    def chain(*inner: object, inputs: int = 2, outputs: int = 1, bias: bool = False) -> object:
        return nn.Sequential(nn.Linear(inputs, 3), *inner, nn.Linear(3, outputs, bias=bias))

    zero = chain(relu, bias=True)
    nn.init.zeros_(zero[2].bias)
    return {
        "plain": (chain(relu), None),
        "output bias 0": (zero, None),
        "nested": (nn.Sequential(nn.Flatten(), chain(relu), nn.Identity()), None),
        "own": (Own(), None),
        "own with ReLU": (Own(relu), None),
        "output bias": (chain(relu, bias=True), "2.bias"),
        "two logits": (chain(relu, outputs=2), "shape (2, 3)"),
        "Tanh": (chain(nn.Tanh()), "Tanh"),
        "LeakyReLU": (chain(nn.LeakyReLU()), "LeakyReLU"),
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
        "normalised": (chain(relu).apply(_normalise(torch)), "Parametrized"),
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
