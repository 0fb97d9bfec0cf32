"""The embedding layer before training: random or from given vectors, and what looking at it finds."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from rnnlm.corpus.tokenizer import PAD_ID, UNKNOWN_ID
from rnnlm.errors import InputError
from rnnlm.model.embedding import (
    INIT_STD,
    TokenVectors,
    analogy,
    layer_from,
    nearest,
    principal_components,
    random_layer,
    read_vectors,
)

IDS = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "the": 4, "cat": 5, "paris": 6, "new york": 7}
GLOVE = "the 0.5 -1 2\ndog 9 9 9\ncat 1e-1 0 3\n"


def written(directory: Path, text: str, name: str = "vectors.txt") -> Path:
    path = directory / name
    content = text.encode()
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


def read(directory: Path, text: str, name: str = "vectors.txt") -> dict[int, list[float]]:
    """Rows by id, rounded to what float32 holds."""
    vectors = read_vectors(written(directory, text, name), IDS)
    assert all(row.dtype == np.float32 and row.shape == (vectors.dimensions,) for row in vectors.rows.values())
    return {number: row.round(6).tolist() for number, row in vectors.rows.items()}


def near(*rows: list[float]) -> list[object]:
    return [pytest.approx(row) for row in rows]


def test_a_random_layer_is_decided_by_its_seed() -> None:
    layer = random_layer(50, 8, seed=3)
    assert layer.tobytes() == random_layer(50, 8, seed=3).tobytes()
    assert layer.tobytes() != random_layer(50, 8, seed=4).tobytes()
    assert layer.dtype == np.float32


def test_a_random_layer_has_its_std_and_is_zero_for_pad() -> None:
    layer = random_layer(2000, 20, seed=1)
    assert not layer[PAD_ID].any()
    assert layer[1:].any(axis=1).all()
    assert float(layer[1:].mean()) == pytest.approx(0, abs=INIT_STD / 50)
    assert float(layer[1:].std()) == pytest.approx(INIT_STD, rel=0.02)


@pytest.mark.parametrize("name", ["vectors.txt", "vectors.txt.gz"])
@pytest.mark.parametrize("header", ["", "3 3\n"], ids=["glove", "word2vec"])
def test_vectors_of_known_words_are_read(tmp_path: Path, name: str, header: str) -> None:
    found = read(tmp_path, header + GLOVE, name)
    assert set(found) == {4, 5}
    assert [found[4], found[5]] == near([0.5, -1, 2], [0.1, 0, 3])


def test_a_space_at_line_ends_and_a_missing_last_line_end(tmp_path: Path) -> None:
    # fastText writes a space before each line end.
    assert read(tmp_path, "2 3\nthe 0.5 -1 2 \ncat 0.1 0 3 ") == read(tmp_path, "the 0.5 -1 2\ncat 0.1 0 3")


def test_tabs_and_a_byte_order_mark(tmp_path: Path) -> None:
    assert read(tmp_path, "\ufeffthe\t0.5\t-1\t2\ncat\t0.1\t0\t3\n") == read(tmp_path, "the 0.5 -1 2\ncat 0.1 0 3")
    assert read(tmp_path, "\ufeff2 3\nthe 0.5 -1 2\ncat 0.1 0 3") == read(tmp_path, "the 0.5 -1 2\ncat 0.1 0 3")


def test_a_word_may_hold_spaces(tmp_path: Path) -> None:
    found = read(tmp_path, "the 1 2 3\nnew york 4 5 6\nwww a b 7 8 9\n")
    assert found == {4: [1, 2, 3], 7: [4, 5, 6]}


def test_a_lower_cased_word_serves_only_where_the_word_is_not_listed(tmp_path: Path) -> None:
    assert read(tmp_path, "Paris 1 2\nThe 3 4\nthe 5 6\n") == {6: [1, 2], 4: [5, 6]}
    assert read(tmp_path, "the 5 6\nThe 3 4\n") == {4: [5, 6]}


def test_the_first_of_two_lines_for_a_word_counts(tmp_path: Path) -> None:
    assert read(tmp_path, "cat 1 2\ncat 3 4\n") == {5: [1, 2]}


def test_special_strings_take_no_vector(tmp_path: Path) -> None:
    assert read(tmp_path, "<unk> 1 2\n</s> 3 4\ncat 5 6\n") == {5: [5, 6]}


def test_a_line_that_is_no_utf8_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_bytes(b"\xff\xfe 1 2\ncat 3 4\n")
    assert {number: row.tolist() for number, row in read_vectors(path, IDS).rows.items()} == {5: [3, 4]}


@pytest.mark.parametrize(
    "line", ["cat 1 x 3", "cat 1 nan 3", "cat 1 inf 3", "cat 1 2"], ids=["word", "nan", "infinite", "short"]
)
def test_a_broken_line_is_named(tmp_path: Path, line: str) -> None:
    path = written(tmp_path, f"the 1 2 3\ndog 1 2 3\n{line}\n")
    with pytest.raises(InputError, match=r"vectors\.txt, line 3: not a word and 3 numbers"):
        read_vectors(path, IDS)


@pytest.mark.parametrize("text", ["", "7 300\n", "cat\n"], ids=["empty", "header", "word"])
def test_a_file_without_vectors_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError):
        read_vectors(written(tmp_path, text), IDS)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(GLOVE.encode() * 200)
    damaged = whole[:12] + bytes(byte ^ 255 for byte in whole[12:20]) + whole[20:]
    broken = {
        "missing.txt": None,
        "plain.gz": GLOVE.encode(),
        "cut.gz": whole[: len(whole) // 2],
        "damaged.gz": damaged,
    }
    for name, content in broken.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=name):
            read_vectors(tmp_path / name, IDS)


def test_given_rows_are_scaled_to_a_random_layer_and_counted(tmp_path: Path) -> None:
    random = np.random.Generator(np.random.PCG64(5))
    rows = {number: random.normal(size=6).astype(np.float32) * 40 for number in range(4, 60)}
    layer, covered = layer_from(TokenVectors(rows, 6), 100, seed=2)
    assert covered == 56
    assert layer.shape == (100, 6)
    given = np.stack([rows[number] for number in range(4, 60)])
    assert float(layer[4:60].std()) == pytest.approx(INIT_STD, rel=1e-4)
    # One factor for all rows: angles and relative lengths, and so neighbors, do not change.
    factors = layer[4:60] / given
    assert factors.max() == pytest.approx(factors.min(), rel=1e-5)
    assert factors.min() > 0
    rest = [1, 2, 3, *range(60, 100)]
    assert layer[rest].tobytes() == random_layer(100, 6, seed=2)[rest].tobytes()
    assert not layer[PAD_ID].any()


def test_no_or_constant_vectors_still_make_a_layer() -> None:
    layer, covered = layer_from(TokenVectors({}, 3), 10, seed=1)
    assert covered == 0
    assert layer.tobytes() == random_layer(10, 3, seed=1).tobytes()
    layer, covered = layer_from(TokenVectors({5: np.zeros(3, np.float32)}, 3), 10, seed=1)
    assert covered == 1
    assert np.isfinite(layer).all()


def test_pad_stays_zero_whatever_is_given() -> None:
    layer, _ = layer_from(TokenVectors({PAD_ID: np.ones(2, np.float32), 4: -np.ones(2, np.float32)}, 2), 6, seed=1)
    assert not layer[PAD_ID].any()


def at_angles(*degrees: float, length: float = 1.0) -> np.ndarray:
    """The four special rows, which point where the first one does, then unit rows at these angles."""
    angles = np.radians([degrees[0]] * (UNKNOWN_ID + 1) + list(degrees))
    return (np.stack([np.cos(angles), np.sin(angles)], 1) * length).astype(np.float32)


def test_nearest_ranks_by_angle_alone() -> None:
    layer = at_angles(0, 60, 10, 180, 30)
    layer[6] *= 0.01
    layer[5] *= 100
    found = nearest(layer, layer[4], 3, without=[4])
    assert [number for number, _ in found] == [6, 8, 5]
    assert [cosine for _, cosine in found] == pytest.approx(np.cos(np.radians([10, 30, 60])).tolist(), abs=1e-6)


def test_nearest_never_names_a_special_or_what_is_left_out() -> None:
    layer = at_angles(0, 5, 10)
    assert [number for number, _ in nearest(layer, layer[4], 99, without=[5])] == [4, 6]
    layer[6] = 0  # a row of zeros has no direction, and cosine 0
    assert nearest(layer, layer[4], 99, without=[4])[-1] == (6, 0.0)


def test_equal_cosines_come_in_the_order_of_ids() -> None:
    layer = at_angles(90, 0, 0, 0)
    assert [number for number, _ in nearest(layer, layer[5], 3, without=[])] == [5, 6, 7]


def test_analogy_on_a_parallelogram() -> None:
    # Axes: being a ruler, being female, being a person, and a word that has nothing to do with these.
    man, woman, king, queen, other = [0, -1, 2, 0], [0, 1, 2, 0], [2, -1, 2, 0], [2, 1, 2, 0], [0, 0, 0, 1]
    layer = np.array([[9, 9, 9, 9]] * (UNKNOWN_ID + 1) + [man, woman, king, queen, other], np.float32)
    m, w, k, q, o = range(4, 9)
    for a, b, c, answer in ((m, k, w, q), (m, w, k, q), (q, w, k, m)):
        found = analogy(layer, a, b, c, 5)
        assert found[0][0] == answer
        assert {number for number, _ in found} == {answer, o}
    longer = layer.copy()
    longer[k] *= 50  # a row's length says how frequent a word is, and must not decide
    assert analogy(longer, m, k, w, 1)[0][0] == q


def test_principal_components_recover_a_plane() -> None:
    random = np.random.Generator(np.random.PCG64(11))
    directions, _ = np.linalg.qr(random.normal(size=(7, 2)))
    points = random.normal(size=(40, 2)) * [5, 2]
    found = principal_components(points @ directions.T + random.normal(size=7))
    assert found.shape == (40, 2)
    assert found.mean(0) == pytest.approx([0, 0], abs=1e-9)
    # The picture is the rotated plane: every distance is kept, and the wider direction is first.
    between = np.linalg.norm(points[:, None] - points[None], axis=2)
    assert np.linalg.norm(found[:, None] - found[None], axis=2) == pytest.approx(between, abs=1e-9)
    assert found[:, 0].std() > found[:, 1].std()
    assert float(found[:, 0] @ found[:, 1]) == pytest.approx(0, abs=1e-6)


def test_principal_components_have_a_fixed_sign() -> None:
    rows = np.random.Generator(np.random.PCG64(3)).normal(size=(30, 5)) * [9, 4, 1, 1, 1]
    assert principal_components(rows[::-1])[::-1] == pytest.approx(principal_components(rows), abs=1e-9)


@pytest.mark.parametrize("shape", [(0, 4), (1, 4), (5, 1), (5, 4)])
def test_few_rows_or_directions_have_two_components_too(shape: tuple[int, int]) -> None:
    found = principal_components(np.random.default_rng(1).normal(size=shape))
    assert found.shape == (shape[0], 2)
    assert np.isfinite(found).all()
