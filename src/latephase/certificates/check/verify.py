"""The independent checker of certificate files: it derives every claim again.

To be read beside docs/certificates.md, from which it was written, with `form` (the file) and
`balls`, which has a folder for each kind of run. None of them shares code with what writes the
files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from latephase.certificates.check.form import Body, NotACertificate, Uncheckable, faults, read
from latephase.core.calls import public
from latephase.core.errors import InputError

__all__ = ["ARITHMETICS", "NotACertificate", "Report", "Uncheckable", "verify"]

ARITHMETICS = "balls", "rational"


@dataclass(frozen=True)
class Report:
    """What came of checking one file.

    Attributes
    ----------
    valid, faults
        Whether nothing is wrong, and a line for each thing that is.
    claims
        How many claims were derived again.
    claim, verdict, regime
        What the file says: the question, its answer, and how the run ends.
    unchecked
        Why nothing of it was checked, empty where it was; of a folder's certificates.
    """

    valid: bool
    faults: tuple[str, ...]
    claims: int
    claim: str
    verdict: str
    regime: str | None
    unchecked: str = ""


@public
def verify(source: str | bytes | Path | Body, *, arithmetic: str = "balls") -> Report:
    """Derive the claims of a certificate again, by a program that shares nothing with `certify`.

    Parameters
    ----------
    source
        The JSON of a certificate, the path of its file, or the object.
    arithmetic
        "balls", those of Arb; or "rational", integers and fractions of Python alone, thirty times
        as slow: of two neurons on two points, fixed output weights, x1 x2 <= -1.

    Returns
    -------
    Report
        A line for everything that is wrong; valid if there is none.

    Raises
    ------
    InputError
        `NotACertificate`, on what is none or cannot be checked in reasonable time; `Uncheckable`,
        on a certificate that the arithmetic does not check.

    Notes
    -----
    Rigour: proved, at more bits than the file's.  Source: docs/certificates.md.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> data = lp.Dataset([1.0, -1.0], [1, -1])
    >>> net = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2])
    >>> proof = lp.certify(net, data, lp.GradientDescent(0.1))
    >>> with TemporaryDirectory() as folder:
    ...     report = lp.verify(proof.save(Path(folder) / "run.cert.json"))
    >>> report.valid, report.claims
    (True, 9)
    """
    derived = derivation(arithmetic)
    body, numbers = read(source)
    held, wrong = derived(body)
    lines = (*faults(body, numbers), *wrong)
    regime = next((c["regime"] for c in body["claims"] if c["kind"] == "absorbed"), None)
    return Report(not lines, lines, held, body["claim"], body["verdict"], regime)


def derivation(arithmetic: str) -> Callable[[Body], tuple[int, list[str]]]:
    """What derives claims again; each loads its own numbers only."""
    if arithmetic == "balls":
        from latephase.certificates.check import balls

        return balls.derived
    if arithmetic == "rational":
        from latephase.certificates.check.rational import claims

        return claims.derived
    raise InputError("an arithmetic", arithmetic, f"use one of {', '.join(ARITHMETICS)}")
