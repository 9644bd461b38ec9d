"""How the site is built of these pages and of the docstrings: ``sphinx-build -W -b html docs build/site``.

No page asks for anything on a network, so the site can be read from a folder.
"""

from __future__ import annotations

from localcat import __version__

project = "localcat"
version = release = __version__
project_copyright = "The localcat founders, Apache License 2.0"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
suppress_warnings = ["ref.python"]  # a word such as geometry, the type of a parameter, is also the name of attributes

myst_heading_anchors = 3  # links of the pages lead to headings, as they do where the pages are read without a site
html_theme = "furo"
html_title = "localcat"
html_show_sphinx = False
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}

autodoc_default_options = {"members": True, "inherited-members": False, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True  # as they are written, not as they are printed
napoleon_google_docstring = False
napoleon_use_rtype = False
python_maximum_signature_line_length = 88
