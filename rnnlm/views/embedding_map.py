"""A picture of tokens in two dimensions."""

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from rnnlm.errors import InputError


def draw_map(path: Path, places: NDArray[Any], names: list[str]) -> None:
    """Write `names` at `places` (n, 2) as PNG, SVG or PDF, by the file's ending.

    Raises InputError where the `plots` extra is not installed.
    """
    try:
        import matplotlib as mpl  # noqa: PLC0415

        mpl.use("Agg")
        import matplotlib.pyplot as plt  # noqa: PLC0415
    except ImportError:
        raise InputError("a picture needs matplotlib", "pip install 'rnnlm[plots]'") from None
    if path.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise InputError(f"{path} has no ending of a picture", "end its name in .png, .svg or .pdf")
    figure, axes = plt.subplots(figsize=(10, 8), layout="constrained")
    axes.scatter(places[:, 0], places[:, 1], s=4, color="0.7")
    for (x, y), name in zip(places, names, strict=True):
        axes.text(x, y, name, fontsize=7, parse_math=False)
    axes.set_xlabel("first principal component")
    axes.set_ylabel("second principal component")
    figure.savefig(path, dpi=150)
    plt.close(figure)
