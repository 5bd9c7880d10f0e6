"""latephase: what gradient descent converges to, and how fast, to t = 10^1000 and beyond."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from latephase.certify import Certificate, Verdict, certify
    from latephase.certify.check import verify
    from latephase.certify.probability import certified_distribution
    from latephase.core import InputError, LatephaseError, Law, LogTime, Outcome, Regime, Rigour
    from latephase.ensembles import ensemble
    from latephase.ensembles.compare import compare
    from latephase.late import Limit, Prediction, Run, Stall, limit, predict, simulate, stall
    from latephase.margin import of_network as robustness_margin
    from latephase.problem import (
        Dataset,
        GradientDescent,
        GradientFlow,
        ShallowReLU,
        initializers,
    )
    from latephase.training.methods import (
        Adam,
        DualAcceleration,
        FixedRadius,
        HeavyBall,
        LossBasedSchedule,
        LossScaled,
        Nesterov,
        NormalizedGradientDescent,
        PolyakStep,
        PowerStep,
        ProgressiveRescaling,
        SharpnessAware,
        SignDescent,
        SpanProjection,
        StochasticGradientDescent,
        WeightDecay,
    )

__version__ = "0.1.0"

_CORE = ("InputError", "LatephaseError", "Law", "LogTime", "Outcome", "Regime", "Rigour")
_PROBLEM = ("Dataset", "GradientDescent", "GradientFlow", "ShallowReLU", "initializers")
_LATE = ("Limit", "Prediction", "Run", "Stall", "limit", "predict", "simulate", "stall")
_TRAINING = (
    "Adam",
    "DualAcceleration",
    "FixedRadius",
    "HeavyBall",
    "LossBasedSchedule",
    "LossScaled",
    "Nesterov",
    "NormalizedGradientDescent",
    "PolyakStep",
    "PowerStep",
    "ProgressiveRescaling",
    "SharpnessAware",
    "SignDescent",
    "SpanProjection",
    "StochasticGradientDescent",
    "WeightDecay",
)
_ITSELF = ""  # the room, which is callable: `import` binds its name here in any case
_HOMES = {
    **dict.fromkeys(_CORE, ("latephase.core", None)),
    **dict.fromkeys(_PROBLEM, ("latephase.problem", None)),
    **dict.fromkeys(_LATE, ("latephase.late", None)),
    **dict.fromkeys(_TRAINING, ("latephase.training.methods", None)),
    "compare": ("latephase.ensembles.compare", None),
    "robustness_margin": ("latephase.margin", "of_network"),
    "ensemble": ("latephase.ensembles", None),
    **dict.fromkeys(("Certificate", "Verdict"), ("latephase.certify", None)),
    "certify": ("latephase.certify", _ITSELF),
    "certified_distribution": ("latephase.certify.probability", None),
    "verify": ("latephase.certify.check", None),
}

__all__ = [
    "Adam",
    "Certificate",
    "Dataset",
    "DualAcceleration",
    "FixedRadius",
    "GradientDescent",
    "GradientFlow",
    "HeavyBall",
    "InputError",
    "LatephaseError",
    "Law",
    "Limit",
    "LogTime",
    "LossBasedSchedule",
    "LossScaled",
    "Nesterov",
    "NormalizedGradientDescent",
    "Outcome",
    "PolyakStep",
    "PowerStep",
    "Prediction",
    "ProgressiveRescaling",
    "Regime",
    "Rigour",
    "Run",
    "ShallowReLU",
    "SharpnessAware",
    "SignDescent",
    "SpanProjection",
    "Stall",
    "StochasticGradientDescent",
    "Verdict",
    "WeightDecay",
    "certified_distribution",
    "certify",
    "compare",
    "ensemble",
    "initializers",
    "limit",
    "predict",
    "robustness_margin",
    "simulate",
    "stall",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used, so that importing latephase stays light."""
    if name not in _HOMES:
        raise AttributeError(f"module 'latephase' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    home = importlib.import_module(module)
    value = home if attribute == _ITSELF else getattr(home, attribute or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
