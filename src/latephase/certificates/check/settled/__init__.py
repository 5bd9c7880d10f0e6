"""The checker on any network that has settled."""
