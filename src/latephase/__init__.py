"""latephase: what gradient descent converges to, and how fast, to t = 10^1000 and beyond."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from latephase.certificates import Certificate, Verdict, certify
    from latephase.certificates.check.certificate import verify
    from latephase.certificates.odds.probability import certified_distribution
    from latephase.core import InputError, LatephaseError, Law, LogTime, Outcome, Regime, Rigour
    from latephase.margin import robustness_margin
    from latephase.problem import (
        Dataset,
        GradientDescent,
        GradientFlow,
        ShallowReLU,
        initializers,
    )
    from latephase.runs import (
        Limit,
        Prediction,
        Run,
        Stall,
        compare,
        ensemble,
        limit,
        predict,
        simulate,
        stall,
    )
    from latephase.training.methods.table import (
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

_ROOMS = {
    "core": "InputError LatephaseError Law LogTime Outcome Regime Rigour",
    "problem": "Dataset GradientDescent GradientFlow ShallowReLU initializers",
    "training.methods.table": "Adam DualAcceleration FixedRadius HeavyBall LossBasedSchedule "
    "LossScaled Nesterov NormalizedGradientDescent PolyakStep PowerStep ProgressiveRescaling "
    "SharpnessAware SignDescent SpanProjection StochasticGradientDescent WeightDecay",
    "runs": "Limit Prediction Run Stall compare ensemble limit predict simulate stall",
    "margin": "robustness_margin",
    "certificates": "Certificate Verdict certify",
    "certificates.odds.probability": "certified_distribution",
    "certificates.check.certificate": "verify",
}
_HOMES = {name: room for room, names in _ROOMS.items() for name in names.split()}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used, so that importing latephase stays light."""
    if name not in _HOMES:
        raise AttributeError(f"module 'latephase' has no attribute {name!r}")
    home = importlib.import_module(f"latephase.{_HOMES[name]}")
    value = getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
