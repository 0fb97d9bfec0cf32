"""Settings of Sphinx for the site; `build.py` puts the pages together."""

from rnnlm.version import __version__

project = "rnnlm"
author = copyright = "rnnlm developers"
release = version = __version__
extensions = ["myst_parser"]
html_theme = "furo"
html_title = f"rnnlm {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4
suppress_warnings = ["myst.header"]  # pages that GitHub shows may begin below the first level
