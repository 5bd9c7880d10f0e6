"""What a command finds around it and hands on: width of the terminal, caches, the environment."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

_NARROWEST, _WIDEST = 80, 240  # columns in which tables and help can be read


def set_width() -> None:
    """See to it that rich and Typer, which take COLUMNS and the like as they are, can use them.

    0 and 10^6 make tables that nobody can read, and what is no number makes them fail.
    """
    columns = shutil.get_terminal_size().columns  # COLUMNS if that is a number above 0
    if "COLUMNS" in os.environ or not _NARROWEST <= columns <= _WIDEST:
        os.environ["COLUMNS"] = str(min(max(columns, _NARROWEST), _WIDEST))
    if not os.environ.get("LINES", "0").isdecimal():
        del os.environ["LINES"]
    if "TERMINAL_WIDTH" in os.environ:  # Typer's own, which it prefers
        os.environ["TERMINAL_WIDTH"] = os.environ.get("COLUMNS", str(columns))


def hush_the_tracker() -> None:
    """Let Python's tracker of semaphores, a process that outlives an interruption, clean up
    without a word: what it finds then was left on purpose."""
    before = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = ",".join(filter(None, [before, "ignore:resource_tracker"]))


def prepare_drawing() -> None:
    """Find matplotlib a place for its caches where its own cannot be written on, without a word.

    A user without a name, as in containers, has no home, which matplotlib asks for; one whose home
    is read-only reads a warning each time.  MPLBACKEND is for windows, and a wrong one an error.
    """
    import logging

    os.environ["MPLBACKEND"] = "agg"

    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    if not all(map(_can_be_written, _matplotlib_folders())):
        from latephase.store.temporary import temporary_folder

        os.environ["MPLCONFIGDIR"] = str(temporary_folder())


def _matplotlib_folders() -> list[str]:
    """Where matplotlib keeps its settings and caches; what begins with ~ has no home."""
    if "MPLCONFIGDIR" in os.environ:
        return [os.environ["MPLCONFIGDIR"]]
    places = {"XDG_CONFIG_HOME": "~/.config", "XDG_CACHE_HOME": "~/.cache"}
    return [os.path.expanduser(os.environ.get(name) or at) for name, at in places.items()]


def _can_be_written(folder: str) -> bool:
    """Whether files can be made in a folder, or the folder itself, as far as rights tell."""
    if folder.startswith("~"):
        return False
    there = next((p for p in (Path(folder), *Path(folder).parents) if p.exists()), Path(folder))
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)
