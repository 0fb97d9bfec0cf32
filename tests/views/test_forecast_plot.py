"""The picture of a forecast: the same bytes from the same numbers, in each form."""

from pathlib import Path

import numpy as np
import pytest
from conftest import needs

from rnnlm.errors import InputError, StorageError
from rnnlm.views.charts import draw_forecast

ZEROS = np.zeros((3, 1))
MAGIC = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}


@pytest.mark.parametrize("ending", MAGIC)
def test_equal_numbers_make_equal_bytes(tmp_path: Path, ending: str) -> None:
    needs("plots")
    truth = np.sin(np.arange(100.0)).reshape(50, 2)
    truth[20], truth[47:] = np.nan, np.nan
    times = np.datetime64("2020-01-01", "s") + 3600 * np.arange(50)
    paths = [tmp_path / f"{name}{ending}" for name in ("a", "b", "c")]
    for path, shift in zip(paths, (0, 0, 1), strict=True):
        draw_forecast(path, ("PM2.5 in µg/m$^3$", "$ kept"), truth, truth + 0.1 + shift, truth - 0.1, title="a $ b",
                      times=times)  # fmt: skip
    first, second, other = (path.read_bytes() for path in paths)
    assert first.startswith(MAGIC[ending])
    assert first == second != other


def test_a_picture_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    needs("plots")
    with pytest.raises(InputError, match="no ending of a picture"):
        draw_forecast(tmp_path / "a.txt", ("x",), ZEROS, ZEROS, title="")
    with pytest.raises(StorageError):
        draw_forecast(tmp_path / "none" / "a.png", ("x",), ZEROS, ZEROS, title="")


def test_the_package_that_is_not_installed_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(InputError, match=r"pip install 'rnnlm\[plots\]'"):
        draw_forecast(tmp_path / "a.png", ("x",), ZEROS, ZEROS, title="")
