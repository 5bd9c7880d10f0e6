"""Records that several rooms hand to each other."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from numbers import Real
from typing import TYPE_CHECKING, Any

from latephase.core.calls import public
from latephase.core.errors import InputError
from latephase.core.logtime import LogTime

if TYPE_CHECKING:  # `latephase --help` does without NumPy
    from latephase.core.arrays import Floats

_LARGEST, _HALVINGS = 700.0, 64  # ln of a float64, and of an interval of twice that to one ulp


def _not_given() -> None:
    """Default of the numbers that may come later: a default of the class would hide that."""


def _one() -> float:
    """The exponent of fixed output weights, as a default of the instance."""
    return 1.0


def distance(eps: object, name: str = "eps") -> float:
    """A distance in input units as a float: any real number, NumPy's too.  Raises InputError."""
    number = eps.item() if getattr(eps, "shape", None) == () else eps  # type: ignore[attr-defined]
    real = isinstance(number, Real) and not isinstance(number, bool)
    if not (real and 1e-290 < float(number) < math.inf):  # type: ignore[arg-type]
        expected = f"{name} > 1e-290, a distance in input units"
        raise InputError(expected, eps, "pass for example 0.01")
    return float(number)  # type: ignore[arg-type]


def few(values: Any, most: int = 6) -> str:
    """An array in one line: its first rows, to six digits."""
    rows = (values.ravel() if values.shape[1:] == (1,) else values)[:most].tolist()
    shown = [f"({', '.join(_short(row, most))})" if isinstance(row, list) else row for row in rows]
    more = [] if len(values) <= most else [f"... ({len(values):,} in all)"]
    texts = [one if isinstance(one, str) else f"{one:.6g}" for one in shown]
    return ", ".join([*texts, *more])


def _short(row: list[float], most: int) -> list[str]:
    texts = [f"{value:.6g}" for value in row[:most]]
    return texts if len(row) <= most else [*texts, "..."]


class Summarised:
    """A record whose repr is one line, its headline; `print` shows all of its lines."""

    def lines(self) -> list[str]:
        """The headline and what else a reader wants to see; nothing is computed for it."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.lines()[0]}>"

    def __str__(self) -> str:
        return "\n".join(self.lines())


@public
@dataclass(frozen=True, repr=False)
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
        In units of the inputs.  Exactly 0.0 where it is no larger than its error: the term in
        1 / ln t vanishes, and what is left is of the next order, see Notes.  NaN where the margin
        cannot be measured exactly; where both layers are trained also where what decays slowest
        has not come to its power of ln t by ln t = 10^6.
    offset : float
        A natural logarithm; NaN where the extrapolated margin does not tell it: 0 then gives the
        leading order.
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
    remainder_constant, remainder_exponent : float or None
        Of the next term, remainder_constant / (ln t + offset)^remainder_exponent, which is added
        to that of `constant`; the constant is 0.0 where it is no larger than rounding. None where
        the output weights are fixed.
    constant_shares : array (m,) or None
        What each neuron gives to `constant`, to which they add up: its null part, and by how much
        it is ahead or behind.  NaN where they do not add up: two points are equally near, or the
        nearest zero is on a kink.  None of a law that no run has told.

    Notes
    -----
    Where the output weights are fixed, what is left out of the boundary's law is O(ln t / t^k) on
    the line, k = `Limit.rate` (1 for two neurons on two points); of the margin's, where
    `limit_boundary` is None, O(1 / ln^2 t), of it or, where the constant is 0, of the margin
    itself.  Where they are trained, both terms leave out higher powers of 1 / ln t.  Numbers that
    take time, those of the margin of wide networks or many features and `constant_shares`, are
    computed when they are first asked for; repr and print do not ask.
    Source: the rate of [smorodinsky2026]; docs/theory.md, "Laws" and "Margins along the way".

    Examples
    --------
    >>> data = lp.Dataset([1.0, -1.0], [1, -1])
    >>> net = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2])
    >>> run = lp.simulate(net, data, lp.GradientDescent(0.1))
    >>> law = run.law
    >>> law.limit_boundary, round(law.constant, 6), round(law.offset, 6)
    (0.0, 0.2, -1.209438)
    >>> str(law.time_within(0.01))
    '1626079781'
    """

    limit_boundary: float | None
    constant: float
    offset: float
    exponent: float = field(default_factory=_one)
    limit_margin: float | None = field(default_factory=_not_given)
    margin_constant: float | None = field(default_factory=_not_given)
    shares: Floats | None = field(default=None, compare=False)
    remainder_constant: float | None = field(default_factory=_not_given)
    remainder_exponent: float | None = field(default_factory=_not_given)
    constant_shares: Floats | None = field(init=False, default_factory=_not_given, compare=False)

    @classmethod
    def later(cls, numbers: Callable[[], dict[str, float]], **known: Any) -> Law:
        """A law of which `numbers`, called when one of them is asked for, gives what is missing."""
        law = cls.__new__(cls)
        vars(law).update(known, _numbers=numbers)
        return law

    def shared_by(self, shares: Callable[[], Floats]) -> None:
        """Let `shares`, called when they are asked for, give `constant_shares`."""
        vars(self).pop("constant_shares", None)
        vars(self)["_shares"] = shares

    def __getattr__(self, name: str) -> Any:
        """Reached only for what is not there yet."""
        if name.startswith("_") or name not in self.__dataclass_fields__:
            raise AttributeError(f"'Law' object has no attribute {name!r}")
        if name == "constant_shares":
            vars(self)[name] = vars(self)["_shares"]() if "_shares" in vars(self) else None
            return vars(self)[name]
        left_out = dict.fromkeys(("remainder_constant", "remainder_exponent"))
        vars(self).update({**left_out, **vars(self)["_numbers"]()})
        del vars(self)["_numbers"]
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
            ln t = (|constant| / eps)^(1 / exponent) - offset, of two terms the last time at which
            their sum is eps; 0 where that is below 0.  None where the law does not say: the
            constant is 0 or it or the offset is unknown, or there is no such limit.  The run comes
            within eps all the same.

        Raises
        ------
        InputError
            If eps is no number above 1e-290.

        Notes
        -----
        Of the law alone: `Prediction.steps_within`, `Limit.steps_within` and `Run.when` follow the
        run where the law still leaves something out.
        """
        log = self.log_time_within(distance(eps), boundary=boundary)
        if log is not None and log <= 0 and not flow:
            return LogTime.parse(0)
        return None if log is None else LogTime.from_log(max(log, -700.0), flow=flow)

    def log_time_within(self, eps: float, *, boundary: bool = False) -> float | None:
        """ln of `time_within`, which a law may put below t = 1."""
        size = self.constant if boundary else self.margin_constant
        if (boundary and self.limit_boundary is None) or size is None or not abs(size) > 0:
            return None
        bound, rest = abs(size) / distance(eps), self.remainder_constant or 0.0
        if rest and self.remainder_exponent is not None and self.constant:
            two = self.exponent, self.remainder_exponent
            log = _last_passage(bound, rest / self.constant, *two) - self.offset
        else:
            log = _power(bound, 1 / self.exponent) - self.offset
        return log if math.isfinite(log) else None

    @property
    def _known(self) -> bool:
        """Whether the numbers are there, so that they can be shown at once."""
        return "_numbers" not in vars(self)

    def __repr__(self) -> str:
        names = [name for name in self.__dataclass_fields__ if "shares" not in name]
        shown = [f"{name}={getattr(self, name)!r}" for name in names if name in vars(self)]
        return f"Law({', '.join(shown)}{'' if self._known else ', ...'})"

    def __str__(self) -> str:
        """The law as a formula: "x* ~ 0.5 - 0.2 / (ln t + 1.5)"."""
        if not self._known:
            power = "" if vars(self).get("exponent") == 1 else "^exponent"
            formula = f"limit_margin + constant / (ln t + offset){power}"
            return f"margin ~ {formula}, computed when asked for"
        on_line = self.limit_boundary is not None
        limit = self.limit_boundary if on_line else self.limit_margin
        name, end = "x*" if on_line else "margin", f"{math.nan if limit is None else limit:.6g}"
        terms = [(self.constant, self.exponent), (self.remainder_constant, self.remainder_exponent)]
        known = [self._term(c, power) for c, power in terms if c and power is not None]
        return f"{name} ~ {' '.join([end, *known])}" if known else f"{name} ~ {end} + o(1 / ln t)"

    def _term(self, constant: float, exponent: float) -> str:
        """One term of the formula, with its sign."""
        shift = "" if math.isnan(self.offset) else f" {_signed(self.offset)}"
        power = "" if exponent == 1 else f"^{exponent:.6g}"
        return f"{_signed(constant)} / (ln t{shift}){power}"


class Lawful:
    """A record with a law, which may be found only when it is first asked for: finding it takes a
    sixth of the time of a short run."""

    def find_law_by(self, find: Callable[[], Law | None]) -> None:
        """Let `find`, called when the law is asked for, give it; it is pickled with the record."""
        vars(self).pop("law", None)
        vars(self)["_find_law"] = find

    @property
    def finds_law(self) -> Callable[[], Law | None] | None:
        """What gives the law once it is asked for; None if it is there."""
        return vars(self).get("_find_law")

    def __getattr__(self, name: str) -> Any:
        """Reached only for what is not there yet."""
        if name != "law" or "_find_law" not in vars(self):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        vars(self)["law"] = vars(self)["_find_law"]()
        del vars(self)["_find_law"]
        return vars(self)["law"]


def _power(base: float, exponent: float) -> float:
    """base^exponent, inf beyond float64."""
    try:
        return base**exponent
    except OverflowError:
        return math.inf


def _last_passage(bound: float, rest: float, first: float, second: float) -> float:
    """The largest u > 0 at which bound * |u^-first + rest * u^-second| = 1; inf beyond float64.

    Found in x = ln u: the sum falls for ever, or where rest < 0 up to its zero and once it has
    passed its second height.
    """
    apart = second - first

    def excess(x: float) -> float:
        sum_ = abs(1 + rest * math.exp(min(-apart * x, _LARGEST)))
        return math.log(bound) - first * x + (math.log(sum_) if sum_ else -math.inf)

    low, high = -_LARGEST, _LARGEST
    if rest < 0:
        height, zero = (math.log(-rest * share) / apart for share in (second / first, 1.0))
        low, high = (height, high) if excess(height) > 0 else (low, zero)
    if excess(high) > 0:
        return math.inf
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return math.exp(high)


def _signed(value: float) -> str:
    """A term to be added: "+ 0.2" or "- 0.2"."""
    return f"{'-' if value < 0 else '+'} {abs(value):.6g}"
