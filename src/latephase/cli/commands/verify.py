"""`latephase verify`: check certificates by an independent program."""

from __future__ import annotations

import os
from collections import Counter

from latephase.cli import flags, printing
from latephase.cli.progress import progress
from latephase.core.shown import shortened

NAME = "verify"
HELP = "Check certificates: re-derive every claim from the file alone, by an independent program."
EXAMPLES = r"""Examples

latephase verify run.cert.json

latephase verify certs/

latephase verify run.cert.json --arithmetic rational

Exit codes: 0 valid, 1 invalid (says which claim), 2 not a certificate,
3 something could not be checked (says what). An undecided certificate
claims nothing: it is valid, with 0 claims. In a folder, each network must
also be the one of its trial and its settings, and none may be missing.
"""
_SHOWN = 20  # faults, of the many that a folder may have
_LONGEST = 400  # characters of one: the name of a file, and what is wrong in it


def command(path: flags.Certificates, arithmetic: flags.Arithmetic = "balls") -> int:
    """Verify and print."""
    from latephase.certificates.check.folder import verify_all

    with progress("verify", "files") as shown:
        found = verify_all(path, shown, os.cpu_count() or 1, arithmetic)
    faults = found.faults + [f"{name}: {x}" for name, one in found.reports for x in one.faults]
    for fault in faults[:_SHOWN]:
        printing.line("invalid", shortened(fault, _LONGEST))
    if len(faults) > _SHOWN:
        printing.line("invalid", f"and {len(faults) - _SHOWN:,} more")
    for line in found.unchecked[:_SHOWN]:
        printing.line("unknown", shortened(line, _LONGEST))
    if len(found.unchecked) > _SHOWN:
        printing.line("unknown", f"and {len(found.unchecked) - _SHOWN:,} more")
    reports = [report for _, report in found.reports]
    good, claims = sum(report.valid for report in reports), sum(report.claims for report in reports)
    text = f"{good:,} of {len(reports):,} certificates; {claims:,} claims re-derived"
    printing.line("valid", text)
    verdicts = Counter(report.verdict for report in reports if report.valid)
    if verdicts:
        counts = ", ".join(f"{count:,} {verdict}" for verdict, count in verdicts.most_common())
        printing.line("verdicts", counts)
    return 1 if faults else 3 if found.unchecked else 0
