"""The colours and the plot style, in one place for figures (light) and the page (light and dark).

The accents are told apart by readers with any common colour blindness (they follow Okabe and Ito)
and keep a contrast of at least 3 : 1 against the page in both schemes.
"""

from __future__ import annotations

from typing import Any

INK, MUTED, GRID = "#1b2430", "#66707c", "#dde2e8"

# CSS variable: its value in the light scheme, its value in the dark one.  Figures are drawn in the
# light values, which the page's SVG then exchanges for the variables.
THEME = {
    "--ink": (INK, "#e6e9ee"),
    "--muted": (MUTED, "#9aa5b1"),
    "--grid": (GRID, "#353d48"),
    "--c0": ("#0072b2", "#56b4e9"),
    "--c1": ("#d55e00", "#ff8c42"),
    "--c2": ("#00875f", "#3ac99b"),
    "--c3": ("#a8458b", "#e39ac8"),
    "--c4": ("#a67c00", "#e6c229"),
    "--c5": ("#4f5bb5", "#a3adf7"),
}
ACCENTS = tuple(light for name, (light, _) in THEME.items() if name.startswith("--c"))

# Areas of a map: see-through in both schemes, hence not exchanged.  Faint: behind lines.
FILLS = ("#1a7fc1", "#e8751a", "#12a37a", "#bb5fa0", "#c9a227", "#6d78cf", "#8a929c")
FILL_OPACITY, FAINT_OPACITY = 0.62, 0.28

STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "axes.formatter.useoffset": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 8.5,
    "axes.linewidth": 0.7,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "figure.facecolor": "none",
    "figure.constrained_layout.h_pad": 0.05,
    "figure.constrained_layout.w_pad": 0.05,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "legend.borderaxespad": 0.3,
    "legend.borderpad": 0.0,
    "legend.columnspacing": 1.4,
    "legend.fontsize": 8.0,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "legend.handletextpad": 0.5,
    "legend.labelspacing": 0.35,
    "lines.solid_capstyle": "round",
    "svg.fonttype": "none",
    "svg.hashsalt": "latephase",
}
_TICKS = {"color": MUTED, "labelcolor": INK, "labelsize": 8.0}
_TICKS |= {"major.size": 2.5, "major.width": 0.7, "minor.size": 0.0}
STYLE |= {f"{axis}tick.{name}": value for axis in "xy" for name, value in _TICKS.items()}
