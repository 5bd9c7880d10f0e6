"""ShallowReLU: a network of one hidden ReLU layer with fixed output weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from latephase.core import InputError, Words
from latephase.core.arrays import Floats
from latephase.core.calls import public
from latephase.problem import from_torch, npz_file
from latephase.problem.checks import finite_array
from latephase.problem.dataset import Dataset


@public
@dataclass(frozen=True, init=False, eq=False)
class ShallowReLU:
    """N(x) = sum_j v_j relu(w_j . x + b_j), of m neurons on d features.

    Parameters
    ----------
    weights : array (m, d) or (m,)
        w; (m,) is read as (m, 1).
    biases : array (m,)
        b.
    output_weights : array (m,)
        v, fixed in training; (+1, -1) for two neurons, the setting of [smorodinsky2026], and to be
        given otherwise: there is no honest default.

    Raises
    ------
    InputError
        On NaN, infinities, empty or ragged input and shapes that do not match.

    Notes
    -----
    Arrays are float64, read-only, the exact binary doubles given.
    """

    weights: Floats
    biases: Floats
    output_weights: Floats

    def __init__(
        self, weights: ArrayLike, biases: ArrayLike, output_weights: ArrayLike | None = None
    ) -> None:
        w = finite_array(weights, "weights", "(m,) or (m, d)")
        if w.ndim not in (1, 2):
            raise InputError("weights of shape (m,) or (m, d)", weights, "give one row per neuron")
        w = w[:, None] if w.ndim == 1 else w
        b = _one_per_neuron(biases, "biases", len(w))
        if output_weights is None and len(w) != 2:
            got = Words(f"none for {len(w)}")
            raise InputError("output_weights with other than 2 neurons", got, "pass them")
        output_weights = [1.0, -1.0] if output_weights is None else output_weights
        v = _one_per_neuron(output_weights, "output_weights", len(w))
        object.__setattr__(self, "weights", w)
        object.__setattr__(self, "biases", b)
        object.__setattr__(self, "output_weights", v)

    @classmethod
    def from_torch(cls, source: object) -> ShallowReLU:
        """The network of a torch module or its state_dict: Linear, ReLU, Linear with one output.

        Parameters
        ----------
        source : torch.nn.Module or state_dict
            Layers are as listed, unless only the reverse order fits their shapes; two layers of
            shape (1, 1) are refused unless they are numbered as in a Sequential.  An output bias
            must be 0: N has none.

        Returns
        -------
        ShallowReLU
            Hidden weight (m, d) and bias (m,) (missing: 0) are its weights and biases, the output
            weight (1, m) its output weights; the float64 of each float16, bfloat16, float32 or
            float64 is exact.

        Raises
        ------
        InputError
            On anything else, NaN weights included.

        Notes
        -----
        In a module other layers are seen and refused (Tanh, convolutions); in a state_dict, and in
        a `forward` of one's own, the activation cannot be seen: that it is a ReLU is the caller's
        word.  Where torch trained the output layer too, that is another training than the one here,
        which keeps it fixed.  Does not import torch.
        """
        return cls(*from_torch.parameters(source))

    @classmethod
    def load(cls, path: object) -> ShallowReLU:
        """The network in an .npz file: arrays as in the constructor, `output_weights` optional.

        Raises
        ------
        InputError
            As the constructor, and if the file cannot be read; pickled objects are not.
        """
        return cls(**npz_file.read(path))

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
        arrays = {name: getattr(self, name) for name in npz_file.NAMES}
        return npz_file.write(path, arrays, force=force)

    @property
    def m(self) -> int:
        """Number of neurons."""
        return self.weights.shape[0]

    @property
    def d(self) -> int:
        """Dimension of the inputs."""
        return self.weights.shape[1]

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
        return np.maximum(points @ self.weights.T + self.biases, 0.0) @ self.output_weights


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


def _one_per_neuron(values: ArrayLike, name: str, neurons: int) -> Floats:
    """A vector (m,)."""
    vector = finite_array(values, name, f"({neurons},)")
    if vector.shape != (neurons,):
        raise InputError(f"{name} of shape ({neurons},)", values, "give one per neuron")
    return vector
