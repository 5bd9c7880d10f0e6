"""Where to start: networks worth seeing, each with what to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .state import State, drawn


@dataclass(frozen=True)
class Preset:
    """A state with a name, and one sentence on what it shows."""

    name: str
    says: str
    state: State


def _pair(weights: tuple[float, float], biases: tuple[float, float], **more: Any) -> State:
    rows = tuple((w,) for w in weights)
    return State(weights=rows, biases=biases, **more)


_SLIDE = ((0.5,), (-0.5,))
_CORNERS = ((1.0, 0.6), (-0.3, 1.1), (-1.0, -0.5), (0.4, -1.0))

PRESETS = (
    Preset(
        "The paper: two points at ±1",
        "Both points are learnt, and the boundary creeps to the middle like 1/ln t.",
        State(),
    ),
    Preset(
        "Worse at 10¹⁰⁰ than untrained",
        "It starts with the best possible margin and is still worse at step 10¹⁰⁰: drag the time.",
        _pair((2.0, -0.4), (0.0, 0.0), colour="worse"),
    ),
    Preset(
        "Both layers trained",
        "With the output weights trained, too, 1/ln t becomes 1/√(ln t): slower still.",
        _pair(
            (0.7, -0.4),
            (0.1, 0.2),
            output_weights=(0.5, -1.5),
            train_output=True,
            colour="exponent",
        ),
    ),
    Preset(
        "A slide: two points at ±½",
        "Each neuron keeps its kink on the other's point. Nothing is left to divide by ln t, and "
        "the margin is optimal after some thousand steps.",
        _pair((0.7, -0.4), (0.1, 0.2), inputs=_SLIDE, time="1e6", colour="entry"),
    ),
    Preset(
        "A leaky network",
        "Where inactive neurons have a slope, every point moves every neuron.",
        _pair((0.7, -0.4), (0.1, 0.2), slope=0.1, colour="constant"),
    ),
    Preset(
        "Four points in the plane",
        "Six neurons bend the boundary around four points; drag any of them.",
        drawn(
            State(
                inputs=_CORNERS,
                labels=(1, -1, 1, -1),
                weights=((0.0, 0.0),) * 6,
                biases=(0.0,) * 6,
                output_weights=(1.0, -1.0, 1.0, -1.0, 1.0, -1.0),
                init="he_normal",
                seed=7,
                method="gf",
                map_x="w1.1",
                map_y="w1.2",
            )
        ),
    ),
)
