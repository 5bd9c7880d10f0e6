"""ShallowReLU: a network of one hidden layer, ReLU or leaky, and which of its layers is trained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from latephase.core import InputError, Words
from latephase.core.arrays import Floats
from latephase.core.calls import public
from latephase.core.pictures import Pictured
from latephase.core.records import Summarised, few
from latephase.problem import from_torch, npz_file
from latephase.problem.activation import activated, with_constant
from latephase.problem.checks import finite_array, flag, real_number
from latephase.problem.dataset import Dataset

_ABSENT = {"biases": None, "negative_slope": 0.0, "train_output": False, "output_bias": None}
"""What a file does not say of a network."""


@public
@dataclass(frozen=True, init=False, eq=False, repr=False)
class ShallowReLU(Summarised, Pictured):
    """N(x) = sum_j v_j sigma(w_j . x + b_j) + c, of m neurons on d features.

    Parameters
    ----------
    weights : array (m, d) or (m,)
        w; (m,) is read as (m, 1).
    biases : array (m,) or None
        b.  None: a network without biases; they are no parameters then, and are not trained.
    output_weights : array (m,)
        v; (+1, -1) for two neurons, the setting of [smorodinsky2026], and to be given otherwise:
        there is no honest default.
    train_output : bool
        Whether the output layer is trained, too; else its weights are fixed.
    output_bias : float or None
        c, of an output layer that is trained.  None: there is none.
    negative_slope : float in [0, 1]
        s of sigma(a) = a where a > 0, s a elsewhere: 0 is ReLU, 1 the linear model.

    Raises
    ------
    InputError
        On NaN, infinities, empty or ragged input, shapes that do not match, other slopes, and an
        output bias that would not be trained.

    Notes
    -----
    Arrays are float64, read-only, the exact binary doubles given.

    Examples
    --------
    >>> net = lp.ShallowReLU(weights=[0.7, -0.4], biases=[0.1, 0.2])
    >>> net([1.0, 0.0, -1.0]).round(6)
    array([ 0.8, -0.1, -0.6])
    >>> lp.ShallowReLU([[1.0, 0.5]], output_weights=[1.0], negative_slope=1)
    <ShallowReLU: 1 neurons on 2 features, no biases, train_output=False, negative_slope=1.0>
    """

    weights: Floats
    biases: Floats | None
    output_weights: Floats
    negative_slope: float
    train_output: bool
    output_bias: float | None

    _card = "cards.network"

    def __init__(
        self,
        weights: ArrayLike,
        biases: ArrayLike | None = None,
        output_weights: ArrayLike | None = None,
        *,
        train_output: bool = False,
        negative_slope: float = 0.0,
        output_bias: float | None = None,
    ) -> None:
        layers = isinstance(weights, list | tuple) and {getattr(w, "ndim", 0) for w in weights} == {
            2
        }
        w = np.zeros((1, 1, 1)) if layers else finite_array(weights, "weights", "(m,) or (m, d)")
        if w.ndim not in (1, 2):
            what = "weights of one hidden layer, of shape (m,) or (m, d)"
            raise InputError(
                what, weights, "give one row per neuron: deeper networks are not known"
            )
        w = w[:, None] if w.ndim == 1 else w
        b = None if biases is None else _one_per_neuron(biases, "biases", len(w))
        if output_weights is None and len(w) != 2:
            got = Words(f"none for {len(w)}")
            raise InputError("output_weights with other than 2 neurons", got, "pass them")
        output_weights = [1.0, -1.0] if output_weights is None else output_weights
        v = _one_per_neuron(output_weights, "output_weights", len(w))
        object.__setattr__(self, "weights", w)
        object.__setattr__(self, "biases", b)
        object.__setattr__(self, "output_weights", v)
        object.__setattr__(self, "negative_slope", _slope(negative_slope))
        object.__setattr__(self, "train_output", flag(train_output, "train_output"))
        if output_bias is not None:
            output_bias = real_number(output_bias, "output_bias", "a finite number, or None")
        object.__setattr__(self, "output_bias", output_bias)
        if output_bias is not None and not self.train_output:
            do = "pass train_output=True, or leave it out"
            raise InputError("no output bias that is not trained", output_bias, do)

    @classmethod
    def from_torch(
        cls,
        source: object,
        *,
        train_output: bool | None = None,
        negative_slope: float | None = None,
    ) -> ShallowReLU:
        """The network of a torch module or its state_dict: Linear, ReLU, Linear with one output.

        Parameters
        ----------
        source : torch.nn.Module or state_dict
            Layers are as listed, unless only the reverse order fits their shapes; two layers of
            shape (1, 1) are refused unless they are numbered as in a Sequential.  An output bias
            that is not trained must be 0.  A LeakyReLU may stand in the place of the ReLU.
        train_output : bool
            Whether the output layer is trained, too; default: whether that of a module requires a
            gradient, and False of a state_dict, which does not say.
        negative_slope : float in [0, 1]
            Where the activation cannot be seen (below), what it is; default 0, ReLU.

        Returns
        -------
        ShallowReLU
            Hidden weight (m, d) and bias (m,) are its weights and biases, None for
            Linear(bias=False), the output weight (1, m) its output weights; the float64 of each
            float16, bfloat16, float32 or float64 is exact.

        Raises
        ------
        InputError
            On anything else, NaN weights included.

        Notes
        -----
        In a module other layers are seen and refused (Tanh, convolutions); in a state_dict, and in
        a `forward` of one's own, the activation cannot be seen: what it is is the caller's word.
        Does not import torch.
        """
        slope = None if negative_slope is None else _slope(negative_slope)
        trains = None if train_output is None else flag(train_output, "train_output")
        return cls(**from_torch.parameters(source, slope, trains)._asdict())

    @classmethod
    def load(cls, path: object) -> ShallowReLU:
        """The network in an .npz file: arrays as in the constructor, only `weights` needed.

        Raises
        ------
        InputError
            As the constructor, and if the file cannot be read; pickled objects are not.
        """
        arrays: dict[str, Any] = npz_file.read(path)
        numbers = {"train_output", "output_bias"} & set(arrays)
        return cls(**arrays | {name: arrays[name][()] for name in numbers})

    def save(self, path: object, *, force: bool = False) -> Path:
        """Write an .npz file, complete or not at all; `load` gives the same doubles.

        Returns
        -------
        pathlib.Path
            Its path.

        Raises
        ------
        InputError
            Where the file cannot be written, and where one stands that is no network (unless
            `force`).
        """
        values = {name: getattr(self, name) for name in npz_file.NAMES}
        arrays = {name: v for name, v in values.items() if np.ndim(v) or v != _ABSENT[name]}
        return npz_file.write(path, arrays, force=force)

    def lines(self) -> list[str]:
        """Its sizes and kind, and its parameters where they are few."""
        biases = "no biases" if self.biases is None else "biases"
        kind = f"train_output={self.train_output}, negative_slope={self.negative_slope}"
        kind += "" if self.output_bias is None else f", output_bias={self.output_bias}"
        inputs = "1 feature" if self.d == 1 else f"{self.d} features"
        head = f"{self.m} neurons on {inputs}, {biases}, {kind}"
        biases_too = [] if self.biases is None else [f"biases {few(self.biases)}"]
        outer = f"output weights {few(self.output_weights)}"
        return [head, f"weights {few(self.weights)}", *biases_too, outer]

    @property
    def m(self) -> int:
        """Number of neurons."""
        return self.weights.shape[0]

    @property
    def d(self) -> int:
        """Dimension of the inputs."""
        return self.weights.shape[1]

    @property
    def parameters(self) -> Floats:
        """theta (m, k): rows (w_j, b_j) of k = d + 1 numbers, or w_j alone without biases; the
        output weights are apart from it, trained or not."""
        return _joined(self.weights, self.biases)

    def with_parameters(
        self,
        parameters: ArrayLike,
        output_weights: ArrayLike | None = None,
        output_bias: float | None = None,
    ) -> ShallowReLU:
        """The network of this kind with other parameters (m, k), and another output layer."""
        outer = self.output_weights if output_weights is None else output_weights
        last = self.output_bias if output_bias is None else output_bias
        kind: Any = {"train_output": self.train_output, "negative_slope": self.negative_slope}
        return ShallowReLU(*self.parted(np.asarray(parameters)), outer, output_bias=last, **kind)

    @property
    def summed(self) -> tuple[Floats, Floats, Floats]:
        """Weights (m, d), biases (m,) and output weights (m,) of a sum over neurons that is N: an
        output bias is the output weight of one more, whose activation is 1."""
        parts = self.weights, self.biases_or_zeros, self.output_weights
        return parts if self.output_bias is None else with_constant(*parts, self.output_bias)

    def parted(self, parameters: Floats) -> tuple[Floats, Floats | None]:
        """Weights (..., m, d) and biases (..., m), None without, of parameters (..., m, k)."""
        d = self.d
        return parameters[..., :d], None if self.biases is None else parameters[..., d]

    def points(self, inputs: Floats) -> Floats:
        """What the parameters are multiplied by at inputs (n, d): (x_i, 1) or x_i, (n, k)."""
        return _joined(inputs, None if self.biases is None else np.ones(len(inputs)))

    def preactivations(self, parameters: Floats, inputs: Floats) -> Floats:
        """a_ji (..., m, n) of networks of this kind with other parameters (..., m, k)."""
        w, b = self.parted(parameters)
        return np.asarray(w @ inputs.T if b is None else w @ inputs.T + b[..., None])

    @property
    def biases_or_zeros(self) -> Floats:
        """The biases (m,): zeros without."""
        return np.zeros(self.m) if self.biases is None else self.biases

    @property
    def is_plain(self) -> bool:
        """Whether this is a ReLU network with biases and fixed output weights: what closed forms of
        the paper are about."""
        fixed = self.biases is not None and not self.train_output
        return fixed and self.negative_slope == 0.0

    def __call__(self, inputs: ArrayLike) -> Floats:
        """Outputs (k,) at inputs (k, d); (k,) is read as (k, 1) if d = 1.

        Raises
        ------
        InputError
            On other shapes, NaN and infinities.

        Notes
        -----
        Error: that of a float64 sum, relative to sum_j |v_j| (|w_j . x| + |b_j|).
        """
        points = finite_array(inputs, "inputs", f"(k, {self.d})")
        if points.ndim == 1 and self.d == 1:
            points = points[:, None]
        if points.ndim != 2 or points.shape[1] != self.d:
            raise InputError(f"inputs of shape (k, {self.d})", inputs, "give one row per input")
        a = points @ self.weights.T + self.biases_or_zeros
        found = activated(a, self.negative_slope) @ self.output_weights
        return np.asarray(found if self.output_bias is None else found + self.output_bias)


def matching(network: object, data: object) -> tuple[ShallowReLU, Dataset]:
    """Network and data, checked to be such and of one dimension.  Raises InputError."""
    if not isinstance(data, Dataset):
        raise InputError("a Dataset", data, "wrap it: lp.Dataset(inputs, labels)")
    if not isinstance(network, ShallowReLU):
        raise InputError("a ShallowReLU", network, "wrap it: lp.ShallowReLU(weights, biases)")
    if network.d != data.d:
        wanted = f"weights of {data.d} features as the inputs have"
        raise InputError(wanted, Words(f"{network.d} features"), "match their shapes")
    return network, data


def _joined(rows: Floats, last: Floats | None) -> Floats:
    """Rows (k, d) with a last column, if there is one."""
    return rows if last is None else np.concatenate([rows, last[:, None]], axis=1)


def _slope(value: object) -> float:
    """A negative slope.  Raises InputError."""
    slope = real_number(value, "negative_slope", "a number from 0 to 1")
    if not 0 <= slope <= 1:
        do = "0 is ReLU, 1 the linear model"
        raise InputError("negative_slope to be a number from 0 to 1", value, do)
    return slope + 0.0


def _one_per_neuron(values: ArrayLike, name: str, neurons: int) -> Floats:
    """A vector (m,)."""
    vector = finite_array(values, name, f"({neurons},)")
    if vector.shape != (neurons,):
        more = ": networks have one output" if name == "output_weights" and vector.ndim > 1 else ""
        raise InputError(f"{name} of shape ({neurons},)", values, f"give one per neuron{more}")
    return vector
