"""`latephase verify`: check certificates by an independent program."""

from __future__ import annotations

import os
from collections import Counter

from latephase.cli import flags, printing
from latephase.cli.progress import progress

NAME = "verify"
HELP = "Check certificates: re-derive every claim from the file alone, by an independent program."
EXAMPLES = r"""Examples

latephase verify run.cert.json

latephase verify certs/

Exit codes: 0 valid, 1 invalid (says which claim), 2 not a certificate.
An undecided certificate claims nothing: it is valid, with 0 claims. In a
folder, each network must also be the one of its trial and its settings.
"""
_SHOWN = 20  # faults, of the many that a folder may have


def command(path: flags.Certificates) -> int:
    """Verify and print."""
    from latephase.certificates.check.folder import verify_all

    with progress("verify", "files") as shown:
        found = verify_all(path, shown, os.cpu_count() or 1)
    faults = [f"{name}: {fault}" for name, report in found for fault in report.faults]
    for fault in faults[:_SHOWN]:
        printing.line("invalid", fault)
    if len(faults) > _SHOWN:
        printing.line("invalid", f"and {len(faults) - _SHOWN:,} more")
    good = sum(report.valid for _, report in found)
    total = sum(name != "settings.json" for name, _ in found)
    verdicts = Counter(report.verdict for _, report in found if report.valid)
    claims = sum(report.claims for _, report in found)
    printing.line("valid", f"{good:,} of {total:,} certificates; {claims:,} claims re-derived")
    if verdicts:
        counts = ", ".join(f"{count:,} {verdict}" for verdict, count in verdicts.most_common())
        printing.line("verdicts", counts)
    return 1 if faults else 0
