"""What is proved: certificates of runs in ball arithmetic, and their independent checker.

The room is itself callable: `latephase.certify(...)` is the function `certify` below, whichever of
the two names was imported first.
"""

import sys
from inspect import signature
from types import ModuleType

from .certificate import Certificate, certify
from .verdict import Verdict

__all__ = ["Certificate", "Verdict", "certify"]


class _Room(ModuleType):
    """A module that is called like the function it is named after."""

    __call__ = staticmethod(certify)


sys.modules[__name__].__class__ = _Room
__signature__ = signature(certify)  # for help and editors
