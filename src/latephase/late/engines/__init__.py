"""What carries a run, one file for each engine: exact pieces, modes, single steps, arithmetic."""
