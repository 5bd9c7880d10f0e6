"""What becomes of a run that trains both layers: whether it settles, where it leads, how fast."""
