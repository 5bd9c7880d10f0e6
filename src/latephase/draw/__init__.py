"""Pictures of what was found: runs, limits, ensembles, comparisons; matplotlib stays in here.

A picture is described first, as `Panel`s of `Series` (numbers and words, in `experiments.bench`),
and then drawn on axes: `panels` does that, for the pictures and for the report.
"""
