"""The command `latephase`: its commands, and what every one of them does when it ends."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from latephase.cli import failures, interrupt, streams
from latephase.cli.commands import certify, compare, ensemble, predict, reproduce, run, verify

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
for _command in (reproduce, run, predict, ensemble, compare, certify, verify):
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


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `latephase` with the arguments (those of the process by default) and exit.

    Exit codes: 0 done, 1 unforeseen or the reader of the output went away, 2 bad input,
    3 undecided, 4 refuted, 130 interrupted.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    streams.prepare()
    with interrupt.guarded():
        code = _exit_code(given)
    sys.exit(code)


def _exit_code(arguments: list[str]) -> int:
    """Run the command; every ending but success is told in one line on stderr."""
    try:
        done: Any = app(args=arguments, prog_name="latephase", standalone_mode=False)
        sys.stdout.flush()  # here, so that a closed pipe is met here and not while Python exits
        code = done if isinstance(done, int) else 0
    except (KeyboardInterrupt, typer.Abort):  # Typer turns Ctrl-C into Abort or into the code 130
        code = interrupt.EXIT_CODE
    except BrokenPipeError:  # the reader went away (`| head`): what is still to come goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return failures.UNFORESEEN
    except Exception as error:  # the last resort: whatever it is, the user gets one line
        return failures.tell(error, failures.wants_traceback(arguments))
    if code == interrupt.EXIT_CODE:
        interrupt.tell()
    return code
