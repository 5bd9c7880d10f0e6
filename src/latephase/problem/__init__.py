"""What is trained: data, networks, losses, initial networks, and the names of training methods."""

from latephase.problem.dataset import Dataset
from latephase.problem.geometry import TwoPoint, is_two_point
from latephase.problem.methods import GradientDescent, GradientFlow

__all__ = [
    "Dataset",
    "TwoPoint",
    "is_two_point",
    "GradientDescent",
    "GradientFlow",
]
