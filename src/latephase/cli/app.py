"""The command `latephase`: its commands, and what every one of them does when it ends."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from latephase.cli import failures, interrupt, streams, surroundings
from latephase.cli.commands import (
    certify,
    compare,
    ensemble,
    explore,
    predict,
    reproduce,
    run,
    sweep,
    verify,
)

_EPILOG = r"""Examples

latephase reproduce

latephase run --inputs 1,-1 --labels 1,-1 --weights 0.7,-0.4 \
  --biases 0.1,0.2 --step-size 0.1 --until 1e1000

latephase COMMAND --help
"""


class _Examples:
    """Examples that can be copied out of `--help`: printed as they stand, below what Typer prints.

    Typer pads lines to the width of the terminal, and a backslash before a space continues nothing.
    """

    epilog: str | None

    def format_help(self, context: Any, formatter: Any) -> None:
        for parameter in self.get_params(context):  # type: ignore[attr-defined]
            if getattr(parameter, "is_flag", False):
                parameter.metavar = ""  # Typer writes "--json <bool>", as if a value came behind
        examples, self.epilog = self.epilog, None
        super().format_help(context, formatter)  # type: ignore[misc]
        self.epilog = examples
        formatter.write("\n" + textwrap.indent(examples or "", " "))


class _Command(_Examples, TyperCommand):
    pass


class _Group(_Examples, TyperGroup):
    pass


app = typer.Typer(
    name="latephase",
    cls=_Group,
    help="What gradient descent converges to, and how fast, to t = 10^1000 and beyond.",
    epilog=_EPILOG,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for _command in (reproduce, run, predict, ensemble, sweep, compare, certify, verify, explore):
    _made = app.command(_command.NAME, cls=_Command, help=_command.HELP, epilog=_command.EXAMPLES)
    _made(_command.command)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"latephase {sys.modules['latephase'].__version__}")
        raise typer.Exit()


@app.callback(invoke_without_command=True)
def _latephase(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    traceback: Annotated[
        bool,
        typer.Option(
            "--traceback", help=f"Show where an unforeseen error was ({failures.SWITCH})."
        ),
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def exit_code(arguments: Sequence[str] | None) -> int:
    """Run the command; every ending but success is told in one line on stderr."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    streams.prepare()
    surroundings.set_width()
    surroundings.hush_the_tracker()
    try:
        with interrupt.raised():
            done: Any = app(args=given, prog_name="latephase", standalone_mode=False)
        code = done if isinstance(done, int) else 0
    except BaseException as error:
        # Whatever an interruption has broken on its way out, the signal is why.
        if interrupt.received() or isinstance(error, KeyboardInterrupt | typer.Abort):
            code = interrupt.exit_code()
        elif isinstance(error, Exception):  # the last resort: whatever it is, one line
            return failures.tell(error, failures.wants_traceback(given))
        else:
            raise
    if interrupt.received() or code == interrupt.exit_code():  # Typer's own code for Ctrl-C
        interrupt.tell()
        return interrupt.exit_code()
    interrupt.on_interruption(lambda: "after all was done")
    lost = streams.lost()
    return failures.tell_lost(lost, given) if lost and not code else code
