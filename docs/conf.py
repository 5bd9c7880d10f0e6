"""The documentation site, by Sphinx: `make docs`.  Nothing is fetched, at build time or by readers.

The Markdown pages here are written by hand and read as plain files, too.  `extensions/` makes
`generated/` of what stands elsewhere: pages of the root, the claims, the bibliography, and
examples with their pictures.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import latephase

HERE = Path(__file__).parent
for talkative in ("jax", "traitlets"):  # they say what they do, on each page
    logging.getLogger(talkative).setLevel(logging.WARNING)
sys.path.insert(0, str(HERE / "extensions"))

import pictures  # noqa: E402

project = "latephase"
author = "The latephase developers"
copyright = author
version = release = latephase.__version__
html_title = f"latephase {version}"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_gallery.gen_gallery",
    "accessible",
    "docstrings",
    "generated_pages",
    "local_only",
    "mathml",
]
exclude_patterns = ["examples", "**/*.py", "generated/gallery/*.ipynb"]
nitpicky = True
# What docstrings put in backticks is a link where there is a page of that name, else code.
default_role = "py:obj"
nitpick_ignore_regex = [("py:(obj|class)", ".*")]

# Pages. Anchors are those that hosts of repositories make of headings.
myst_enable_extensions = ["attrs_inline", "dollarmath"]
myst_heading_anchors = 4
suppress_warnings = ["config.cache"]  # a function in this file, which Sphinx cannot compare
html_math_renderer = "mathml"
smartquotes_action = "D"  # dashes alone: relu'(0) is no quotation

# Notebooks are run from their first cell to their last, or there is no site.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_merge_streams = True
nb_output_stderr = "remove"  # bars of progress

# The reference: what a name's docstring says, in the order of the source.
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_default_options = {
    # Public for other rooms, and not promised.
    "exclude-members": "lines, later, problem, flow, followed, system, summed, parted, points, "
    "preactivations, biases_or_zeros, is_plain, with_parameters, init, step, ahead, check, name, "
    "discrete, spans, has_late_phase, follows_flow, flow_step, log_step, clock",
}
napoleon_google_docstring = False
napoleon_use_param = False
napoleon_use_rtype = False
napoleon_custom_sections = [("Attributes", "params_style")]
python_maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"
autosummary_generate = False

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "generated/gallery",
    "filename_pattern": r"\.py$",
    "image_scrapers": (pictures.scraper,),
    "reset_modules": (),
    "within_subsection_order": "FileNameSortKey",
    "capture_repr": ("_repr_html_",),
    "download_all_examples": False,
    "show_memory": False,
    "write_computation_times": False,
    "show_signature": False,
    "min_reported_time": 1e9,
    "abort_on_example_error": True,
}

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#00598c",
        "color-brand-content": "#00598c",
    },
    "dark_css_variables": {
        "color-brand-primary": "#6fc1f0",
        "color-brand-content": "#6fc1f0",
    },
}
