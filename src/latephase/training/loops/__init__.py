"""The loops that step many trials: two of gradient descent, and one of all methods."""
