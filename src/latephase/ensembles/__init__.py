"""Many runs: ensembles of networks drawn from an initializer, in memory or in a store."""

from .run import ensemble

__all__ = ["ensemble"]
