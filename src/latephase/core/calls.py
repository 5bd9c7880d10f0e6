"""Wrong calls of public functions and classes, told as the other bad input is: in one line."""

from __future__ import annotations

import difflib
import inspect
import re
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from types import FunctionType
from typing import Any, TypeVar

from latephase.core.errors import InputError, Words
from latephase.core.watched import bar, in_notebook

T = TypeVar("T", bound=Callable[..., Any])
_CALLED = ("__init__", "__call__")
_ONE = "networks have one hidden layer"
# What there is instead of arguments that other libraries have, for the command line too.
INSTEAD = {
    "activation": "the activation is ReLU, or leaky ReLU with `negative_slope`; no others",
    **dict.fromkeys(("layers", "depth", "num_layers", "hidden", "hidden_sizes"), _ONE),
    **dict.fromkeys(
        ("outputs", "num_outputs", "classes", "num_classes"), "networks have one output"
    ),
    **dict.fromkeys(("lr", "learning_rate"), "the step size is that of the method"),
    **dict.fromkeys(("epochs", "steps", "num_steps", "iterations"), "`until` is the last time"),
    "weight_decay": "losses have no penalty; an optax transformation may add its own",
}


class CallError(InputError, TypeError):
    """A call with arguments that a function does not have, or without some that it needs.

    Also a TypeError, which is what Python raises for it.
    """


def public(callable_: T) -> T:
    """A function, or a class with its public methods, whose wrong calls raise `CallError`.

    `simulate(..., foo=1)` is answered with the arguments that there are; what is raised inside of a
    call passes.  In a notebook a function with the argument `progress` draws a bar, unless it is
    given.  Signatures stay as they are for help(), editors and type checkers; a class stays
    the same object.
    """
    if isinstance(callable_, FunctionType):
        return _answering(callable_)  # type: ignore[return-value]
    for name, member in list(vars(callable_).items()):
        if not name.startswith("_") or name in _CALLED:
            setattr(callable_, name, _member(member))
    return callable_


def _member(member: Any) -> Any:
    if isinstance(member, FunctionType):
        return _answering(member)
    if isinstance(member, classmethod | staticmethod):
        return type(member)(_answering(member.__func__))
    return member


def _answering(function: Callable[..., Any]) -> Callable[..., Any]:
    takes_progress = "progress" in (function.__kwdefaults__ or {})

    @wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        shows = takes_progress and named.get("progress") is None and in_notebook()
        bars: AbstractContextManager[Any] = bar(function.__name__) if shows else nullcontext({})
        try:
            with _quiet(), bars as shown:
                return function(*arguments, **{**named, **shown})
        except TypeError as error:
            # Raised here and in no frame below: Python did not get as far as into the function.
            if error.__traceback__ is None or error.__traceback__.tb_next is not None:
                raise
            raise _refused(function, error) from None

    return call


def _quiet() -> AbstractContextManager[Any]:
    """Where 1e308 overflows the result is an infinity, which an outcome or an error tells: NumPy's
    warnings about it would be lines on stderr that say nothing more.  NumPy is not loaded for it.
    """
    numpy = sys.modules.get("numpy")
    return nullcontext() if numpy is None else numpy.errstate(all="ignore")


def _refused(function: Callable[..., Any], error: TypeError) -> CallError:
    """ "GradientDescent.__init__() got an unexpected keyword argument 'lr'" in our words."""
    name = function.__qualname__.removesuffix(".__init__").removesuffix(".__call__")
    has = [str(p).partition(":")[0] for p in inspect.signature(function).parameters.values()]
    known = [part for part in has if part not in ("self", "cls")]
    said = str(error).partition("() ")[2] or str(error)
    for python, ours in (("got ", "a call with "), ("missing ", "a call without "), ("takes ", "")):
        said = ours + said.removeprefix(python) if said.startswith(python) else said
    mistyped = re.search(r"keyword argument '(\w+)'", said)
    meant = difflib.get_close_matches(mistyped[1], known, 1) if mistyped else []
    do = f"did you mean {meant[0]}?" if meant else "use these names"
    if mistyped and mistyped[1] in INSTEAD and not meant:
        do = INSTEAD[mistyped[1]]
    return CallError(f"the arguments of {name}: {', '.join(known) or 'none'}", Words(said), do)
