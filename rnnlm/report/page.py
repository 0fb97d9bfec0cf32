"""One HTML file from sections: nothing outside is asked for, nothing that a corpus holds is markup or code."""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from rnnlm.report.parts import Live, Section

_FOLDER = Path(__file__).parent / "page"


def source(*names: str, step: str = "") -> str:
    """Some scripts of the page, one after the other, then the step of a cell."""
    return "".join([*((_FOLDER / f"{name}.js").read_text("utf-8") for name in names), step])


def render(title: str, subtitle: str, sections: Sequence[Section]) -> bytes:
    """The page in UTF-8: static HTML and SVG, and one script, which only adds to it.

    The content security policy allows that script by its digest, inline styles, and nothing else. With a `Live` part
    the script holds the network too.
    """
    live = [part for section in sections for part in section.parts if isinstance(part, Live)]
    network = source("numbers", "text", "model", step=live[0].step) if live else ""
    script = '"use strict";\n' + network + source("page", *(["live"] if live else []))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=StrictUndefined,
    )  # fmt: skip
    page = environment.get_template("page.html.j2").render(
        title=title, subtitle=subtitle, sections=sections, script=script, digest=digest,
        style=(_FOLDER / "page.css").read_text("utf-8"),
    )  # fmt: skip
    return page.encode("utf-8", "replace")
