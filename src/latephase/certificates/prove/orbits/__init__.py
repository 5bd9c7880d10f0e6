"""Enclosures of a run: steps, phases, and all later times."""
