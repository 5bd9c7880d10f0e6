"""What is trained: data, networks, losses, initial networks, and the names of training methods."""

from latephase.problem import initializers
from latephase.problem.dataset import Dataset
from latephase.problem.geometry import TwoPointGeometry, is_two_point
from latephase.problem.initializers import Initializer
from latephase.problem.losses import LOSSES, Loss
from latephase.problem.methods import GradientDescent, GradientFlow, Method
from latephase.problem.network import ShallowReLU, matching
from latephase.problem.problem import Problem

__all__ = [
    "Dataset",
    "ShallowReLU",
    "TwoPointGeometry",
    "is_two_point",
    "matching",
    "LOSSES",
    "Loss",
    "initializers",
    "Initializer",
    "GradientDescent",
    "GradientFlow",
    "Method",
    "Problem",
]
