"""Any shallow network from start to horizon: ordinary steps and modes in turn."""
