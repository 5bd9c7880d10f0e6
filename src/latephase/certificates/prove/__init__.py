"""What is proved of a run, in balls, and its trace at any time."""
