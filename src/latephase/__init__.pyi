# The public names, once: `__init__.py` reads them here, and so do type checkers and editors.

from .certificates import Certificate as Certificate
from .certificates import Verdict as Verdict
from .certificates import certify as certify
from .certificates.check.certificate import verify as verify
from .certificates.odds.probability import certified_distribution as certified_distribution
from .core import InputError as InputError
from .core import LatephaseError as LatephaseError
from .core import Law as Law
from .core import LogTime as LogTime
from .core import Outcome as Outcome
from .core import Regime as Regime
from .core import Rigour as Rigour
from .margin import robustness_margin as robustness_margin
from .problem import Dataset as Dataset
from .problem import GradientDescent as GradientDescent
from .problem import GradientFlow as GradientFlow
from .problem import ShallowReLU as ShallowReLU
from .problem import initializers as initializers
from .runs import Limit as Limit
from .runs import Prediction as Prediction
from .runs import Run as Run
from .runs import Stall as Stall
from .runs import compare as compare
from .runs import ensemble as ensemble
from .runs import limit as limit
from .runs import predict as predict
from .runs import simulate as simulate
from .runs import stall as stall
from .training.methods.table import Adam as Adam
from .training.methods.table import DualAcceleration as DualAcceleration
from .training.methods.table import FixedRadius as FixedRadius
from .training.methods.table import HeavyBall as HeavyBall
from .training.methods.table import LossBasedSchedule as LossBasedSchedule
from .training.methods.table import LossScaled as LossScaled
from .training.methods.table import Nesterov as Nesterov
from .training.methods.table import NormalizedGradientDescent as NormalizedGradientDescent
from .training.methods.table import PolyakStep as PolyakStep
from .training.methods.table import PowerStep as PowerStep
from .training.methods.table import ProgressiveRescaling as ProgressiveRescaling
from .training.methods.table import SharpnessAware as SharpnessAware
from .training.methods.table import SignDescent as SignDescent
from .training.methods.table import SpanProjection as SpanProjection
from .training.methods.table import StochasticGradientDescent as StochasticGradientDescent
from .training.methods.table import WeightDecay as WeightDecay

__version__: str
