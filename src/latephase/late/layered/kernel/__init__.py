"""Modes of networks whose two layers are trained, followed in machine code."""
