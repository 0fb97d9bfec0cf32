"""ARPA files: written and read back, read in the forms of other tools, and read by another program (KenLM)."""

import gzip
import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from conftest import needs
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlm.corpus.tokenizer import END_ID, FIRST_OUTPUT, START_ID
from rnnlm.errors import InputError
from rnnlm.model.ngram.arpa import arpa_token, token_of, write_arpa
from rnnlm.model.ngram.arpa_reading import ArpaRead, read_arpa
from rnnlm.model.ngram.grams import Grams, read_grams
from rnnlm.model.ngram.kneser_ney import estimate
from rnnlm.model.ngram.scratch import Scratch

TOKENS = ["<pad>", "<s>", "</s>", "<unk>", "the", "cat", "sat", "éa", "on"]
LINES = st.lists(st.lists(st.integers(3, len(TOKENS) - 1), max_size=8), min_size=1, max_size=12)

# The same model as lmplz would write it, and as ngram-count would: b is left out where it is 1, <unk> is missing.
KENLM_FORM = r"""\data\
ngram 1=5
ngram 2=4
ngram 3=2

\1-grams:
-1.2	<unk>	0
0	<s>	-0.3
-0.9	</s>	0
-0.5	the	-0.2
-0.7	cat	-0.1

\2-grams:
-0.4	<s> the	-0.15
-0.3	the cat	-0.25
-0.2	cat </s>	0
-0.6	cat the	0

\3-grams:
-0.11	<s> the cat
-0.07	the cat </s>

\end\
"""
SRILM_FORM = r"""
\data\
ngram 1=4
ngram 2=4
ngram 3=2

\1-grams:
-0.9	</s>
-99	<s>	-0.3
-0.7	cat	-0.1
-0.5	the	-0.2

\2-grams:
-0.4	<s> the	-0.15
-0.2	cat </s>
-0.6	cat the
-0.3	the cat	-0.25

\3-grams:
-0.11	<s> the cat
-0.07	the cat </s>

\end\
"""
KNOWN = ["<pad>", "<s>", "</s>", "<unk>", "the", "cat"]


def read(text: str | bytes, directory: Path, known: list[str] = KNOWN, *, own: bool = True) -> tuple[Grams, ArpaRead]:
    """The model read from the text of an ARPA file."""
    directory.mkdir(exist_ok=True)
    path = directory / "model.arpa"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_file(path, directory, known, own=own)


def read_file(path: Path, directory: Path, known: list[str], *, own: bool = True) -> tuple[Grams, ArpaRead]:
    """The model read from an ARPA file."""
    scratch = directory / "scratch"
    scratch.mkdir(exist_ok=True)
    found = read_arpa(str(path), known, directory, Scratch(scratch), own=own)
    return read_grams(directory, len(found.words.tokens), found.order), found


def estimated(lines: list[list[int]], order: int, directory: Path, *, apart: bool = True) -> Grams:
    """The model of lines of ids, each independent or all one stream."""
    flat = np.array([token for line in lines for token in (*line, END_ID)], np.uint16)
    offsets = np.cumsum([0, *(len(line) + 1 for line in lines)]).astype(np.int64)
    (directory / "scratch").mkdir()
    starts = offsets[:-1] if apart else offsets[:1]
    estimate(flat, starts, len(TOKENS), order, directory, Scratch(directory / "scratch"))
    return read_grams(directory, len(TOKENS), order)


def sentence_log10(grams: Grams, line: list[int]) -> float:
    """log10 p of a line with its `</s>`, started with `<s>`."""
    text = [0] * grams.order + [START_ID, *line, END_ID]
    positions = range(grams.order + 1, len(text))
    histories = np.array([text[at - grams.order + 1 : at] for at in positions], np.int64).reshape(len(positions), -1)
    return float(grams.log_p_of(histories, np.array([text[at] for at in positions])).sum()) / math.log(10)


@given(LINES, st.integers(1, 4), st.booleans())
@settings(max_examples=12)
def test_what_is_written_is_read_back_to_the_bit(
    tmp_path_factory: pytest.TempPathFactory, lines: list[list[int]], order: int, apart: bool
) -> None:
    directory, other = tmp_path_factory.mktemp("model"), tmp_path_factory.mktemp("read")
    grams = estimated(lines, order, directory, apart=apart)
    write_arpa(grams, TOKENS, other / "model.arpa.gz")
    again, found = read_file(other / "model.arpa.gz", other, TOKENS)
    assert found.words.tokens == TOKENS and (found.put_in, found.left_out, found.words.absent) == (0, 0, 0)
    assert again.order == grams.order or not len(grams.keys[-1])
    for name in ("keys", "log_p", "back_off"):
        assert all(np.array_equal(a, b) for a, b in zip(getattr(grams, name), getattr(again, name), strict=False))
    every = list(itertools.product(range(len(TOKENS)), repeat=order - 1))
    histories = np.array(every, np.int64).reshape(len(every), order - 1)
    difference = grams.log_p_of_all(histories) - again.log_p_of_all(histories[:, order - again.order :])
    assert np.abs(difference).max() < 1e-6
    assert found.lines_apart == (apart or len(lines) == 1 or order == 1)


@given(LINES, LINES, st.integers(2, 5), st.booleans())
@settings(max_examples=25)
def test_kenlm_gives_every_sentence_the_same_probability(
    tmp_path_factory: pytest.TempPathFactory, lines: list[list[int]], others: list[list[int]], order: int, apart: bool
) -> None:
    needs("dev")
    import kenlm

    directory = tmp_path_factory.mktemp("model")
    grams = estimated(lines, order, directory, apart=apart)
    write_arpa(grams, TOKENS, directory / "model.arpa")
    theirs = kenlm.Model(str(directory / "model.arpa"))
    for line in (lines + others)[:8]:
        assert theirs.score(" ".join(TOKENS[word] for word in line)) == pytest.approx(
            sentence_log10(grams, line), abs=1e-4
        )


@pytest.mark.parametrize("form", [KENLM_FORM, SRILM_FORM], ids=["kenlm", "srilm"])
def test_handmade_files_give_the_probabilities_computed_by_hand(tmp_path: Path, form: str) -> None:
    grams, found = read(form, tmp_path)
    the, cat = 4, 5
    expected = {
        (0, START_ID, the): -0.4,
        (START_ID, the, cat): -0.11,
        (the, cat, END_ID): -0.07,
        (cat, the, cat): -0.3,  # no 'cat the cat', and no weight of 'cat the'
        (the, cat, the): -0.25 - 0.6,
        (the, cat, cat): -0.25 - 0.1 - 0.7,
        (START_ID, the, the): -0.15 - 0.2 - 0.5,
        (0, START_ID, cat): -0.3 - 0.7,
        (cat, END_ID, the): -0.5,
    }
    for (*history, word), log10 in expected.items():
        nats = grams.log_p_of(np.array([history]), np.array([word]))[0]
        assert nats / math.log(10) == pytest.approx(log10, abs=1e-6)
    unknown = grams.log_p[0][3] / math.log(10)
    assert unknown == pytest.approx(-1.2 if found.words.has_unknown else -100, abs=1e-5)
    assert grams.log_p[0][0] == grams.log_p[0][1] == -math.inf
    assert found.lines_apart and found.words.tokens == KNOWN


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\t", "  "),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeffmade by hand, ngram 1=7\n" + text.replace("-grams:\n", "-grams:\n\n"),
        lambda text: text.replace("ngram ", "ngram  ").replace("=", " = "),
        lambda text: text.replace("\t0\n", "\n").replace("0\t<s>", "-inf <s>") + "what comes after the end\n",
        lambda text: text.replace("<s> the cat", "<s> the cat\t0").replace("<unk>", "<UNK>"),
    ],
    ids=["spaces", "line-ends", "before-data", "counts", "infinite", "weight-of-the-longest"],
)
def test_other_ways_to_write_the_same_file_are_read_alike(tmp_path: Path, change: object) -> None:
    assert callable(change)
    one, _ = read(KENLM_FORM, tmp_path / "one")
    two, _ = read(change(KENLM_FORM), tmp_path / "two")
    for name in ("keys", "log_p", "back_off"):
        assert all(np.array_equal(a, b) for a, b in zip(getattr(one, name), getattr(two, name), strict=True))


class SlowReader:
    """The definition of back-off over a dictionary of n-grams: p and b by tuple of words, log10."""

    def __init__(self, grams: dict[tuple[int, ...], tuple[float, float]]) -> None:
        self.grams = grams

    def log10_p(self, history: tuple[int, ...], word: int) -> float:
        """log10 p(word | history)."""
        if (*history, word) in self.grams:
            return self.grams[*history, word][0]
        return self.grams.get(history, (0, 0))[1] + self.log10_p(history[1:], word)


@st.composite
def pruned(draw: st.DrawFn) -> dict[tuple[int, ...], tuple[float, float]]:
    """All single words, and any n-grams of orders 2 to 4 whatever else is there, in any order."""
    number = st.integers(-300, 0).map(lambda value: value / 100)
    words = st.integers(FIRST_OUTPUT, len(TOKENS) - 1)
    long = st.tuples(st.integers(1, len(TOKENS) - 1), *[words] * 3)
    some = draw(st.lists(st.tuples(long, st.integers(2, 4)), max_size=20))
    keys = [(word,) for word in range(1, len(TOKENS))] + list(dict.fromkeys(gram[:n] for gram, n in some))
    return {key: (draw(number), draw(st.integers(-100, 50)) / 100) for key in keys}


@given(pruned())
@settings(max_examples=40)
def test_files_whose_prefixes_and_suffixes_are_missing_back_off_by_the_definition(
    tmp_path_factory: pytest.TempPathFactory, model: dict[tuple[int, ...], tuple[float, float]]
) -> None:
    orders = [[gram for gram in model if len(gram) == n] for n in range(1, 5)]
    while not orders[-1]:
        orders.pop()
    text = "\\data\\\n" + "".join(f"ngram {n}={len(grams)}\n" for n, grams in enumerate(orders, 1))
    for n, grams in enumerate(orders, 1):
        text += f"\n\\{n}-grams:\n"
        for gram in grams:
            weight = f"\t{model[gram][1]}" if n < len(orders) and model[gram][1] else ""
            text += f"{model[gram][0]}\t{' '.join(TOKENS[word] for word in gram)}{weight}\n"
    grams_read, found = read(text + "\n\\end\\\n", tmp_path_factory.mktemp("read"), TOKENS)
    assert found.words.tokens == TOKENS and grams_read.order == len(orders)
    slow, order = SlowReader(model), len(orders)
    asked = {(0,) * 4 + gram[:-1] for gram in model} | {(0,) * 4 + gram for gram in model}
    histories = sorted(history[len(history) - order + 1 :] for history in asked)
    log10 = grams_read.log_p_of_all(np.array(histories, np.int64).reshape(len(histories), order - 1)) / math.log(10)
    for row, history in enumerate(histories):
        known = tuple(word for word in history if word)
        wanted = [slow.log10_p(known, word) for word in range(FIRST_OUTPUT, len(TOKENS))]
        assert log10[row] == pytest.approx(wanted, abs=1e-5)


def test_words_that_the_workspace_lacks_make_the_files_words_the_vocabulary(tmp_path: Path) -> None:
    grams, found = read(SRILM_FORM, tmp_path, ["<pad>", "<s>", "</s>", "<unk>", "a", "cat"])
    assert found.words.tokens == ["<pad>", "<s>", "</s>", "<unk>", "the", "cat"]  # by falling probability
    assert grams.counts == (6, 4, 2) and found.words.absent == 1


def test_tokens_that_the_file_lacks_share_the_unknown_probability(tmp_path: Path) -> None:
    known = ["<pad>", "<s>", "</s>", "<unk>", "a", "cat", "the", "b"]
    grams, found = read(KENLM_FORM, tmp_path, known, own=False)
    assert found.words.tokens == known and found.words.absent == 2
    shared = math.log(10**-1.2 / 3)
    assert grams.log_p[0][[3, 4, 7]] == pytest.approx(shared, abs=1e-6)
    with pytest.raises(InputError, match=r"line 10: 'the' is no token"):
        read(KENLM_FORM, tmp_path, ["<pad>", "<s>", "</s>", "<unk>", "cat"], own=False)


def test_what_no_text_has_is_left_out(tmp_path: Path) -> None:
    text = KENLM_FORM.replace("ngram 2=4", "ngram 2=5").replace("-0.6\tcat the\t0\n", "-0.6\tcat the\n-1\t</s> <s>\n")
    grams, found = read(text, tmp_path)
    assert found.left_out == 1 and found.lines_apart and grams.counts == (6, 4, 2)


def test_a_model_that_continues_after_line_ends_is_one_of_a_stream(tmp_path: Path) -> None:
    text = KENLM_FORM.replace("ngram 2=4", "ngram 2=5").replace("-0.6\tcat the\t0\n", "-0.6\tcat the\n-1\t</s> cat\n")
    assert not read(text, tmp_path)[1].lines_apart


BROKEN = {
    "empty": ("", "has no \\data\\"),
    "no ARPA file": ("the cat\nsat\n", "has no \\data\\"),
    "cut short": (KENLM_FORM.split("\\3-grams:")[0], "line 18: the file ends before \\end\\"),
    "no counts": (KENLM_FORM.replace("ngram ", "gram "), "line 2: 'gram 1=5' where 'ngram 1='"),
    "counts out of order": (KENLM_FORM.replace("ngram 2=4\n", ""), "line 3: 'ngram 3=2' where 'ngram 2='"),
    "no single words": ("\\data\\\n\\end\\\n", "line 2: \\data\\ does not say"),
    "none of order 1": ("\\data\\\nngram 1=0\n\n\\1-grams:\n\n\\end\\\n", "no n-grams of order 1"),
    "wrong count": (KENLM_FORM.replace("ngram 2=4", "ngram 2=5"), "line 19: 4 2-grams come before it, \\data\\ says 5"),
    "wrong last count": (KENLM_FORM.replace("ngram 3=2", "ngram 3=1"), "line 23: 2 3-grams come"),
    "section missing": (KENLM_FORM.replace("\\2-grams:", "\\3-grams:"), "line 13: '\\\\3-grams:' where \\2-grams:"),
    "order too high": ("\\data\\\n" + "".join(f"ngram {n}=1\n" for n in range(1, 18)), "line 18: n-grams of order 17"),
    "number missing": (KENLM_FORM.replace("-0.3\tthe cat", "the cat"), "line 15: 'the' is not a number"),
    "word missing": (KENLM_FORM.replace("the cat </s>", "the"), "line 21: 2 fields, not a number, 3 words"),
    "too many words": (KENLM_FORM.replace("the cat\t", "the cat the cat\t"), "line 15: 6 fields"),
    "not a number": (KENLM_FORM.replace("-0.25", "-0.2x5"), "line 15: '-0.2x5' is not a number"),
    "nan": (KENLM_FORM.replace("-0.25", "nan"), "line 15: 'nan' is not a number"),
    "infinite weight": (KENLM_FORM.replace("-0.25", "inf"), "line 15: 'inf' is not a number"),
    "above 1": (KENLM_FORM.replace("-0.11", "0.11"), "line 20: a probability above 1"),
    "word twice": (KENLM_FORM.replace("-0.7\tcat", "-0.7\tthe"), "line 11: the word 'the' stands twice"),
    "n-gram twice": (KENLM_FORM.replace("cat the\t0", "the cat\t0"), "line 17: this n-gram stands twice"),
    "word of no list": (KENLM_FORM.replace("cat the", "cat dog"), "line 17: 'dog' is none of the single words"),
    "padding": (KENLM_FORM.replace("\tcat\t", "\t<pad>\t"), "line 11: the word <pad>"),
    "no line end": (KENLM_FORM.replace("</s>", "<end>"), "has no </s>"),
    "not UTF-8": (KENLM_FORM.replace("the", "thé").encode("latin-1"), "not UTF-8 at byte"),
    "damaged": (gzip.compress(KENLM_FORM.encode())[:60], "cut short"),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_file_is_refused_with_the_number_of_the_line(tmp_path: Path, what: str) -> None:
    content, message = BROKEN[what]
    path = tmp_path / ("model.arpa.gz" if what == "damaged" else "model.arpa")
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError) as caught:
        read_file(path, tmp_path, KNOWN)
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("character", [" ", "▁", "\t", "\u2028", "\\", "a", "é"])
def test_characters_are_words_and_are_read_back(character: str) -> None:
    written = arpa_token(character, "char")
    assert written and not any(each.isspace() for each in written)
    assert token_of(written, "char") == character
