"""How training moves for ever: the late phase of gradient descent, fast-forwarded."""

from .limit import Limit, limit
from .predict import Prediction, predict
from .run import Run
from .simulate import simulate
from .stall import Stall, stall

__all__ = ["Limit", "Prediction", "Run", "Stall", "limit", "predict", "simulate", "stall"]
