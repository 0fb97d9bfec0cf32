"""The picture of a forecast: the same bytes from the same numbers, in each form."""

from pathlib import Path

import numpy as np
import pytest
from conftest import needs

from rnnlm.errors import InputError, StorageError
from rnnlm.views.charts import draw_forecast

MAGIC = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}


@pytest.mark.parametrize("ending", MAGIC)
def test_equal_numbers_make_equal_bytes(tmp_path: Path, ending: str) -> None:
    needs("plots")
    truth = np.sin(np.arange(50.0))
    truth[20] = np.nan
    paths = [tmp_path / f"{name}{ending}" for name in ("a", "b", "c")]
    for path, shift in zip(paths, (0, 0, 1), strict=True):
        draw_forecast(path, truth, truth + 0.1 + shift, truth - 0.1, title="PM2.5 in µg/m$^3$, $ kept")
    first, second, other = (path.read_bytes() for path in paths)
    assert first.startswith(MAGIC[ending])
    assert first == second != other


def test_a_picture_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    needs("plots")
    with pytest.raises(InputError, match="no ending of a picture"):
        draw_forecast(tmp_path / "a.txt", np.zeros(3), np.zeros(3))
    with pytest.raises(StorageError):
        draw_forecast(tmp_path / "none" / "a.png", np.zeros(3), np.zeros(3))


def test_the_package_that_is_not_installed_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(InputError, match=r"pip install 'rnnlm\[plots\]'"):
        draw_forecast(tmp_path / "a.png", np.zeros(3), np.zeros(3))
