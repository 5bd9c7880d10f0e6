"""Dataset: inputs and their labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from latephase.core import InputError, Words
from latephase.core.arrays import Floats, Ints
from latephase.core.calls import public
from latephase.core.pictures import Pictured
from latephase.core.records import Summarised, few
from latephase.problem import csv_file
from latephase.problem.checks import LABELS, finite_array


@public
@dataclass(frozen=True, init=False, eq=False, repr=False)
class Dataset(Summarised, Pictured):
    """Labelled points, in the order given; inputs are the exact binary doubles given.

    Parameters
    ----------
    inputs : array (n, d) or (n,)
        (n,) is read as (n, 1); kept as read-only float64.
    labels : array (n,)
        -1 and +1, both present.

    Raises
    ------
    InputError
        On NaN, infinities, empty or ragged input, shapes that do not match, labels other than -1
        and +1, a single class, equal inputs with opposite labels.

    Examples
    --------
    >>> data = lp.Dataset([[2.0, 0.5], [1.0, 1.5], [-2.0, 0.3]], labels=[1, 1, -1])
    >>> data
    <Dataset: 3 points of 2 features, 2 of label 1>
    >>> data.n, data.d
    (3, 2)
    """

    inputs: Floats
    labels: Ints
    _card = "cards.dataset"

    def __init__(self, inputs: ArrayLike, labels: ArrayLike) -> None:
        points = finite_array(inputs, "inputs", "(n,) or (n, d)")
        if points.ndim not in (1, 2):
            raise InputError("inputs of shape (n,) or (n, d)", inputs, "give one row per input")
        points = points[:, None] if points.ndim == 1 else points
        signs = _signs(labels)
        if len(points) != len(signs):
            got = Words(f"{len(points)} inputs and {len(signs)} labels")
            raise InputError("as many labels as inputs", got, "give one label per input")
        _refuse_contradiction(points, signs)
        object.__setattr__(self, "inputs", points)
        object.__setattr__(self, "labels", signs)

    @classmethod
    def from_csv(
        cls, path: object, label: str = "label", *, positive: object | None = None
    ) -> Dataset:
        """The data of a CSV file with a header: labels in the column `label`, inputs in all others.

        Parameters
        ----------
        path : str or path
            A file in UTF-8 with commas and decimal points; blank lines are skipped.
        label : str
            The column of the labels: -1 and 1, or `positive` and one other label, which is -1.
        positive : str or number
            The label that is +1.  Labels are compared as text, where only 1, +1 and 1.0 are the
            same; with a number they are compared as numbers, so that 7 stands for 007, too.

        Returns
        -------
        Dataset
            Inputs in the order of the columns, points in that of the lines; each number is the
            double nearest to its decimal.

        Raises
        ------
        InputError
            Naming line and column: missing values, text, NaN, infinities, ragged lines, other
            labels, and whatever the constructor refuses.
        """
        return cls(*csv_file.labelled_points(path, label, positive))

    def lines(self) -> list[str]:
        """Its sizes, and the points where they are few."""
        positive = int((self.labels == 1).sum())
        inputs = "1 feature" if self.d == 1 else f"{self.d} features"
        head = f"{self.n:,} points of {inputs}, {positive:,} of label 1"
        return [head, f"inputs {few(self.inputs)}", f"labels {few(self.labels)}"]

    @property
    def n(self) -> int:
        """Number of points."""
        return self.inputs.shape[0]

    @property
    def d(self) -> int:
        """Dimension of the inputs."""
        return self.inputs.shape[1]

    @property
    def optimal_margin(self) -> float:
        """Half the smallest Euclidean distance between points of opposite labels.

        No classifier that is right on the data has a larger robustness margin.  Unit: that of the
        inputs; error: a few ulp.
        """
        positive = self.inputs[self.labels == 1]
        negative = self.inputs[self.labels == -1]
        return min(float(np.min(_lengths(negative - point))) for point in positive) / 2


def _signs(labels: ArrayLike) -> Ints:
    """Labels as (n,) integers, both signs present."""
    values = finite_array(labels, "labels", "(n,)")
    if values.ndim != 1:
        raise InputError(
            "labels of shape (n,)", labels, "give one per input: networks have one output"
        )
    wrong = values[~np.isin(values, LABELS)]
    if wrong.size:
        raise InputError("labels -1 and +1", float(wrong[0]), "relabel the classes as -1 and +1")
    if np.all(values == values[0]):
        raise InputError("labels of both classes", labels, "give at least one -1 and one +1")
    signs = values.astype(np.int64)
    signs.setflags(write=False)
    return signs


def _refuse_contradiction(points: Floats, signs: Ints) -> None:
    """No network is right on both of two equal inputs with opposite labels."""
    positive = {tuple(row) for row in points[signs == 1].tolist()}
    for row in points[signs == -1].tolist():
        if tuple(row) in positive:
            got = Words(f"the input {row} with both labels")
            raise InputError("distinct inputs for opposite labels", got, "remove one of them")


def _lengths(vectors: Floats) -> Floats:
    """Euclidean lengths (k,) of the rows of (k, d), scaled so that no square overflows."""
    largest = np.max(np.abs(vectors), axis=1)
    return np.asarray(largest * np.linalg.norm(vectors / largest[:, None], axis=1))
