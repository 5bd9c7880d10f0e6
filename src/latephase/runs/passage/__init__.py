"""From when on a run stays within a distance of its limit."""
