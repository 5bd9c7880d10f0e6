"""All later times: what holds for ever of a run, and its law."""
