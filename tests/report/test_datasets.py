"""Figures as data: every value is there, under a name that says what it is."""

from __future__ import annotations

import keyword

import numpy as np
import pytest

import samples.report as sample
from latephase.experiments.bench.finding import Figure, Panel, Series
from latephase.report.datasets import dataset, tree, unit_of, variable_name

FIGURES = [figure for _, finding in sample.findings() for figure in finding.figures]


@pytest.mark.parametrize(
    ("label", "name", "unit"),
    [
        ("log10 t", "log10_t", "1"),
        ("1 / |x*|", "one_over_abs_x_star", "1"),
        ("margin deficit / optimum", "margin_deficit_over_optimum", "1"),
        ("|C| (input units)", "abs_C", "input units"),
        ("log10 t (t in steps)", "log10_t", "steps"),
        ("x1 (label -1)", "x1_label_minus_1", "1"),
        ("x1 (label +1)", "x1_label_plus_1", "1"),
        ("5 % to 95 %", "_5_percent_to_95_percent", "1"),
        ("log10 of ln(1/L)", "log10_of_ln_1_over_L", "1"),
        ("span_projection:at=50", "span_projection_at_is_50", "1"),
    ],
)
def test_labels_become_names_and_units(label, name, unit):
    """Ground truth: written by hand."""
    assert variable_name(label) == name
    assert unit_of(label) == unit


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.key)
def test_every_value_of_every_panel_is_kept(figure: Figure):
    """Ground truth: the made-up series: all their numbers, counted, and none beside them."""
    for panel in figure.panels:
        found = dataset(panel)
        kept = np.concatenate([np.ravel(found[name].values) for name in found.data_vars])
        given = [np.ravel(one.y if one.z is None else one.z) for one in panel.series]
        given += [np.ravel(one.y2) for one in panel.series if one.y2 is not None]
        np.testing.assert_array_equal(np.sort(kept), np.sort(np.concatenate(given).astype(float)))


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.key)
def test_names_are_words_with_units(figure: Figure):
    """Ground truth: Python's rule for names; a number of a panel or a series is none."""
    for panel in figure.panels:
        found = dataset(panel)
        for name, variable in found.variables.items():
            assert str(name).isidentifier()
            assert not keyword.iskeyword(str(name))
            assert not str(name).startswith(("panel", "series"))
            assert variable.attrs["long_name"]
            assert variable.attrs["units"]
        assert found.attrs["x_label"] == panel.x_label


def test_series_over_one_axis_share_it():
    """Ground truth: the made-up band, its median and 25 paths, over 60 times."""
    found = dataset(sample.margin_figure().panels[0])
    assert dict(found.sizes) == {"run": 25, "log10_t": 60, "log10_t_of_optimum": 2}
    names = ["single_trials", "band_10_to_90_percent_lower", "band_10_to_90_percent_upper"]
    assert list(found.data_vars) == [*names, "median", "optimum"]
    assert found["median"].dims == ("log10_t",)
    assert found["median"].attrs["long_name"] == "robustness margin (input units), median"


def test_what_has_no_name_of_its_own_is_named_by_what_it_belongs_to():
    """Ground truth: written by hand: a law beside its points, marks on a curve, two references."""
    x = np.arange(3.0)
    series = [
        Series("points", x, x, "gd", colour=0),
        Series("line", x, x + 1, role="prediction", colour=0),
        Series("points", [1.0], [2.0], colour=0),
        Series("line", x, x, role="reference"),
        Series("line", x, x, role="reference"),
        Series("line", x, 2 * x),
        Series("line", x, x, "ln t"),
    ]
    found = dataset(Panel(series, "ln t", "gap (input units)"))
    names = ["gd", "gd_prediction", "gd_points", "reference", "reference_2", "gap", "ln_t_2"]
    assert list(found.data_vars) == names


def test_clouds_bins_and_maps_have_axes_of_their_own():
    """Ground truth: the made-up cloud, histogram and map of kinds."""
    cloud = dataset(sample.margin_figure().panels[1])
    assert cloud["trials"].dims == ("point_of_trials",)
    assert "predicted_C_of_trials" in cloud.coords
    bins = dataset(sample.steps_figure().panels[0])
    np.testing.assert_array_equal(bins["abs_C_over_step_size_lower"], np.linspace(0, 1, 31)[:-1])
    kinds = dataset(sample.map_figure().panels[1])["Rate"]
    assert kinds.dims == ("x2_label_minus_1", "x1_label_plus_1")
    assert kinds.attrs["flag_values"] == [0, 1, 2]
    assert kinds.attrs["flag_meanings"].split()[1] == "one_over_ln_t"


def test_numbers_that_no_float_holds_are_text():
    """Ground truth: the made-up numbers: 10^6021, and an integer that Python does not print."""
    claim, finding = sample.findings()[0]
    found = tree(claim, finding)["/"].sel(label="steps to a deficit of 0.001")
    assert np.isnan(found["value"])
    assert (str(found["written"].values), str(found["unit"].values)) == ("10^6021", "steps")
    assert str(found["rigour"].values) == "exact"
