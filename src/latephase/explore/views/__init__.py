"""The panels of the page: each a Bokeh figure that is told what to show, and what was dragged."""
