"""Decisions in exact integers, where float64 is in doubt."""
