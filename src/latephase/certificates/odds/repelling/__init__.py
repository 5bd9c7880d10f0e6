"""The same for two points with x1 x2 < -1: gradient descent on whole boxes of networks."""
