"""Rows of one length: nothing lost, nothing invented, zeros on the right."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlm.corpus.ids import Ids
from rnnlm.corpus.pad import pad, padded_size
from rnnlm.corpus.padded import CutLines, open_padded
from rnnlm.errors import ArtifactError

lines_of_ids = st.lists(st.lists(st.integers(3, 60), max_size=9), min_size=1, max_size=12)


def ids_of(lines: list[list[int]]) -> Ids:
    """Lines as the flat ids of a split, `</s>` after each."""
    flat = [number for line in lines for number in [*line, 2]]
    offsets = np.cumsum([0, *(len(line) + 1 for line in lines)])
    return Ids(np.array(flat, np.uint16), offsets.astype(np.int64), np.zeros(1, np.uint32))


def padded(
    directory: Path, lines: list[list[int]], length: int | None, long_lines: str
) -> tuple[np.ndarray, np.ndarray, dict]:  # type: ignore[type-arg]
    """Rows, their lengths and the report."""
    splits = {"train": ids_of(lines)}
    width, rows, size = padded_size(splits, length, long_lines)
    report = pad(splits, directory, width, long_lines)
    array, lengths = np.load(directory / "train.npy"), np.load(directory / "train.lengths.npy")
    assert array.shape == (rows["train"], width)
    assert array.nbytes == size
    return array, lengths, report


def test_three_sentences_of_different_length(tmp_path: Path) -> None:
    rows, lengths, report = padded(tmp_path, [[4, 5, 6], [7], []], 4, "truncate")
    assert rows.tolist() == [[4, 5, 6, 0], [7, 0, 0, 0], [0, 0, 0, 0]]
    assert lengths.tolist() == [3, 1, 0]
    assert report == {"length": 4, "splits": {"train": {"rows": 3, "longer_lines": 0, "tokens_cut": 0}}}


def test_a_long_line_loses_its_end_or_continues(tmp_path: Path) -> None:
    lines = [[4, 5, 6, 7, 8], [9, 9], []]
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    rows, lengths, report = padded(tmp_path / "a", lines, 2, "truncate")
    assert rows.tolist() == [[4, 5], [9, 9], [0, 0]]
    assert report["splits"]["train"] == {"rows": 3, "longer_lines": 1, "tokens_cut": 3}
    rows, lengths, report = padded(tmp_path / "b", lines, 2, "split")
    assert rows.tolist() == [[4, 5], [6, 7], [8, 0], [9, 9], [0, 0]]
    assert lengths.tolist() == [2, 2, 1, 2, 0]
    assert report["splits"]["train"] == {"rows": 5, "longer_lines": 1, "tokens_cut": 0}


def test_rows_are_as_long_as_asked_for_also_when_every_line_is_shorter(tmp_path: Path) -> None:
    assert padded(tmp_path, [[4], [5, 6]], 10, "truncate")[0].tolist() == [[4] + 9 * [0], [5, 6] + 8 * [0]]


@pytest.mark.parametrize("long_lines", ["truncate", "split"])
@given(lines_of_ids, st.one_of(st.none(), st.integers(1, 12)))
@settings(max_examples=50)
def test_rows_hold_the_tokens_of_their_lines(
    tmp_path_factory: pytest.TempPathFactory, long_lines: str, lines: list[list[int]], length: int | None
) -> None:
    rows, lengths, report = padded(tmp_path_factory.mktemp("pad"), lines, length, long_lines)
    width = rows.shape[1]
    assert width == (length or max(1, *map(len, [[], *lines])))
    kept = [row[:size].tolist() for row, size in zip(rows, lengths, strict=True)]
    assert all(not row[size:].any() for row, size in zip(rows, lengths, strict=True))
    if long_lines == "truncate":
        assert kept == [line[:width] for line in lines]
        assert sum(map(len, lines)) - sum(map(len, kept)) == report["splits"]["train"]["tokens_cut"]
    else:
        assert [n for row in kept for n in row] == [n for line in lines for n in line]
    assert report["splits"]["train"]["longer_lines"] == sum(len(line) > width for line in lines)


@given(lines_of_ids, st.sampled_from([None, 1, 2, 5]), st.sampled_from(["truncate", "split"]))
@settings(max_examples=60)
def test_the_rows_are_the_sentences_that_a_trainer_reads(
    tmp_path_factory: pytest.TempPathFactory, lines: list[list[int]], length: int | None, long_lines: str
) -> None:
    directory, ids = tmp_path_factory.mktemp("pad"), ids_of(lines)
    padded(directory, lines, length, long_lines)
    rows = open_padded(directory, "train", ids, long_lines)
    found = [rows.sentence(number).tolist() for number in range(len(rows.rows))]
    assert [len(each) for each in found] == rows.sizes().tolist()
    if long_lines == "truncate":
        cut = CutLines(ids, length)
        assert found == [cut.sentence(number).tolist() for number in range(ids.lines)]
        assert np.array_equal(rows.sizes(), cut.sizes()) and np.array_equal(rows.lengths(), cut.lengths())
    else:  # every token once, `</s>` only where a line ends
        assert [number for each in found for number in each] == ids.ids.tolist()
        assert [each[-1] == 2 for each in found if each].count(True) == ids.lines


def test_rows_of_another_text_are_refused(tmp_path: Path) -> None:
    padded(tmp_path, [[4, 5, 6], [7], []], None, "truncate")
    for other in ([[4, 5], [7], []], [[4, 5, 6], [7]], [[4, 5, 6], [7, 8], []]):
        with pytest.raises(ArtifactError, match="do not fit the ids of vocab"):
            open_padded(tmp_path, "train", ids_of(other), "truncate")
    with pytest.raises(ArtifactError, match="do not fit"):
        open_padded(tmp_path, "train", ids_of([[4, 5, 6, 7, 8, 9, 10], [7], []]), "split")
