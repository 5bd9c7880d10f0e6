"""Methods that are stepped, one file for each family; `table` knows them by name."""
