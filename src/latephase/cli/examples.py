"""`--help` whose examples can be copied: printed as they stand, below what Typer makes of the rest.

Typer pads what it prints to the width of the terminal, and a backslash before a space continues
nothing.
"""

from __future__ import annotations

import textwrap
from typing import Any

from typer.core import TyperCommand, TyperGroup


class _Examples:
    """The epilog, put aside while Typer prints, and flags without a type."""

    epilog: str | None

    def format_help(self, context: Any, formatter: Any) -> None:
        for parameter in self.get_params(context):  # type: ignore[attr-defined]
            if getattr(parameter, "is_flag", False):
                parameter.metavar = ""  # Typer writes "--json <bool>", as if a value came behind
        examples, self.epilog = self.epilog, None
        super().format_help(context, formatter)  # type: ignore[misc]
        self.epilog = examples
        formatter.write("\n" + textwrap.indent(examples or "", " "))


class Command(_Examples, TyperCommand):
    """A command with examples as its epilog."""


class Group(_Examples, TyperGroup):
    """The program with examples as its epilog."""
