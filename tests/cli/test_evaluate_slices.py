"""`rnnlm slices`: metrics that equal those of `evaluate`, its tables and its picture."""

from pathlib import Path
from typing import Any

import pytest
from conftest import needs


def test_the_whole_is_what_evaluate_says_and_its_parts_add_up(trained: Path, run: Any) -> None:
    plain = run("evaluate", trained, "--json").ok().json
    report = run("slices", trained, "--json").ok().json
    for key, value in plain.items():
        assert report[key] == (pytest.approx(value, rel=1e-6) if isinstance(value, float) else value), key
    for rows in report["slices"].values():
        assert sum(row["tokens"] for row in rows) == report["tokens"]
        assert sum(row["nats"] for row in rows) / report["tokens"] == pytest.approx(report["nats_per_token"])
    assert set(report["slices"]) == {"frequency", "position", "length", "after_unknown"}
    assert 0 <= report["calibration"]["expected_calibration_error"] < 1
    assert 0 < report["keystrokes"]["saved_fraction"] < 1


def test_a_table_of_ones_own_text_from_standard_input_and_a_picture(trained: Path, run: Any, tmp_path: Path) -> None:
    needs("plots")
    text, picture = b"The old cat sees a zebra.\nDogs like bread.\n", tmp_path / "sure.png"
    result = run("slices", trained, "--text", "-", "--plot", picture, stdin=text).ok()
    for words in ("rank by frequency", "tokens since an unknown one", "expected calibration error", "keystrokes"):
        assert words in result.out
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_tokens_that_are_no_words_have_the_slices_that_they_can(run: Any, corpus: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    run("train", corpus, "--out", work, "--kind", "byte", "--hidden", "8", "--layers", "1", "--steps", "3",
        "--batch-size", "4", "--bptt", "12").ok()  # fmt: skip
    result = run("slices", work, "--json").ok()
    assert set(result.json["slices"]) == {"position", "length", "after_unknown"}
    assert result.json["keystrokes"] is None
    assert "no slices by frequency" in result.err and "no keystrokes" in result.err


@pytest.mark.parametrize(
    ("flags", "words"),
    [(["--baseline"], "--baseline"), (["--split", "valid", "--text", "x.txt"], "--text with --split")],
)
def test_what_does_not_go_together_is_refused(trained: Path, run: Any, flags: list[str], words: str) -> None:
    run("slices", trained, *flags).refused(2, words)
