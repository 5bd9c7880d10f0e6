"""The entrances: one run, many runs, and what they tell."""

from .compare import compare
from .ensemble import ensemble
from .limit import Limit, limit
from .predict import Prediction, predict
from .run import Run
from .simulate import simulate
from .stall import Stall, stall
from .sweep import sweep
from .two_layer_limit import TwoLayerLimit

__all__ = [
    "Limit",
    "Prediction",
    "Run",
    "Stall",
    "TwoLayerLimit",
    "compare",
    "ensemble",
    "limit",
    "predict",
    "simulate",
    "stall",
    "sweep",
]
