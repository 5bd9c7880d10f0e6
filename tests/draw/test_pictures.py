"""Pictures show the numbers: what is drawn, read back from the axes, against what was computed."""

from __future__ import annotations

import re
import sys

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import latephase as lp
from helpers import message_is_one_line, relative_error
from latephase.core import InputError
from latephase.draw.boundary import panel
from latephase.draw.notebook import html
from latephase.draw.panels.canvas import picture, written
from latephase.draw.scene import Scene
from latephase.experiments.bench.finding import Panel, Series

GD = lp.GradientDescent(0.1)
PAIR = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2])
LEAN = lp.Dataset([-2.0, 1.5], [-1, 1])  # whose limit is not the largest possible margin
PLANE = lp.Dataset([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]], [1, 1, -1])
THREE = lp.ShallowReLU([[1.0, 0.5], [-0.5, -1.0], [0.3, 0.9]], [0.0, 0.0, 0.1], [1, -1, 1])
LN10 = np.log(10)


@pytest.fixture(scope="module")
def run() -> lp.Run:
    """Three samples, in no order."""
    return lp.simulate(PAIR, LEAN, GD, at=["1e100", "0", "100"])


@pytest.fixture(scope="module")
def plane_run() -> lp.Run:
    return lp.simulate(THREE, PLANE, GD, at=["1e3", "1e1000"])


def curve(axes: Axes, label: str) -> np.ndarray:
    """(x, y) of the line with this label, as (2, k)."""
    (line,) = [line for line in axes.get_lines() if line.get_label() == label]
    return np.array(line.get_data(), float)


def test_run_shows_margin_deficit_and_law(run: lp.Run):
    """Ground truth: single samples of the run, and the law written out."""
    margins, deficits = run.plot().get_axes()
    x, margin = curve(margins, "margin")
    assert len(x) > 200
    assert (np.diff(x) > 0).all()
    for k in (1, 40, len(x) // 2, len(x) - 1):
        time = lp.LogTime.from_log(LN10 * x[k])
        assert relative_error(margin[k], run.at(time).robustness_margin) < 1e-12
    assert relative_error(curve(deficits, "deficit")[1], LEAN.optimal_margin - margin) < 1e-9
    law, (x, drawn) = run.law, curve(margins, "law")
    seen = np.isfinite(drawn)
    said = law.limit_margin - law.margin_constant / (LN10 * x[seen] + law.offset)
    assert relative_error(drawn[seen], said) < 1e-14
    assert seen[x >= 3].all()
    assert margins.get_xlabel() == deficits.get_xlabel() == "log₁₀ t (t in updates)"
    assert margins.get_ylabel() == "margin (input units)"


def test_a_law_of_two_terms_is_drawn_whole():
    """Ground truth: the run itself, which the first term alone misses by 7e-3."""
    both = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2], [0.5, -1.5], train_output=True)
    run = lp.simulate(both, lp.Dataset([1.0, -1.0], [1, -1]), GD)
    deficits = run.plot().get_axes()[1]
    assert relative_error(curve(deficits, "law")[1][-1], curve(deficits, "deficit")[1][-1]) < 1e-3


def test_run_is_resolved_where_it_turns():
    """Ground truth: every single step of a margin that is lost and won back between two samples."""
    he, net = lp.Dataset([1.0, -1.0], [1, -1]), lp.ShallowReLU([2.0, -0.4], [0.0, 0.0])
    x, margin = curve(lp.simulate(net, he, GD, at=["0", "1e100"]).plot().get_axes()[0], "margin")
    steps = lp.simulate(net, he, GD, until=1000, at=range(1001)).trajectory.robustness_margin
    assert relative_error(margin.min(), steps.min()) < 1e-4
    later = margin[x > 1.5]  # before, updates are taken one by one
    assert np.abs(np.diff(later)).max() < 0.02 * np.ptp(margin)


@pytest.mark.campaign  # a run of a second, made six times
def test_a_late_turn_is_not_missed():
    """Ground truth: the run at 40 times around the step at which a neuron takes a point over."""
    net = lp.ShallowReLU([6.55637749, 6.66448725], [5.87272749, 6.33380546])
    run = lp.simulate(net, LEAN, GD)
    around = [int(10**z) for z in np.linspace(9.789, 9.791, 40)]
    peak = lp.simulate(net, LEAN, GD, until=10**10, at=around).trajectory.robustness_margin.max()
    assert run.trajectory.robustness_margin.max() < 0.96 * peak  # the samples pass it by
    margin = curve(run.plot().get_axes()[0], "margin")[1]
    assert margin.max() > 0.99 * peak


def test_a_law_is_drawn_from_the_entry_on_and_beside_what_it_is_of():
    """Ground truth: the entry that `predict` finds, and the distances from the limit."""
    net = lp.ShallowReLU([1.68182555, 0.75277859], [0.75356384, 1.13788126])
    run = lp.simulate(net, LEAN, GD, at=["1e3", "1e100", "1e1000"])
    entry = lp.predict(net, LEAN, GD).entry
    drawn = run.plot()
    margins, deficits = drawn.get_axes()
    for axes, name in ((margins, "law"), (deficits, "its law")):
        x, law = curve(axes, name)
        assert x[np.isfinite(law)].min() >= entry.log10
        assert np.isfinite(law[x > 3]).all()
    assert deficits.get_yscale() == "log"
    x, gap = curve(deficits, "|limit − margin|")
    assert relative_error(gap[-1], run.law.limit_margin - run.at("1e1000").robustness_margin) < 1e-9
    assert relative_error(curve(deficits, "its law")[1][-1], gap[-1]) < 1e-2
    written(drawn, "png")
    titles = [axes._left_title.get_window_extent() for axes in (margins, deficits)]
    assert relative_error(titles[0].y0, titles[1].y0) < 1e-9


LONG = [f"optax(scale_by_adam(b1=0.{k}, b2=0.999, eps=1e-08), scale(-0.01))" for k in (1, 8)]


@pytest.mark.parametrize("names", [["gd", "nesterov"], LONG, [one * 9 for one in LONG]])
def test_legends_stay_inside(names: list[str]):
    """Ground truth: the box that matplotlib draws; and no warning, which is an error in tests."""
    series = [Series("line", [0.0, 1.0], [0.3, 0.12], name) for name in names]
    for panels in ([Panel(series, "x", "y", "title")], [Panel(series, "x", "y", "title")] * 2):
        drawn = picture(panels)
        written(drawn, "png")
        for axes in drawn.get_axes():
            box = axes.get_legend().get_window_extent()
            assert len(axes.get_legend().get_texts()) == len(names)
            assert 0 <= box.x0 < box.x1 <= drawn.bbox.x1
            assert axes.bbox.y1 <= box.y0 < box.y1 <= axes.title.get_window_extent().y1 + 14
            assert axes.bbox.height > 0.4 * drawn.bbox.height


@pytest.mark.parametrize("scale", [1e-150, 1e-5, 1.0, 1e150])
@pytest.mark.parametrize("top", [1.01, 1.5, 3.0, 60.0, 1e4, 1e30])
def test_logarithmic_axes_have_ticks_of_one_kind(scale: float, top: float):
    """Ground truth: what is counted; numbers read back from their labels."""
    line = Series("line", [0.0, 1.0], [0.13 * scale, 0.13 * scale * top])
    (axes,) = picture([Panel([line], "x", "y", y_scale="log")]).get_axes()
    low, high = axes.get_ylim()
    seen = [(v, axes.yaxis.get_major_formatter()(v)) for v in axes.yaxis.get_majorticklocs()]
    assert 2 <= len(seen) <= 12
    assert all(low <= v <= high for v, _ in seen)
    assert len({text for _, text in seen}) == len(seen)
    back = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
    for v, text in seen:
        power = re.fullmatch(r"(?:([\d.]+)\s×\s)?10([⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+)", text)
        number = f"{power[1] or 1}e{power[2].translate(back)}" if power else text
        assert relative_error(float(number), v) < 1e-9
    raised = sum(any(c in text for c in "⁰¹²³⁴⁵⁶⁷⁸⁹") for _, text in seen)
    assert raised in (0, len(seen)) or high >= 100 * low


def test_pictures_go_on_axes_that_are_given(run: lp.Run):
    """Ground truth: the caller's figure; and its message for what are no axes."""
    figure = Figure()
    axes = figure.subplots(1, 3)
    assert run.plot(ax=axes[:2]) is figure
    assert run.plot_boundary("1e3", ax=axes[2]) is figure
    assert all(one.has_data() for one in axes)
    for wrong in (3, "ax", list(axes), []):
        with pytest.raises(InputError) as caught:
            run.plot(ax=wrong)
        assert message_is_one_line(caught.value)


def test_boundary_on_the_line(run: lp.Run):
    """Ground truth: N of the run's own network, its x*, and the limit of its law."""
    (axes,) = run.plot_boundary(100).get_axes()
    net, sample = run.network_at(100), run.at(100)
    x, values = curve(axes, "N(x)")
    inner = np.abs(net(x)) > 1e-9  # not at the boundary, which is 0 on the picture
    assert relative_error(values[inner], net(x)[inner]) < 1e-12
    assert relative_error(curve(axes, "boundary")[0][0], sample.boundary) < 1e-12
    assert (
        relative_error(curve(axes, "boundary of the limit")[0][0], run.law.limit_boundary) < 1e-12
    )
    kinks = np.sort(-net.biases / net.weights[:, 0])
    assert relative_error(np.sort(curve(axes, "kinks")[0]), kinks) < 1e-15
    ends = curve(axes, f"margin {float(sample.robustness_margin):.4g}")[0]
    assert relative_error(np.ptp(ends), sample.robustness_margin) < 1e-12


def test_boundary_in_the_plane(plane_run: lp.Run):
    """Ground truth: N at what is drawn, and the margin of the sample."""
    (axes,) = plane_run.plot_boundary("1e3").get_axes()
    net, sample = plane_run.network_at("1e3"), plane_run.at("1e3")
    edge = curve(axes, "boundary").T
    edge = edge[np.isfinite(edge).all(axis=1)]
    size = np.abs(net(np.array([axes.get_xlim(), axes.get_ylim()]).T)).max()
    assert len(edge) > 50
    assert np.abs(net(edge)).max() < 1e-2 * size
    margin = float(sample.robustness_margin)
    circles = curve(axes, f"margin {margin:.4g}").T
    circles = circles[np.isfinite(circles).all(axis=1)].reshape(3, -1, 2)
    radii = np.linalg.norm(circles - PLANE.inputs[:, None], axis=-1)
    assert relative_error(radii, np.full_like(radii, margin)) < 1e-12
    apart = np.linalg.norm(edge[:, None] - PLANE.inputs, axis=-1).min()
    assert relative_error(apart, margin) < 1e-2  # they touch
    assert axes.get_aspect() == 1.0


@pytest.mark.parametrize("net", [THREE, PAIR], ids=["plane", "line"])
def test_what_is_misclassified_is_ringed(net: lp.ShallowReLU):
    """Ground truth: the signs of N, point by point."""
    inputs = PLANE.inputs if net.d == 2 else np.array([[2.0], [-1.5], [1.0]])
    for labels in ([1, 1, -1], [-1, 1, -1]):
        data = lp.Dataset(inputs, labels)
        (axes,) = picture([panel(Scene(net, data), "t = 0")]).get_axes()
        wrong = np.array([y * net(x[None])[0] <= 0 for x, y in zip(inputs, labels, strict=True)])
        if wrong.any():
            x = curve(axes, f"margin 0: {wrong.sum()} of 3 points misclassified")[0]
            assert sorted(x) == sorted(inputs[wrong, 0])
        else:
            assert not any("misclassified" in str(one.get_label()) for one in axes.get_lines())


def test_limits(plane_run: lp.Run, run: lp.Run):
    """Ground truth: zeros of the limit network, and the points with a multiplier."""
    (axes,) = lp.limit(run).plot().get_axes()
    assert relative_error(curve(axes, "boundary")[0][0], run.law.limit_boundary) < 1e-12
    (axes,) = lp.limit(plane_run).plot().get_axes()
    assert len(curve(axes, "decide the limit")[0]) == (lp.limit(plane_run).multipliers > 1e-6).sum()


def test_wide_inputs_have_no_boundary_but_a_limit():
    """Ground truth: the message, and y N(x) of each point."""
    data = lp.Dataset([[1.0, 0.0, 0.0], [0.0, 1.0, 0.3], [-1.0, -1.0, 0.1]], [1, 1, -1])
    net = lp.ShallowReLU([[1.0, 0.5, 0.0], [-0.5, -1.0, 0.1]], [0.0, 0.1])
    run = lp.simulate(net, data, GD, at=["1e100"])
    with pytest.raises(InputError, match="3 features; draw the margin over time"):
        run.plot_boundary(10)
    limit = lp.limit(run)
    (axes,) = limit.plot().get_axes()
    drawn = [curve(axes, name)[1] for name in ("decide the limit", "other points")]
    assert (
        relative_error(
            np.sort(np.concatenate(drawn)), np.sort(data.labels * limit.network(data.inputs))
        )
        < 1e-15
    )


def test_ensemble():
    """Ground truth: NumPy's quantiles, the counts of regimes, and constants that meet their law."""
    found = lp.ensemble("he_normal", LEAN, GD, trials=60, seed=0, samples=20)
    margins, deficits, ends, constants = lp.plot_ensemble(found).get_axes()
    kept = found.isel(trial=np.isfinite(found.limit_margin.values))
    wanted = np.quantile(kept.robustness_margin.values, 0.5, axis=0)
    assert relative_error(curve(margins, "median")[1], wanted) < 1e-12
    assert f"{kept.sizes['trial']} of 60" in margins.get_title(loc="left")
    assert deficits.get_yscale() == "log"
    share = np.unique(found.regime.values, return_counts=True)[1] / 60
    heights = sorted(patch.get_height() for patch in ends.patches)
    assert relative_error(heights, np.sort(share)) < 1e-15
    law, shown = curve(constants, "trials")
    assert len(law) == kept.sizes["trial"]
    assert relative_error(shown, law) < 1e-6
    alike = found.isel(trial=found.regime.values == "specialised")
    ends = lp.plot_ensemble(alike).get_axes()[2]
    assert sorted(patch.get_height() for patch in ends.patches) == [0.0, 0.0, 1.0]
    with pytest.raises(InputError, match=r"pass what lp\.ensemble returned"):
        lp.plot_ensemble(found.robustness_margin)


def test_comparison():
    """Ground truth: the medians of the trials that each method fits."""
    from latephase.training.methods.table import named

    methods = [named(name, 0.1) for name in ("gd", "nesterov")]
    found = lp.compare("he_normal", LEAN, methods, trials=8, seed=0, until=100, samples=6)
    (axes,) = lp.plot_comparison(found, clock="norm").get_axes()
    for name in found.algorithm.values:
        one = found.sel(algorithm=name)
        one = one.isel(trial=one.fitted.values)
        x, gap = curve(axes, name)
        assert relative_error(gap, np.median(one.limit_gap, axis=0)) < 1e-12
        assert relative_error(x, np.log10(np.median(one.norm, axis=0))) < 1e-12
    with pytest.raises(InputError, match="steps, evaluations, flow_time, loss, norm"):
        lp.plot_comparison(found, clock="hours")


def test_cards_are_small_closed_and_escaped(run: lp.Run, plane_run: lp.Run):
    """Ground truth: an XML parser, and names that would act in a page; no pyplot is loaded."""
    from xml.etree import ElementTree

    rng = np.random.default_rng(0)
    crowd = lp.Dataset(rng.normal(size=(5000, 2)), np.where(rng.random(5000) < 0.5, 1, -1))
    wide = lp.Dataset(rng.normal(size=(4, 9)), [1, 1, -1, -1])
    pair = lp.Dataset([1.0, -1.0], [1, -1])
    results = [run, plane_run, lp.limit(run), lp.limit(plane_run), PAIR, THREE, LEAN, PLANE, crowd]
    results += [wide, lp.predict(PAIR, pair, GD), lp.certify(PAIR, pair, GD)]
    pyplot = "matplotlib.pyplot" in sys.modules
    for result in results:
        card = result._repr_html_()
        assert len(card.encode()) < 60_000
        ElementTree.fromstring(re.sub(r"<(br|img)([^>]*)>", r"<\1\2/>", card))
        assert type(result).__name__ in card
        assert ("<svg" in card or "<img" in card) == (result is not wide)
        assert not re.search(r"url\((?!#)|https?:|<script", card)
        assert len(repr(result)) < 120
    assert ("matplotlib.pyplot" in sys.modules) == pyplot


def test_what_a_card_says_does_not_act_in_a_page():
    """Ground truth: what HTML's escapes stand for."""

    class Told:
        def lines(self) -> list[str]:
            return ["a <script>", "b\n\x1b[2K&"]

    card = html(Told(), lambda _: None)
    assert "a &lt;script&gt;<br>b\\n\\x1b[2K&amp;" in card


def test_long_steps_are_short_in_print():
    """Ground truth: 8.8e618 by hand; the text keeps all digits."""
    step = lp.LogTime.parse(88 * 10**617 + 1)
    assert f"{step}" == "8.8e618"
    assert "8.8e618" in repr(step)
    assert lp.LogTime.parse(step.text) == step
