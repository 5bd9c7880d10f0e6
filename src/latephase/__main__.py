"""`python -m latephase` is the command `latephase`."""

from __future__ import annotations

from latephase.cli import main

if __name__ == "__main__":
    main()
