"""A certificate of two neurons on two points: what is proved of them, at any time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from latephase.certificates.file.numbers import Bounds, outward, rounded_outward
from latephase.certificates.prove.layered.system import stated
from latephase.certificates.prove.proof import Proof, proved_rate
from latephase.certificates.prove.system import System
from latephase.certificates.prove.tails.rate import constant
from latephase.core import InputError, LogTime, Regime, Words
from latephase.core.balls import exact, precision, whole_part
from latephase.core.calls import public
from latephase.core.pictures import Pictured
from latephase.core.shown import time_up

from .answer import Answer
from .prove import trace
from .verdict import Undecided

MOST_WRITTEN = 2e4  # ln t up to which times are exact integers


@public
@dataclass(frozen=True, repr=False)
class Certificate(Answer[Proof], Pictured):
    """What is proved about one run; see `latephase.certify`.

    Attributes
    ----------
    network, data, method, claim
        What was asked.
    verdict, reason
        PROVED, REFUTED or UNDECIDED, and why, in words.
    proof
        All that is proved, None where nothing is.
    loss
        By its name.

    Notes
    -----
    Enclosures are pairs of decimals (lower, upper), rounded outward.  Rigour: proved.

    Examples
    --------
    >>> data = lp.Dataset([1.0, -1.0], [1, -1])
    >>> net = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2])
    >>> proof = lp.certify(net, data, lp.GradientDescent(0.1))
    >>> lower, upper = proof.deficit("1e1000")
    >>> lower <= upper
    True
    >>> print(f"{upper:.10f}")
    0.0000869045
    """

    _card = "cards.certificate"

    def __repr__(self) -> str:
        regime = self.regime.name if self.regime else "no regime"
        return f"<Certificate: {self.claim}: {self.verdict}, {regime}; {self.reason}>"

    def lines(self) -> list[str]:
        """The verdict and why; entry, constant and rate where they are proved."""
        head = repr(self).removeprefix("<Certificate: ").removesuffix(">")
        lines, constant, rate = [head], self.constant, self.rate
        if self.entry_step is not None:
            lines.append(f"in it from t = {time_up(LogTime.parse(self.entry_step).text)} on")
        if constant is not None:
            lines.append("{} <= C <= {}".format(*rounded_outward(*constant, 10)))
        if rate is not None:
            least, most = rounded_outward(*rate[:2], 6)
            bounds = f"{least} <= |x*(t) - limit| * {rate[3]} <= {most}"
            lines.append(f"{bounds} for all t >= {time_up(rate[2].text)}")
        return lines

    @cached_property
    def system(self) -> System:
        """The problem as exact rational numbers, in canonical order."""
        return stated(self.network, self.data, self.method, self.loss)

    @property
    def regime(self) -> Regime | None:
        """The regime that the run is proved to end in."""
        return self.proof.regime if self.proof else None

    @property
    def entry_step(self) -> int | None:
        """The first step in that regime (slides: from which it is proved); an exact integer.

        Gradient flow: the first whole time after the entry.
        """
        return self.proof.entry if self.proof else None

    @cached_property
    def constant(self) -> Bounds | None:
        """(lower, upper) of the constant C of the law, in input units; (0, 0) if exactly zero.

        None without a law.
        """
        if self.proof is None or self.proof.tail is None:
            return None
        with precision(self.proof.bits):
            return outward(constant(self.proof.tail))

    @property
    def limit_boundary(self) -> Bounds | None:
        """(lower, upper) of the limit of x*, None without a law."""
        if self.proof is None or self.proof.tail is None:
            return None
        with precision(self.proof.bits):
            return outward(exact(self.system.limit_boundary))

    @property
    def rate(self) -> tuple[Decimal, Decimal, LogTime, str] | None:
        """(lower, upper, since, clock): lower <= |x*(t) - limit| * clock(t) <= upper for all
        t >= since, where clock is "ln t", or "t ln t" or "t" where C = 0; "sqrt(ln t)" with both
        layers trained.  None without a law."""
        if self.proof is None or self.proof.rate is None:
            return None
        found, flow = self.proof.rate, self.system.step is None
        # The first step (flow: a time) whose logarithm is at least log_from.
        since = LogTime.from_log(found.log_from * (1 + 2**-50), flow=flow)
        if not flow and found.log_from < MOST_WRITTEN:
            with precision(128 + int(2 * found.log_from)):
                whole = whole_part(-exact(found.log_from).exp())
            since = since if whole is None else LogTime.parse(-whole)
        return outward(found.lower)[0], outward(found.upper)[1], since, found.clock

    def rate_from(self, t: object) -> tuple[Decimal, Decimal, LogTime, str] | None:
        """As `rate`, with the constants that hold from time t on: the later, the tighter.

        Raises
        ------
        InputError
            Where none are proved from t on: before `rate`'s own time, mostly.
        """
        if self.proof is None or self.proof.tail is None:
            return None
        since = self._time(t)
        try:
            with precision(self.proof.bits):
                found = proved_rate(self.proof.tail, max(since.log, 0.0) * (1 - 2**-50))
        except Undecided:
            raise InputError(
                "a time from which a rate is proved", Words(since.text), "take a later one"
            ) from None
        return outward(found.lower)[0], outward(found.upper)[1], since, found.clock

    def deficit(self, t: object) -> Bounds:
        """(lower, upper) of the margin deficit at time t, in input units.

        Parameters
        ----------
        t
            A time as in `simulate`'s `at`, ln t <= 1e12.

        Raises
        ------
        InputError
            For times that cannot be read, and where nothing is proved about the run.

        Notes
        -----
        About 30 digits are known up to t = 10^10000, 15 beyond, where only ln t is known; with both
        layers trained, 5 at 10^6 and 8 at 10^1000.
        """
        return self._enclosed(lambda *at: trace.deficit(*at).nonnegative_part(), t)

    def boundary(self, t: object) -> Bounds | None:
        """(lower, upper) of x* at time t; None unless both neurons are proved to be active there.

        As `deficit`.
        """

        return self._enclosed(trace.boundary, t)

    def preactivations(self, t: object) -> tuple[tuple[Bounds, Bounds], tuple[Bounds, Bounds]]:
        """(lower, upper) of a_ji at time t in canonical order: neuron of output weight +1 first (of
        two trained layers, of the larger one at the start), point labelled +1 first.  As `deficit`;
        raises InputError late in a run with one dead neuron for x1 x2 > -1 or two trained layers,
        where the survivor is followed step by step only."""

        return self._enclosed(trace.preactivations, t)

    def output_weights(self, t: object) -> tuple[Bounds, Bounds]:
        """(lower, upper) of v_j at time t, in the same order; 1 and -1 where they are fixed.

        As `preactivations`."""
        return self._enclosed(trace.output_weights, t)

    def _time(self, t: object) -> LogTime:
        return LogTime.parse(t, flow=self.system.step is None, name="t")

    def _enclosed(self, traced: Callable[[System, Proof, LogTime], Any], t: object) -> Any:
        """Bounds of what is traced at time t, at the precision of the proof."""
        time = self._time(t)
        proof = self._proved(time)
        try:
            with precision(proof.bits):
                return _bounds(traced(self.system, proof, time))
        except Undecided as question:
            expected = "a time at which everything is decided"
            raise InputError(expected, Words(f"{time.text}: {question}"), "take another") from None


def _bounds(traced: Any) -> Any:
    """A ball, None, or nested pairs of balls, as bounds."""
    if isinstance(traced, tuple):
        return tuple(map(_bounds, traced))
    return None if traced is None else outward(traced)
