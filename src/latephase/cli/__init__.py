"""The command line: arguments and printing, nothing else.

NumPy, JAX, xarray and matplotlib are loaded only when a command runs.
"""

from latephase.cli.app import main

__all__ = ["main"]
