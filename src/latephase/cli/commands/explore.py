"""`latephase explore`: the page to play with in a browser."""

from __future__ import annotations

from importlib.util import find_spec

from latephase.cli import flags, interrupt, printing
from latephase.cli.failures import told_warnings
from latephase.core import InputError, Words

NAME = "explore"
HELP = "Open a page in the browser: drag points and neurons, scrub the time to 10^1000."
EXAMPLES = r"""Examples

latephase explore

latephase explore --no-browser --port 8000

latephase explore --port 0

The page is served on this machine alone and asks no other one for anything;
--port 0 takes any free port. Ctrl-C ends it. What is set stands in the
address, so a page can be kept as a bookmark; Copy command has the latephase
run line that gives the same numbers.
"""
_NEEDED = ("panel", "bokeh")
_INSTALL = "python -m pip install 'latephase[explore]'"


def command(
    port: flags.Port = 5006,
    no_browser: flags.NoBrowser = False,
    address: flags.Address = "127.0.0.1",
    let_others_in: flags.LetOthersIn = False,
) -> None:
    """Serve until interrupted."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        got = Words(f"no {' and no '.join(missing)}")
        raise InputError("what the page is made with, panel and bokeh", got, f"run: {_INSTALL}")
    from latephase.explore.serve import serve

    def ready(where: str) -> None:
        opened = not no_browser and _opened(where)
        printing.line("page", where if opened else f"open {where} in a browser")
        printing.line("end", "Ctrl-C")
        interrupt.on_interruption(lambda: f"the page at {where} is closed")

    with told_warnings():
        serve(address, port, everyone=let_others_in, ready=ready)


def _opened(where: str) -> bool:
    """Whether a browser was found that shows it."""
    import os
    import sys
    import webbrowser

    if sys.platform.startswith("linux") and not _has_display(os.environ):
        return False
    try:
        return webbrowser.open(where)
    except webbrowser.Error:
        return False


def _has_display(environment: object) -> bool:
    """Whether there is a screen: without one, browsers of the terminal would take it over."""
    known = dict(environment)  # type: ignore[call-overload]
    return bool(known.get("DISPLAY") or known.get("WAYLAND_DISPLAY"))
