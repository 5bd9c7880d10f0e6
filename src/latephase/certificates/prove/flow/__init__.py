"""Gradient flow on any two points: its modes in closed form, from the start to the last one."""
