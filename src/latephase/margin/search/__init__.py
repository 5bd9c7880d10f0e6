"""The nearest zero of a network of several inputs: cells of its arrangement, searched exactly."""
