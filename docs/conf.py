"""Sphinx settings. `make docs` builds the pages into docs/_build/html."""

from importlib.metadata import version as installed_version

project = "mimocorb"
author = "The mimocorb developers"
copyright = "2026, The mimocorb developers"
release = installed_version("mimocorb")
version = release

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

napoleon_google_docstring = False
napoleon_use_rtype = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"

# Building must not depend on a network: types of other projects are shown, not linked.
nitpick_ignore_regex = [
    (r"py:.*", r"(np|numpy|npt|collections|pathlib|multiprocessing|typing|asyncio)(\..*)?"),
]

html_theme = "furo"
html_title = f"mimocorb {release}"
