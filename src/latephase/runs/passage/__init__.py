"""From when on a run stays within a distance of its limit.

`when` asks, `deviation` (any network) and `pair_deviation` (closed forms) know how far a run is
off, `last_passage` looks for the time on the run itself.
"""
