"""The stiff step: its order, with Newton's iteration and without."""

from __future__ import annotations

import numpy as np

from helpers import norm_error
from latephase.late.layered.radau import Spectrum, stages


def field(stiffness: float):
    """y' = (-y_0^2, -stiffness (y_1 - cos s) - sin s): y_0 = 1 / (1 + s), y_1 = cos s."""
    return lambda s, y: np.stack([-(y[0] ** 2), -stiffness * (y[1] - np.cos(s)) - np.sin(s)])


def test_order_of_convergence():
    """Ground truth: the closed form; a step is off by its stage order, five, where it is stiff."""
    errors = []
    for h in (0.3, 0.15):
        newton = Spectrum.of(np.diag([-2.0, -1e3]))
        found = stages(field(1e3), 0.0, np.ones(2), h, np.ones(2), 1e-11, newton)
        assert np.isfinite(found.error)
        y = 1.0 + found.moves[:, -1]
        errors.append(max(abs(y[0] - 1 / (1 + h)), abs(y[1] - np.cos(h))))
    assert errors[0] < 1e-7
    assert errors[1] < errors[0] / 2**5


def test_both_iterations_find_the_same_stages():
    """Ground truth: one another, and the closed form, to which order nine comes at once."""
    given = field(2.0), 0.0, np.ones(2), 0.05, np.ones(2), 1e-12
    plain, newton = stages(*given, None), stages(*given, Spectrum.of(np.diag([-2.0, -2.0])))
    assert norm_error(plain.moves, newton.moves) < 1e-12
    assert norm_error(plain.moves[:, -1], [1 / 1.05 - 1, np.cos(0.05) - 1]) < 1e-11


def test_functional_iteration_gives_up_where_it_does_not_contract():
    """Ground truth: h |y'| = 50 is far beyond what contracts."""
    found = stages(field(50.0), 0.0, np.array([1.0, 2.0]), 1.0, np.ones(2), 1e-10, None)
    assert found.error == np.inf
