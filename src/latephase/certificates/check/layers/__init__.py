"""The checker on two neurons on two points, both layers trained."""
