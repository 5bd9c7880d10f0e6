"""How results are kept on disk: output directories that are never half-written, and provenance."""
