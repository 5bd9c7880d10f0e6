"""The checker on gradient flows on any two points."""
