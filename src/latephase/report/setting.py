"""The setting as a small drawing: two points, a network, its boundary and the margin."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup

from latephase.draw.scene import kinks_of, zeros_of
from latephase.experiments.bench.base import PAPER_DATA
from latephase.problem import ShallowReLU

# Each neuron is active on its own point only; the boundary is off the middle far enough to be seen.
NETWORK = ShallowReLU(weights=[1.0, -1.0], biases=[0.15, 0.75])
_WIDTH, _HEIGHT, _MIDDLE = 300.0, 176.0, 78.0
_SIDE, _TALL = 116.0, 40.0  # pixels for a unit of x, and of N


def drawing() -> Markup:
    """The <svg> element, in the colours of the page."""
    (zero,), kinks = zeros_of(NETWORK), kinks_of(NETWORK)
    low, high = -_WIDTH / 2 / _SIDE, _WIDTH / 2 / _SIDE
    corners = np.array([low, *kinks, high])
    curve = " ".join(
        f"{_x(x):.1f},{_y(y):.1f}" for x, y in zip(corners, NETWORK(corners[:, None]), strict=True)
    )
    near = float(PAPER_DATA.inputs[np.argmin(np.abs(PAPER_DATA.inputs - zero)), 0])
    a, b, line = _x(zero), _x(near), _MIDDLE + 46
    points = [
        f'<circle cx="{_x(1):.1f}" cy="{_MIDDLE}" r="6" class="plus"/>',
        f'<rect x="{_x(-1) - 5.5:.1f}" y="{_MIDDLE - 5.5}" width="11" height="11" class="minus"/>',
    ]
    words = [
        (_x(1), _MIDDLE + 22, "middle", "label +1"),
        (_x(-1), _MIDDLE - 14, "middle", "label −1"),
        (a - 6, _MIDDLE + 66, "end", "boundary x*"),
        ((a + b) / 2, line + 17, "middle", "margin"),
        (_x(0.86), _y(float(NETWORK(np.array([[0.95]]))[0])) - 6, "end", "N(x)"),
        (_x(0), _MIDDLE - 34, "middle", "best x*"),
    ]
    texts = "".join(
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{word}</text>'
        for x, y, anchor, word in words
    )
    return Markup(  # numbers and words from above, nothing that a user has written
        f'<svg viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img" aria-label="The points −1, of label '
        "−1, and +1, of label +1; the network N(x), negative on the left and positive on the right "
        "of its boundary x*; and the margin from there to the nearest point, +1, which would be "
        'largest with the boundary in the middle.">'
        f'<line class="axis" x1="0" x2="{_WIDTH:g}" y1="{_MIDDLE}" y2="{_MIDDLE}"/>'
        f'<line class="best" x1="{_x(0):g}" x2="{_x(0):g}" y1="{_MIDDLE - 30}" y2="{_MIDDLE + 8}"/>'
        f'<polyline class="network" points="{curve}"/>'
        f'<line class="edge" x1="{a:.1f}" x2="{a:.1f}" y1="14" y2="{_MIDDLE + 70}"/>'
        f'<path class="margin" d="M{a:.1f} {line}H{b:.1f}M{a + 6:.1f} {line - 4}L{a:.1f} {line}'
        f'l6 4M{b - 6:.1f} {line - 4}L{b:.1f} {line}l-6 4"/>'
        f"{''.join(points)}{texts}</svg>"
    )


def _x(x: float) -> float:
    return _WIDTH / 2 + _SIDE * float(x)


def _y(value: float) -> float:
    return _MIDDLE - _TALL * float(value)
