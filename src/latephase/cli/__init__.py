"""The command line: arguments and printing, nothing else.

NumPy, JAX, xarray and matplotlib are loaded only when a command runs, and nothing that takes its
time before Ctrl-C is seen to.
"""

from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `latephase` with the arguments (those of the process by default) and exit.

    Exit codes: 0 done, 1 unforeseen or standard output that takes no more, 2 bad input,
    3 undecided, 4 refuted, 130 interrupted (by SIGTERM 143, by SIGHUP 129).
    Without arguments the process is the command's own: it answers signals to the very end.
    """
    import _signal  # type: ignore[import-not-found]  # `signal` takes a while to make its enums

    if hasattr(_signal, "pthread_sigmask"):  # held back until `guarded` can answer them
        held = {_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP}
        _signal.pthread_sigmask(_signal.SIG_BLOCK, held)
    from latephase.cli import interrupt

    with interrupt.guarded(to_the_end=arguments is None):
        from latephase.cli.app import exit_code

        code = exit_code(arguments)
    raise SystemExit(code)
