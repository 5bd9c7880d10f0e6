"""The map as it is shown: its legend."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("panel", reason="panel is not installed: .[explore]")

from latephase.explore.answered.maps import Map
from latephase.explore.views.chart import MapView

pytestmark = pytest.mark.quick
PLACES = np.array([-0.5, 0.5])


def legend(numbers: list[float], colour: str = "exponent") -> dict[str, Any]:
    """Of a map of four cells that are coloured by these numbers."""
    values = np.array(numbers).reshape(2, 2)
    ends = np.full((2, 2), "specialised")
    found = Map(PLACES, PLACES, ends, values, values, values, values)
    view = MapView(lambda x, y: None, lambda box: None)
    return view.show(found, colour)


def test_one_number_everywhere_has_no_scale():
    """Ground truth: the number; a scale had it at both of its ends."""
    shown = legend([0.5, 0.5, np.nan, 0.5 + 1e-12])
    assert "scale" not in shown
    assert shown["chips"][0]["name"] == "exponent of 1/ln t: 0.5"
    assert len(shown["chips"]) == 2


def test_numbers_have_a_scale():
    """Ground truth: quantiles of 0.5 and 1."""
    scale = legend([0.5, 1.0, 0.5, 1.0])["scale"]
    assert (scale["low"], scale["high"]) == ("0.5", "1")


def test_what_is_grey_is_told():
    """Ground truth: a network without a margin has none to lose; one without a law no exponent."""
    (chip,) = legend([0.1, -0.2, np.nan, 0.0], "worse")["chips"]
    assert chip["name"].startswith("no margin")
    (chip,) = legend([0.5, 1.0, np.nan, 0.5])["chips"]
    assert chip["name"].startswith("has none")
    assert legend([0.1, -0.2, 0.3, 0.0], "worse")["chips"] == []
