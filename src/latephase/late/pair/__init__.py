"""Two neurons on two points: exact pieces, many trials at once."""
