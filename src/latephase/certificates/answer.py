"""What certificates of every kind have: the question, the verdict, the proof, and their file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from latephase.certificates.file.record import save
from latephase.certificates.prove.proof import Proof
from latephase.certificates.prove.settled.proof import GeneralProof
from latephase.certificates.verdict import Verdict
from latephase.core import InputError, LogTime, Words
from latephase.core.calls import public
from latephase.core.records import Summarised
from latephase.problem import Dataset, ShallowReLU
from latephase.problem.methods import Method

LATEST = 1e12  # ln t: beyond, the logarithm of t in float64 says too little of t
P = TypeVar("P", Proof, GeneralProof)


@public
@dataclass(frozen=True, repr=False)
class Answer(Summarised, Generic[P]):
    """What was asked of a run, and what is proved of it; the attributes are those of `Certificate`.

    Final classes add `lines` and `system`, which the file is written from.
    """

    network: ShallowReLU
    data: Dataset
    method: Method
    claim: str
    verdict: Verdict
    reason: str
    proof: P | None
    loss: str = "exponential"

    @property
    def system(self) -> object:
        """The problem as exact rational numbers."""
        raise NotImplementedError

    def save(self, path: object, *, force: bool = False) -> Path:
        """Write the certificate file, complete or not at all; `latephase verify` checks it.

        Raises
        ------
        InputError
            Where it cannot be written, or something else stands there (no `force`).
        """
        return save(self, path, force=force)  # type: ignore[arg-type]

    def _proved(self, time: LogTime, first: int = 0) -> P:
        """The proof, of which something is asked at a time.

        Raises InputError where there is none, and for times before `first` or too late.
        """
        if self.proof is None:
            got = Words(f"one that is undecided ({self.reason})")
            raise InputError("a certificate with a proof", got, "see its verdict")
        if time.log > LATEST or (time.value is not None and time.value < first):
            expected = (
                f"a time from {first} to e^{LATEST:g}" if first else f"a time up to e^{LATEST:g}"
            )
            raise InputError(expected, Words(time.text), "ask for another one")
        return self.proof
