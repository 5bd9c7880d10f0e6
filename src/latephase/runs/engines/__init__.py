"""What carries a run: exact pieces, modes, ordinary steps, real arithmetic."""
