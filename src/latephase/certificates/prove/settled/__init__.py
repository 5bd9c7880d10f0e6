"""Proofs about any network that has settled: its steps in balls, its limit, all later times."""
