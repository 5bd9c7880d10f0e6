"""What a batch says of its own errors: never less than they are, and nothing only at the start.

Each check is seen to fail under a planted error.
"""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
import xarray as xr

import latephase as lp
from latephase.late.layered_pair import follow_orbit, follow_steps, panels
from latephase.late.layered_pair import pieces as layered_pieces
from latephase.late.layered_pair import steps as layered_steps
from latephase.late.pair import fatou, validity
from references.both_layers import descend, distance
from references.problems import Problem
from references.two_neurons import reference_run

TIMES, STEP, TRIALS = [1, 10, 100, 1000, 20_000], 0.25, 8
CASES = {
    "decoupled": ((1.0, -1.0), False),
    "sliding": ((0.5, -0.5), False),
    "both layers": ((1.0, -1.0), True),
}


def drawn(inputs: tuple[float, float], trained: bool) -> xr.Dataset:
    data, gd = lp.Dataset(inputs, [1, -1]), lp.GradientDescent(STEP)
    more = {"train_output": True, "output_weights": "he_normal"} if trained else {}
    asked = {"trials": TRIALS, "seed": 4, "until": TIMES[-1], "at": [0, *TIMES]}
    return lp.ensemble("pytorch_default", data, gd, **asked, **more)


def off_by_balls(found: xr.Dataset, inputs: tuple[float, float]) -> np.ndarray:
    """By how much samples (trial, time) are off, by balls of 192 bits."""
    off = np.zeros((TRIALS, len(TIMES)))
    for k in range(TRIALS):
        w, b = found.weights.values[k, :, :, 0], found.biases.values[k]
        truth = reference_run(w[0], b[0], inputs, [1, -1], STEP, TIMES)
        for i, t in enumerate(TIMES):
            real = np.array([float(x.mid()) for x in truth[t]]).reshape(2, 2)
            apart = np.stack([w[i + 1], b[i + 1]], axis=1) - real
            off[k, i] = (np.hypot(*apart.T) / np.hypot(*real.T)).max()
    return off


def off_by_steps(found: xr.Dataset, inputs: tuple[float, float]) -> np.ndarray:
    """The same of two layers, by compensated steps."""
    w, b, v = (found[name].values for name in ("weights", "biases", "output_weights"))
    points = np.array(inputs)[:, None], np.array([1.0, -1.0])
    batch = [
        Problem("", w[k, 0], b[k, 0], v[k, 0], *points, STEP, "exponential") for k in range(TRIALS)
    ]
    theta, outer = np.concatenate([w, b[..., None]], axis=-1)[:, 1:], v[:, 1:]
    return np.array(
        [distance((theta[k], outer[k]), truth) for k, truth in enumerate(descend(batch, TIMES))]
    )


def check(inputs: tuple[float, float], trained: bool) -> None:
    """No error is larger than its bar, no bar after the start is 0, and none of those that are
    called exact is more than 1e-12."""
    found = drawn(inputs, trained)
    off = off_by_steps(found, inputs) if trained else off_by_balls(found, inputs)
    bars = found.error.values
    assert np.isfinite(bars).all()
    assert (bars[:, 1:] > 0).all(), "a bar of 0"
    assert (off <= bars[:, 1:]).all(), "an error beyond its bar"
    exact = found.rigour.values == "exact"
    assert exact[:, 0].all()
    assert (bars[exact] <= 1e-12).all(), "what is called exact is not"


@pytest.mark.parametrize(("inputs", "trained"), CASES.values(), ids=CASES)
def test_bars_cover_the_errors(inputs, trained):
    """Ground truth: balls of 192 bits; of two layers compensated steps by definition."""
    check(inputs, trained)


PLANTED: list[tuple[str, ModuleType, str, object]] = [
    ("decoupled", fatou, "_SERIES", fatou._SERIES * (1 + 1e-6)),
    ("sliding", validity, "CHATTER_FACTOR", 0.0),
    ("both layers", panels, "INTEGRAL", panels.INTEGRAL * (1 + 1e-9)),
    ("both layers", layered_pieces, "SMALL", 0.25),
    ("both layers", layered_steps, "_SHARE", 0.0),
]


@pytest.mark.parametrize(("case", "module", "name", "wrong"), PLANTED)
def test_planted_errors_are_seen(monkeypatch, case, module, name, wrong):
    """Ground truth: constants of the maps that are wrong, and bars that leave something out; of
    both layers those of NumPy; test_kernel holds what is compiled against it."""
    for one in (follow_orbit, follow_steps):
        monkeypatch.setattr(one, "COMPILED", False)
    monkeypatch.setattr(module, name, wrong)
    with pytest.raises(AssertionError):
        check(*CASES[case])
