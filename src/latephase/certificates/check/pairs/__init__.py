"""The checker on two neurons on two points, output weights fixed."""
