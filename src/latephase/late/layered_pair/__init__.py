"""Two neurons on two points, both layers trained: exact pieces, many trials at once."""
