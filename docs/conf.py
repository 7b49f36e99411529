"""Sphinx's configuration; `make docs` builds the site into docs/_build/html."""

import sys
from pathlib import Path

import tellus

sys.path.insert(0, str(Path(__file__).parent))

project = "Tellus"
author = "The Tellus developers"
copyright = author
release = tellus.__version__

extensions = [
    "mathml",
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "tellus_docs",
]
exclude_patterns = ["_build"]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
# Notebooks are committed with their outputs: `make notebooks` runs them.
nb_execution_mode = "off"
nb_merge_streams = True
html_math_renderer = "mathml"

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "none"
# Single backticks in docstrings are code, as numpydoc has it.
default_role = "code"
napoleon_google_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = f"Tellus {release}"
html_static_path = ["_static"]
html_css_files = ["tellus.css"]
html_copy_source = False
html_show_sphinx = False
