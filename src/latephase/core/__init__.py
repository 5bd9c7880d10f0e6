"""Nouns that every room shares: times, outcomes, records, errors.

`balls` (python-flint) is imported by name where it is needed, so that nothing else loads it.
"""

from latephase.core.errors import InputError, LatephaseError, Words
from latephase.core.log_times import log_spaced, log_times
from latephase.core.logtime import LogTime
from latephase.core.outcome import Outcome, Regime, Rigour
from latephase.core.records import Law

__all__ = [
    "InputError",
    "LatephaseError",
    "Words",
    "LogTime",
    "log_spaced",
    "log_times",
    "Outcome",
    "Regime",
    "Rigour",
    "Law",
]
