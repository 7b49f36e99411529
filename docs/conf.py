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
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "tellus_docs",
]
exclude_patterns = ["_build"]
source_suffix = {".md": "markdown"}

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
html_copy_source = False
html_show_sphinx = False
