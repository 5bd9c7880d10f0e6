"""Probabilities over the initialisation."""
