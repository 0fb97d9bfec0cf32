"""A picture as a file: the same drawing gives the same bytes, written durably."""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rnnlm.artifacts import write_bytes
from rnnlm.errors import InputError

# Without these, and a salt, a file would hold the time of its creation, and an SVG random identifiers.
_METADATA: dict[str, dict[str, Any]] = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}


@contextlib.contextmanager
def picture(path: Path, width: float, height: float) -> Iterator[Any]:
    """A matplotlib figure of a size in inches to draw on, written as PNG, SVG or PDF when the block succeeds.

    Raises InputError for another ending, or where the `plots` extra is not installed.
    """
    ending = path.suffix.lower()
    if ending not in _METADATA:
        raise InputError(f"{path} has no ending of a picture", "end its name in .png, .svg or .pdf")
    try:
        import matplotlib as mpl  # noqa: PLC0415
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError:
        raise InputError("a picture needs matplotlib", "pip install 'rnnlm[plots]'") from None
    with mpl.rc_context({"svg.hashsalt": "rnnlm"}):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        content = io.BytesIO()
        figure.savefig(content, format=ending[1:], dpi=150, metadata=_METADATA[ending])
    write_bytes(path, content.getvalue())
