"""Remedies compared on one clock, one file each."""
