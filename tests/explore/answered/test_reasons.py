"""Why a network is slow, in words."""

from __future__ import annotations

import math

from helpers import relative_error
from latephase.explore.answered.compute import follow
from latephase.explore.answered.reasons import data, headline, neurons, points
from latephase.explore.asked.state import State


def test_what_neurons_keep_adds_up_to_the_constant():
    """Ground truth: docs/theory.md: on +-1 the null parts of the two give C = (p2 - q1)/2."""
    found = follow(State())
    shares = found.run.law.constant_shares
    assert relative_error(shares.sum(), found.run.law.constant) <= 1e-12
    lines = neurons(found)
    assert [one.who for one in lines] == ["Neuron 1", "Neuron 2"]
    assert "serves x = 1 alone" in lines[0].says
    assert "null part of 0.424" in lines[0].says  # (0.7 - 0.1) / sqrt(2)
    assert relative_error(sum(one.blame for one in lines), 1.0) <= 1e-12


def test_headlines_say_what_is_known():
    """Ground truth: regimes and laws of networks whose ends are known."""
    assert "like 0.2 / ln t" in headline(follow(State()))
    dead = follow(State(weights=((0.1,), (0.1,)), biases=(-1.0, -1.0)))
    assert headline(dead).startswith("Never fitted: both neurons are inactive")
    assert all("dead" in one.says for one in neurons(dead))
    slide = follow(State(inputs=((0.5,), (-0.5,))))
    assert headline(slide).startswith("Fast")
    assert "slides at" in neurons(slide)[0].says
    both = State(output_weights=(0.5, -1.5), train_output=True)
    assert "√(ln t)" in headline(follow(both))


def test_two_points_are_told_by_the_sign_of_k12():
    """Ground truth: docs/theory.md: the sign decides, on the exact doubles; -1 has the limit 0."""
    places = {"above −1": (0.5, -0.5), "stay for ever": (2.0, -0.5), "not the middle": (3.0, -1.0)}
    places |= {"Null parts stay.": (2.0, -2.0), "x1 x2 = −1 is below": (5.0, -0.2)}
    for words, (x1, x2) in places.items():
        (line,) = data(follow(State(inputs=((x1,), (x2,)))))
        assert words in line.says
    assert data(follow(State(loss="logistic"))) == []


def test_points_are_told_by_their_margins():
    """Ground truth: y N(x) of the network at the start."""
    state = State(weights=((0.7,), (0.4,)), biases=(0.1, 0.9), time="0")
    found = follow(state)
    q = state.data.labels * state.network(state.data.inputs)
    lines = points(found, 0)
    assert [("misclassified" in one.says) for one in lines] == [bool(v <= 0) for v in q]
    assert all(math.isnan(one.blame) for one in lines)


def test_points_are_slow_by_what_their_neurons_keep():
    """Ground truth: null parts by hand, (0.7 - 0.1)/sqrt 2 and (0.2 - 0.4)/sqrt 2; none."""
    found = follow(State())
    lines = points(found, found.position(State().at))
    assert "Served by neuron 1, null part 0.424." in lines[0].says
    assert "Served by neuron 2, null part 0.141." in lines[1].says
    dead = follow(State(weights=((0.1,), (0.1,)), biases=(-1.0, -1.0)))
    assert all("No neuron serves it." in one.says for one in points(dead, 0))
