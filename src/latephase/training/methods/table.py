"""All methods that are stepped, by name, and how a text names one with its parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from latephase.core import InputError, Words
from latephase.core.calls import public
from latephase.core.closures import written_out
from latephase.problem import GradientDescent
from latephase.problem.methods import is_transformation
from latephase.training.method import SteppedMethod, described
from latephase.training.methods.adam import Adam
from latephase.training.methods.loss_based import LossBasedSchedule
from latephase.training.methods.momentum import DualAcceleration, HeavyBall, Nesterov
from latephase.training.methods.rescaling import FixedRadius, ProgressiveRescaling
from latephase.training.methods.sharpness_aware import SharpnessAware
from latephase.training.methods.sign_descent import SignDescent
from latephase.training.methods.span_projection import SpanProjection
from latephase.training.methods.step_sizes import (
    LossScaled,
    NormalizedGradientDescent,
    PolyakStep,
    PowerStep,
    Scheduled,
)
from latephase.training.methods.stochastic import StochasticGradientDescent
from latephase.training.methods.transformation import Transformation
from latephase.training.methods.weight_decay import WeightDecay

__all__ = [
    "METHODS",
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
    "named",
    "names",
    "stepped",
    "texts_of",
]

METHODS: dict[str, type[SteppedMethod]] = {
    method.name: public(described(method))
    for method in (
        PowerStep,
        HeavyBall,
        Nesterov,
        LossScaled,
        NormalizedGradientDescent,
        PolyakStep,
        LossBasedSchedule,
        DualAcceleration,
        ProgressiveRescaling,
        Adam,
        SignDescent,
        SharpnessAware,
        WeightDecay,
        FixedRadius,
        SpanProjection,
        StochasticGradientDescent,
    )
}
GD = GradientDescent.name


def names() -> tuple[str, ...]:
    """All names, gradient descent first."""
    return (GD, *METHODS)


def stepped(method: Any) -> SteppedMethod:
    """The method as one that is stepped; gradient descent is the power step of exponent 0, or that
    of its schedule, and an optax transformation is wrapped.

    Raises InputError.
    """
    if isinstance(method, GradientDescent):
        constant = method.has_late_phase
        return PowerStep(method.step_size, 0.0) if constant else Scheduled(method.step_size)
    if is_transformation(method):
        return Transformation(method)
    if not isinstance(method, SteppedMethod):
        known = ", ".join(cls.__name__ for cls in METHODS.values())
        do = f"use GradientDescent, an optax transformation, {known}"
        raise InputError("a method that is stepped", method, do)
    return method


def named(text: str, step_size: float | None) -> SteppedMethod | GradientDescent:
    """The method of a text: a name, then parameters: "adam", "heavy_ball:momentum=0.5".

    A parameter that is a method itself has its own parameters behind slashes:
    "span_projection:method=heavy_ball/momentum=0.5".
    step_size: of methods that have one and whose text says none; None: its text must say one.
    Raises InputError.
    """
    name, *given = (part.strip() for part in text.split(":"))
    if name not in names():
        raise InputError("the name of a method", name, f"use one of {', '.join(names())}")
    record: Any = GradientDescent if name == GD else METHODS[name]
    known = [f.name for f in fields(record)]
    sized = "step_size" in known and step_size is not None
    values: dict[str, Any] = {"step_size": step_size} if sized else {}
    said = set[str]()
    for part in given:
        key, equals, value = part.partition("=")
        if key not in known:
            got = Words(repr(key))
            raise InputError(f"a parameter of {name}", got, f"use one of {', '.join(known)}")
        if not equals:
            do = f"write {name}:{key}=1"
            raise InputError(f"{key}=NUMBER behind {name}:", Words(repr(part)), do)
        if key in said:
            raise InputError(f"{key} of {name} once", text, "leave out one of them")
        said.add(key)
        inner = key == "method"
        values[key] = named(value.replace("/", ":"), step_size) if inner else _number(key, value)
    if "step_size" in known and "step_size" not in values:
        raise InputError(f"a step size of {name}", Words("none"), f"write {name}:step_size=0.1")
    return record(**values)


def _number(key: str, text: str) -> float | int:
    try:
        value = float(text)
    except ValueError:
        raise InputError(f"a number as {key}", text, f"write for example {key}=0.5") from None
    return int(value) if value.is_integer() and key in ("seed", "replacement", "batch") else value


def texts_of(methods: Sequence[Any]) -> tuple[list[str], float | None]:
    """The methods as `named` reads them, and the step size they share, which the texts omit."""
    sizes = {method.step_size for method in methods if hasattr(method, "step_size")}
    common = sizes.pop() if len(sizes) == 1 else None
    common = None if callable(common) else common
    texts: list[str] = []
    for k, method in enumerate(methods):
        text = _text(method, common)
        alike = sum(one.startswith(text) for one in texts)
        # What differs may not stand in a text: a function may hold arrays.
        differs = isinstance(method, Transformation) and method not in methods[:k]
        texts.append(f"{text} #{alike + 1}" if alike and differs else text)
    return texts, common


def _text(method: Any, common: float | None) -> str:
    """A name and the parameters that are not its defaults."""
    if isinstance(method, Transformation):
        return f"{method.name}({written_out(method.transformation)})"
    parts = []
    for one in fields(method):
        value = getattr(method, one.name)
        if value == (common if one.name == "step_size" else one.default):
            continue
        if isinstance(value, SteppedMethod):
            shown = _text(value, common).replace(":", "/")
        else:
            shown = written_out(value) if callable(value) else repr(value + 0).removesuffix(".0")
        parts.append(f":{one.name}={shown}")
    return str(method.name) + "".join(parts)
