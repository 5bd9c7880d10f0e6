"""What is proved: certificates of runs in ball arithmetic, and their independent checker."""

from .certificate import Certificate, certify
from .verdict import Verdict

__all__ = ["Certificate", "Verdict", "certify"]
