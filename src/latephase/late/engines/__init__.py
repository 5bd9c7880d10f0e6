"""What carries a run, a file each: exact pieces, modes, single steps, rounded steps."""
