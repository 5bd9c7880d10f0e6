"""The checker once more, in integers and fractions of the standard library alone."""
