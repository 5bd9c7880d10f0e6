"""Both layers trained: the walk, the sandwich of each margin, and all later times."""
