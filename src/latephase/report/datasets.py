"""Figures as data: every panel a dataset whose variables are named by what its axes and legend say.

A claim is one Zarr group: its numbers at the root, and below it a group for each panel of each
figure, `he_margin/a` say, or `rate` of a figure of one panel.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any

import numpy as np

from latephase.experiments.bench.base import Statement
from latephase.experiments.bench.finding import Figure, Finding, Panel, Series

if TYPE_CHECKING:
    import xarray as xr

_UNIT = re.compile(r"\s*\(([^()]*(?:unit|step|year|update)[^()]*)\)\s*$")
_ABSOLUTE = re.compile(r"\|([^|]+)\|")
_WORDS = {"->": " to ", "*": "_star", "/": " over ", "%": " percent ", "=": " is ", "+": " plus "}
_WORDS |= {">": " above ", "<": " below ", "≤": " at most ", "−": " minus ", "±": "pm"}


def variable_name(label: str) -> str:
    """A label as it may stand behind a dot in Python: "1 / |x*|" is `one_over_abs_x_star`."""
    text = _ABSOLUTE.sub(r" abs \1 ", _UNIT.sub("", label))
    text = re.sub(r"^1(?=\s*/)", "one", re.sub(r"(?<![\w)])-(?=[\d.])", " minus ", text))
    for sign, word in _WORDS.items():
        text = text.replace(sign, word)
    name = re.sub(r"\W+", "_", text).strip("_")
    return f"_{name}" if name[:1].isdigit() else name


def unit_of(label: str) -> str:
    """The unit that a label of an axis ends in, "1" where it has none."""
    found = _UNIT.search(label)
    return found[1].removeprefix("t in ") if found else "1"


def tree(claim: Statement, finding: Finding) -> dict[str, xr.Dataset]:
    """The datasets of a claim by their place in its group: "/" has its numbers."""
    groups = {"/": _numbers(claim, finding)}
    for figure in finding.figures:
        for place, panel in panel_places(figure).items():
            groups[place] = dataset(panel).assign_attrs(caption=figure.caption)
    return groups


def panel_places(figure: Figure) -> dict[str, Panel]:
    """The panels of a figure by their place in the group of its claim."""
    if len(figure.panels) == 1:
        return {figure.key: figure.panels[0]}
    lettered = zip(ascii_lowercase, figure.panels, strict=False)
    return {f"{figure.key}/{letter}": panel for letter, panel in lettered}


def places(finding: Finding) -> list[str]:
    """The places of all panels of a finding."""
    return [place for figure in finding.figures for place in panel_places(figure)]


def _numbers(claim: Statement, finding: Finding) -> xr.Dataset:
    """What the claim says, as attributes, and its numbers; those that no float64 holds as text."""
    import xarray as xr

    entries = finding.numbers
    labels, shown = (_texts(each) for each in ([n.label for n in entries], map(_written, entries)))
    values = [n.value if isinstance(n.value, (int, float)) else "" for n in entries]
    floats = [_float(value) for value in values]
    about = ("number", "key", "title", "statement", "source", "criterion")
    attributes = {name: getattr(claim, name) for name in about}
    attributes |= {"verdict": finding.verdict.name, "evidence": claim.evidence.words}
    return xr.Dataset(
        {
            "value": ("label", floats, {"long_name": "value, NaN where no float64 holds it"}),
            "written": ("label", shown, {"long_name": "value as text"}),
            "unit": ("label", _texts(n.unit or "1" for n in entries)),
            "rigour": ("label", _texts(n.rigour.name for n in entries)),
        },
        coords={"label": labels},
        attrs={**attributes, "summary": finding.summary, "run": finding.run},
    )


def _float(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (ValueError, OverflowError):
        return float("nan")


def _written(number: Any) -> str:
    value = number.value
    long = isinstance(value, int) and value.bit_length() > 10_000  # Python prints no such digits
    return f"an integer of {value.bit_length()} bits" if long else str(value)


def _texts(values: Any) -> Any:
    return np.array([str(value) for value in values], dtype=object)  # Zarr's one kind of text


def dataset(panel: Panel) -> xr.Dataset:
    """The series of a panel as variables over its axis.

    A variable is called by its name in the legend, by what is on the y axis without one.  Bands and
    error bars add `_lower` and `_upper`; single runs are stacked over the dimension `run`.
    """
    import xarray as xr

    made = _Made(panel)
    for one, stacked in _stacks(panel.series):
        made.add(one, stacked)
    about = ("title", "x_label", "y_label", "x_scale", "y_scale")
    attributes = {name: getattr(panel, name) for name in about if getattr(panel, name)}
    return xr.Dataset(made.variables, coords=made.coordinates, attrs=attributes)


def _stacks(series: Sequence[Series]) -> Iterator[tuple[Series, list[Series]]]:
    """Each series with those that are drawn as it is over the same x: single runs of many."""
    left = list(series)
    while left:
        first = left.pop(0)
        same = [first]
        if first.role == "sample":
            same += [one for one in left if _alike(first, one)]
            left = [one for one in left if not _alike(first, one)]
        yield first, same


def _alike(first: Series, other: Series) -> bool:
    looks = (first.kind, first.role, first.label, first.colour)
    same = looks == (other.kind, other.role, other.label, other.colour)
    return same and np.array_equal(np.asarray(first.x), np.asarray(other.x))


@dataclass
class _Made:
    """Variables and coordinates of one panel as they come together."""

    panel: Panel
    variables: dict[str, Any] = field(default_factory=dict)
    coordinates: dict[str, Any] = field(default_factory=dict)
    named: dict[int | None, str] = field(default_factory=dict)  # the last name of each colour

    def add(self, one: Series, stacked: Sequence[Series]) -> None:
        """One series, or several that are stacked."""
        name = self._free(self._name(one, stacked))
        quantity = self._quantity(one)
        about = {"long_name": ", ".join(dict.fromkeys(filter(None, (quantity, one.label))))}
        about |= {"units": unit_of(quantity), "role": one.role, "drawn_as": one.kind}
        if one.z is not None:
            self._add_map(name, one, about)
            return
        axis = self._axis(name, one)
        y = np.asarray(one.y, dtype=float)
        if len(stacked) > 1:
            runs = np.array([np.asarray(each.y, dtype=float) for each in stacked])
            self.variables[name] = (("run", axis), runs, about)
        elif one.kind == "band":
            ends = (("_lower", y), ("_upper", np.asarray(one.y2, dtype=float)))
            for end, values in ends:
                self.variables[name + end] = (axis, values, about)
        else:
            self.variables[name] = (axis, y, about)
            if one.y2 is not None:
                for end, values in zip(("_lower", "_upper"), np.asarray(one.y2), strict=True):
                    self.variables[name + end] = (axis, values, about)

    def _name(self, one: Series, stacked: Sequence[Series]) -> str:
        """By the legend; without a name there, as belonging to what has its colour, or by what is
        on the axis."""
        if name := variable_name(one.label):
            name = f"{one.kind}{name}" if name.startswith("_") else name
            self.named[one.colour] = name
            return name
        if len(stacked) > 1:
            return "single_runs"
        kind = one.kind if one.role == "data" else one.role
        if one.colour is not None and one.colour in self.named:
            return f"{self.named[one.colour]}_{kind}"
        return (variable_name(self._quantity(one)) if one.role == "data" else one.role) or kind

    def _quantity(self, one: Series) -> str:
        """What the numbers of a series are."""
        if one.z is None:
            return self.panel.y_label
        return self.panel.colour_label or self.panel.title

    def _free(self, name: str) -> str:
        """The name, with a number behind it where it is taken."""
        taken = {*self.variables, *self.coordinates, variable_name(self.panel.x_label)}
        if any(one.z is not None for one in self.panel.series):
            taken.add(variable_name(self.panel.y_label))
        k, free = 1, name
        while any(free + end in taken for end in ("", "_lower", "_upper")):
            k += 1
            free = f"{name}_{k}"
        return free

    def _axis(self, name: str, one: Series) -> str:
        """The dimension of a series: that of the panel's x where it has the same values."""
        x, label = np.asarray(one.x), self.panel.x_label
        base, about = variable_name(label) or "x", {"long_name": label, "units": unit_of(label)}
        if one.kind == "steps":
            edges = np.asarray(x, dtype=float)
            x = (edges[1:] + edges[:-1]) / 2
        ordered = x.dtype.kind in "OUT" or bool((np.diff(x.astype(float)) > 0).all())
        values = _texts(x) if x.dtype.kind in "OUT" else x.astype(float)
        for dim in (base, f"{base}_of_{name}"):
            known = self.coordinates.get(dim)
            if ordered and known is not None and np.array_equal(known[1], values):
                return dim
            if ordered and known is None:
                self.coordinates[dim] = (dim, values, about)
                if one.kind == "steps":
                    for end, ends in (("lower", edges[:-1]), ("upper", edges[1:])):
                        self.coordinates[f"{dim}_{end}"] = (dim, ends, about)
                return dim
        dim = f"point_of_{name}"  # of a cloud, whose x is no axis that one could look up
        self.coordinates[f"{base}_of_{name}"] = (dim, values, about)
        return dim

    def _add_map(self, name: str, one: Series, about: dict[str, Any]) -> None:
        """A map over both axes of its panel; categories as the CF conventions have them."""
        dims = []
        for label, values in ((self.panel.y_label, one.y), (self.panel.x_label, one.x)):
            dim = variable_name(label)
            unit = {"long_name": label, "units": unit_of(label)}
            self.coordinates[dim] = (dim, np.asarray(values, dtype=float), unit)
            dims.append(dim)
        if one.categories:
            meanings = " ".join(variable_name(text) for text in one.categories)
            about |= {"flag_values": list(range(len(one.categories))), "flag_meanings": meanings}
        self.variables[name] = (tuple(dims), np.asarray(one.z, dtype=float), about)
