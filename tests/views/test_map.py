"""Names on a map: those that would cover one before them are left out, and the title says how many."""

from pathlib import Path

import numpy as np
from conftest import needs

from rnnlm.views.charts import draw_map


def test_names_do_not_cover_one_another(tmp_path: Path) -> None:
    needs("plots")
    import matplotlib as mpl

    points = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    names = ["first", "far", "left", "hidden", "</text>$x$"]
    with mpl.rc_context({"svg.fonttype": "none"}):
        draw_map(tmp_path / "map.svg", points, names, "a title")
    text = (tmp_path / "map.svg").read_text()
    assert "a title; 1 of 5 names left out" in text
    assert ">hidden<" not in text
    for name in ("first", "far", "left", "&lt;/text&gt;$x$"):
        assert f">{name}<" in text
