"""Records that several rooms hand to each other."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from latephase.core.calls import public
from latephase.core.errors import InputError
from latephase.core.logtime import LogTime

if TYPE_CHECKING:  # `latephase --help` does without NumPy
    from latephase.core.arrays import Floats


def _not_given() -> None:
    """Default of the numbers that may come later: a default of the class would hide that."""


@public
@dataclass(frozen=True)
class Law:
    """The law of the late phase: how the boundary and the margin come to their limits.

    x*(t) - limit_boundary ~ constant / (ln t + offset)^exponent.  Where the zeros of the limit are
    no single point of the line, `limit_boundary` is None and constant and offset are the margin's:
    margin(t) - limit_margin ~ constant / (ln t + offset)^exponent.

    Attributes
    ----------
    limit_boundary : float or None
        Limit of the boundary x*, in units of the inputs; None unless it is a point of the line.
    constant : float
        In units of the inputs.  Exactly 0.0 where the limit is approached faster than any power of
        1/ln t.
    offset : float
        A natural logarithm.
    exponent : float
        1.0 where the output weights are fixed.
    limit_margin : float or None
        Limit of the robustness margin, in units of the inputs; NaN where it cannot be measured
        exactly, None where it was not given.
    margin_constant : float or None
        limit_margin - margin(t) ~ margin_constant / (ln t + offset)^exponent: positive where the
        margin grows in the end, as in `Limit.margin_constant`.
    shares : array (m,) or None
        Share of each neuron in the squared length of all weights and biases in the limit: 0 for a
        dead neuron, 1 together.

    Notes
    -----
    What is left out of the boundary's law is O(ln t / t) on the line; of the margin's, where
    `limit_boundary` is None, O(1 / ln^2 t) of it.  Numbers that take time, those of the margin of
    wide networks or many features, are computed when they are first asked for.
    Source: the rate of [smorodinsky2026]; docs/theory.md, "Laws" and "Margins along the way".
    """

    limit_boundary: float | None
    constant: float
    offset: float
    exponent: float = 1.0
    limit_margin: float | None = field(default_factory=_not_given)
    margin_constant: float | None = field(default_factory=_not_given)
    shares: Floats | None = field(default=None, compare=False)

    @classmethod
    def later(cls, numbers: Callable[[], dict[str, float]], **known: Any) -> Law:
        """A law of which `numbers`, called when one of them is asked for, gives what is missing."""
        law = cls.__new__(cls)
        vars(law).update(known, _numbers=numbers)
        return law

    def __getattr__(self, name: str) -> Any:
        """Reached only for what is not there yet."""
        if name.startswith("_") or name not in self.__dataclass_fields__:
            raise AttributeError(f"'Law' object has no attribute {name!r}")
        vars(self).update(vars(self).pop("_numbers")())
        return getattr(self, name)

    def time_within(
        self, eps: float, *, boundary: bool = False, flow: bool = False
    ) -> LogTime | None:
        """The time from which on the law has the margin within eps of its limit.

        Parameters
        ----------
        eps : float
            A distance in units of the inputs, > 0.
        boundary : bool
            The boundary within eps of `limit_boundary` instead.
        flow : bool
            Real times, of gradient flow, instead of whole numbers of updates.

        Returns
        -------
        LogTime or None
            ln t = (|constant| / eps)^(1 / exponent) - offset; None where the law does not say: the
            constant is 0 or unknown, or there is no such limit.

        Raises
        ------
        InputError
            If eps is not a number > 0.

        Notes
        -----
        Of the law alone: `Prediction.steps_within`, `Limit.steps_within` and `Run.when` follow the
        run where the law still leaves something out.
        """
        log = self.log_time_within(eps, boundary=boundary)
        return None if log is None else LogTime.from_log(max(log, -700.0), flow=flow)

    def log_time_within(self, eps: float, *, boundary: bool = False) -> float | None:
        """ln of `time_within`, which a law may put below t = 1."""
        if isinstance(eps, bool) or not 0 < eps < math.inf:
            raise InputError("eps > 0, a distance in input units", eps, "pass for example 0.01")
        size = self.constant if boundary else self.margin_constant
        if (boundary and self.limit_boundary is None) or size is None or not abs(size) > 0:
            return None
        log = (abs(size) / eps) ** (1 / self.exponent) - self.offset
        return log if math.isfinite(log) else None
