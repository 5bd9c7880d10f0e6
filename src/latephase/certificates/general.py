"""Certificates of any network that has settled: what `certify` gives beyond two neurons."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from latephase.certificates.answer import Answer
from latephase.certificates.file.numbers import Bounds, outward, rounded_outward
from latephase.certificates.prove.settled.proof import GENERAL_CLAIMS, GeneralProof, prove_settled
from latephase.certificates.prove.settled.system import GeneralSystem
from latephase.certificates.prove.settled.tail import Range
from latephase.certificates.prove.settled.walk import Progress
from latephase.certificates.verdict import Undecided, Unprovable, Verdict
from latephase.core import InputError, LogTime, Words
from latephase.core.balls import arb, exact, plus_minus, precision
from latephase.core.calls import public
from latephase.core.shown import time_up
from latephase.problem import Dataset, ShallowReLU
from latephase.problem.methods import Method


@public
@dataclass(frozen=True, repr=False)
class GeneralCertificate(Answer[GeneralProof]):
    """What is proved about one run of any network that has settled; see `latephase.certify`.

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
    Source: docs/certificates-general.md.

    Examples
    --------
    >>> data = lp.Dataset([1.0, -1.0], [1, -1])
    >>> net = lp.ShallowReLU([0.7, -0.4, 0.3], [0.1, 0.2, 0.1], [1.0, -1.0, 1.0])
    >>> proof = lp.certify(net, data, lp.GradientDescent(0.1))
    >>> lower, upper = proof.normalised_limit
    >>> print(f"{lower:.10f}", lower <= upper)
    1.1547005384 True
    """

    def lines(self) -> list[str]:
        """The verdict and why; entry, limit and constant where they are proved."""
        lines = [f"{self.claim}: {self.verdict}; {self.reason}"]
        if self.entry_step is not None:
            last = time_up(LogTime.parse(self.entry_step).text)
            slides = f", {len(self.kinks)} of its kinks sliding," if self.kinks else ""
            lines.append(f"its pattern{slides} is the same from t = {last} on")
        if self.limit_margin is not None:
            least, most = rounded_outward(*self.limit_margin, 10)
            lines.append(f"{least} <= limit of the robustness margin <= {most}")
        if self.margin_constant is not None:
            least, most = rounded_outward(*self.margin_constant, 10)
            lines.append(f"limit - margin ~ C / ln t, {least} <= C <= {most}")
        return lines

    @cached_property
    def system(self) -> GeneralSystem:
        """The problem as exact rational numbers."""
        return GeneralSystem.of(self.network, self.data, self.method, self.loss)

    @property
    def trained(self) -> bool | None:
        """Whether the loss tends to 0; None where nothing is proved."""
        return None if self.proof is None else self.proof.trained

    @property
    def entry_step(self) -> int | None:
        """The step of the last change of the pattern, but for signs of kinks that slide."""
        return self.proof.settled.since if self.proof else None

    @property
    def kinks(self) -> tuple[tuple[int, int], ...]:
        """Neurons and points, from 0, whose pre-activation slides; () where nothing is proved."""
        return self.proof.settled.kinks if self.proof else ()

    @property
    def base(self) -> int | None:
        """The step from which on all later ones are enclosed."""
        return self.proof.settled.base if self.proof else None

    @property
    def multipliers(self) -> tuple[Bounds, ...] | None:
        """(lower, upper) of each point's multiplier in the limit; (0, 0) off the support."""
        if self.proof is None:
            return None
        with precision(self.proof.bits):
            return tuple(outward(arb(x)) for x in self.proof.settled.limit.multipliers)

    @property
    def normalised_limit(self) -> Bounds | None:
        """(lower, upper) of the limit of min_i y_i N(x_i) / |theta|; (0, 0) if a point is idle."""
        if self.proof is None:
            return None
        with precision(self.proof.bits):
            return outward(1 / self.proof.settled.length if self.proof.trained else arb(0))

    @property
    def limit_margin(self) -> Bounds | None:
        """(lower, upper) of the limit of the robustness margin; None where it is not found."""
        return self._of_law("limit")

    @property
    def margin_constant(self) -> Bounds | None:
        """(lower, upper) of C, limit_margin - margin(t) ~ C / ln t; None where it is not found."""
        return self._of_law("constant")

    @property
    def rates(self) -> list[tuple[Decimal, Decimal, LogTime]]:
        """(lower, upper, since): lower <= (limit_margin - margin(t)) ln t <= upper for all
        t >= since; the earliest found, and from 10^1000."""
        if self.proof is None:
            return []
        with precision(self.proof.bits):
            return [
                (outward(x.lower)[0], outward(x.upper)[1], LogTime.from_log(x.log_from))
                for x in self.proof.rates()
            ]

    def margins(self, t: object) -> tuple[Bounds, ...]:
        """(lower, upper) of y_i N(x_i) of each point at time t.

        Parameters
        ----------
        t
            A time as in `simulate`'s `at`, from `base` on, ln t <= 1e12.

        Raises
        ------
        InputError
            For times that cannot be read or are too early, and where nothing is proved.
        """
        proof, when = self._when(t)
        with precision(proof.bits):
            return tuple(outward(u) for u in proof.settled.margins_in(when))

    def normalised_margin(self, t: object) -> Bounds:
        """(lower, upper) of min_i y_i N(x_i) / |theta| at time t.  As `margins`."""
        proof, when = self._when(t)
        with precision(proof.bits):
            return outward(proof.settled.normalised_margin(when))

    def robustness_margin(self, t: object) -> Bounds | None:
        """(lower, upper) of the robustness margin at time t, in input units; None where it is not
        enclosed.  As `margins`."""
        proof, when = self._when(t)
        with precision(proof.bits):
            found = proof.robustness_margin(when)
            return None if found is None else outward(found)

    def _of_law(self, name: str) -> Bounds | None:
        if self.proof is None or self.proof.law is None:
            return None
        with precision(self.proof.bits):
            return outward(getattr(self.proof.law, name))

    def _when(self, t: object) -> tuple[GeneralProof, Range]:
        time = LogTime.parse(t, name="t")
        proof = self._proved(time, self.base or 0)
        with precision(proof.bits):
            if time.value is not None:
                return proof, proof.settled.at(exact(time.value))
            near = exact(time.log)
            return proof, proof.settled.at((near + plus_minus(near / 2**50)).exp())


def certify_general(
    network: ShallowReLU,
    data: Dataset,
    method: Method,
    loss: str,
    claim: str,
    bits: int,
    max_bits: int,
    max_steps: int,
    progress: Progress | None,
) -> GeneralCertificate:
    """`certify` of what is no pair.  Raises InputError."""
    if claim not in GENERAL_CLAIMS:
        got = Words(f"{claim!r}, which is said of two neurons on two points")
        raise InputError(
            "a claim about any network", got, f"use one of {', '.join(GENERAL_CLAIMS)}"
        )
    system = GeneralSystem.of(network, data, method, loss)

    def found(verdict: Verdict, reason: str, proof: GeneralProof | None) -> GeneralCertificate:
        return GeneralCertificate(network, data, method, claim, verdict, reason, proof, loss)

    try:
        proof = prove_settled(system, bits, max_bits, max_steps, progress)
        with precision(proof.bits):
            shown = proof.shows(claim)
    except (Undecided, Unprovable) as open_question:
        return found(Verdict.UNDECIDED, str(open_question), None)
    if shown is None:
        return found(Verdict.UNDECIDED, "whether the constant of the margin's law is zero", None)
    return found(Verdict.PROVED if shown else Verdict.REFUTED, proof.argument, proof)
