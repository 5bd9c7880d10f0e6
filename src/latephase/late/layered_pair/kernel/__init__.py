"""Orbits and steps of pairs whose layers are both trained, where there was a compiler."""
