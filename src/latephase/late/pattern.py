"""Activation patterns: what a neuron is at a point, in the words that both engines share."""

from __future__ import annotations

INACTIVE, ACTIVE, SLIDING = 0, 1, 2
