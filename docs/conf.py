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
    "numpydoc",
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

numpydoc_show_class_members = False
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_type_aliases = {name: name for name in ("ArrayLike", "DTypeLike", "NDArray", "Setups")}
autodoc_type_aliases["Observer"] = "mimocorb.mimo_buffer.Observer"  # there are others of this name

# Types of other projects and of the inside are shown, not linked: building needs no network.
# several classes have an attribute event_count
suppress_warnings = ["ref.python"]
nitpick_ignore_regex = [
    (
        r"py:.*",
        r"(np|numpy|npt|os|scipy|collections|pathlib|multiprocessing|typing|asyncio)(\..*)?",
    ),
    (
        r"py:.*",
        r"ArrayLike|DTypeLike|NDArray|Setups|Worker|EndOfStream|LedgerDoesNotBalance"
        r"|TypeAliasForwardRef|Joined|Numbers|Limits|Places|MetadataRows|Scope"
        r"|types\.Annotated|seconds|WaveformDisplay|pyarrow\..*|pandas\..*|awkward\..*|datetime\..*"
        # what lies below the documented modules
        r"|mimocorb\.(_.*|(buffers|model|components|compat|recording|displays|setup|run)\..*)",
    ),
]

html_theme = "furo"
html_title = f"mimocorb {release}"
