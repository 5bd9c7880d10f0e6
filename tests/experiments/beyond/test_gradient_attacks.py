"""Attacks that follow the gradient: right while there is one, blind once it rounds to 0."""

from __future__ import annotations

import numpy as np
import pytest

import latephase as lp
from latephase.experiments.beyond.gradient_attacks import attack_margin

pytestmark = pytest.mark.quick
DATA = lp.Dataset([1.0, -1.0], [1, -1])
RADII = np.linspace(0.01, 2.0, 200)


def net(scale: float) -> lp.ShallowReLU:
    """Margins of about `scale` times 1.4, boundary off the middle."""
    return lp.ShallowReLU([0.8 * scale, -0.7 * scale], [0.6 * scale, 0.75 * scale])


def attacked(scale: float, **settings: str) -> float:
    n = net(scale)
    found = attack_margin(
        n.weights, n.biases, n.output_weights, DATA.inputs, DATA.labels, RADII, **settings
    )
    return float(found)


@pytest.mark.parametrize("attack", ["fgsm", "pgd"])
@pytest.mark.parametrize("loss", ["cross_entropy", "exponential"])
def test_an_attack_finds_the_margin_while_the_gradient_is_there(attack: str, loss: str) -> None:
    """Ground truth: the exact margin, up to the spacing of the radii."""
    exact = float(lp.robustness_margin(net(1.0), DATA))
    assert 0 <= attacked(1.0, attack=attack, loss=loss) - exact <= 0.0101


@pytest.mark.parametrize(
    ("loss", "dtype", "last", "blind"),
    [
        ("cross_entropy", "float32", 10.0, 14.0),
        ("cross_entropy", "float64", 24.0, 30.0),
        ("exponential", "float32", 70.0, 80.0),
        ("exponential", "float64", 500.0, 570.0),
    ],
)
def test_it_goes_blind_where_the_gradient_rounds_to_zero(
    loss: str, dtype: str, last: float, blind: float
) -> None:
    """Ground truth: 1 - p rounds to 0 at margins of 24 or 53 ln 2, e^-q at 149 or 1074 ln 2; the
    margins here are 1.35 to 1.4 times the scale."""
    exact = float(lp.robustness_margin(net(1.0), DATA))
    assert attacked(last, loss=loss, dtype=dtype) - exact <= 0.0101
    assert attacked(blind, loss=loss, dtype=dtype) == np.inf


@pytest.mark.parametrize("bad", [{"attack": "cw"}, {"loss": "hinge"}])
def test_unknown_attacks_are_refused(bad: dict[str, str]) -> None:
    with pytest.raises(lp.InputError, match="use one of these"):
        attacked(1.0, **bad)
