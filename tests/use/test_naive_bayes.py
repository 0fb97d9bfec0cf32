"""Naive Bayes: the closed form on small texts, a plain count of n-grams, and the known metrics on surnames."""

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlm.corpus.labels.labelled import label_set
from rnnlm.corpus.labels.raw import labels_file, split_labelled, spool_labelled
from rnnlm.corpus.labels.sources import LabelledReading
from rnnlm.corpus.paths import find_corpus
from rnnlm.use.labels import naive_bayes
from rnnlm.use.labels.metrics import Confusion
from rnnlm.use.labels.naive_bayes import fit


def grams(text: str) -> list[str]:
    """The runs of one to four characters of ^text$."""
    marked = f"\2{text}\3"
    return [marked[start : start + n] for n in range(1, 5) for start in range(len(marked) - n + 1)]


def plain_scores(texts: list[str], labels: list[int], count: int, alpha: float, text: str) -> list[float]:
    """log P(y) + Σ log P(g | y) by the definition."""
    known = {gram for each in texts for gram in grams(each)}
    scores = []
    for label in range(count):
        counts = Counter(gram for each, y in zip(texts, labels, strict=True) if y == label for gram in grams(each))
        prior = labels.count(label) / len(labels)
        total = sum(counts.values()) + alpha * len(known)
        found = [math.log((counts[gram] + alpha) / total) for gram in grams(text) if gram in known]
        scores.append(math.fsum(found) + math.log(prior) if prior else -math.inf)
    return scores


words = st.lists(st.tuples(st.text("ab🚀^", max_size=5), st.integers(0, 2)), min_size=1, max_size=12)


@pytest.mark.parametrize("piece", [1, 9, 2**18])
@given(words, st.text("abc$", max_size=6), st.sampled_from([1.0, 0.1]))
@settings(max_examples=25)
def test_the_most_probable_label_is_that_of_the_definition(
    piece: int, pairs: list[tuple[str, int]], text: str, alpha: float
) -> None:
    """Cut into pieces of any size, with labels that have no text, characters and n-grams that training did not have."""
    texts, labels = [text for text, _ in pairs], [label for _, label in pairs]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(naive_bayes, "_PIECE", piece)
        model = fit(texts, np.array(labels), 4).tuned(texts, np.array(labels), [alpha])
        found = model.predict([*texts, text])
    for each, label in zip([*texts, text], found, strict=True):
        scores = plain_scores(texts, labels, 4, alpha, each)
        assert scores[label] == pytest.approx(max(scores), abs=1e-9)


def test_every_n_gram_is_counted_once() -> None:
    texts = ["abcab", "", "a"]
    model = fit(texts, np.array([0, 1, 1]), 2)
    known = Counter(gram for text in texts for gram in grams(text))
    assert len(model.codes) == len(known)
    assert sorted(model.counts.sum(1)) == sorted(known.values())
    assert model.counts.sum(0).tolist() == [len(grams("abcab")), len(grams("")) + len(grams("a"))]


def test_alpha_is_chosen_on_other_texts() -> None:
    texts, labels = ["aa", "aa", "ab", "zz"], np.array([0, 0, 0, 1])
    assert fit(texts, labels, 2).tuned(["zz", "aa"], np.array([1, 0]), [50.0, 0.01]).alpha == 0.01
    assert fit(texts, labels, 2).tuned(["aa"], np.array([0]), [0.5, 0.01]).alpha == 0.5


def test_no_text_gets_no_label() -> None:
    assert fit(["a"], np.array([0]), 1).predict([]).shape == (0,)


def test_surnames_of_eighteen_languages(tmp_path: Path, shared_data: Path) -> None:
    """scikit-learn's CountVectorizer and MultinomialNB give the same metrics on this split: 0.8344 and 0.5447."""
    spool, raw = tmp_path / "spool", tmp_path / "raw"
    spool.mkdir()
    raw.mkdir()
    corpus = find_corpus([str(shared_data / "names")], label_files=True)
    spool_labelled(corpus, LabelledReading("text"), spool, lambda count: None)
    split_labelled(spool, raw, "text", "0.8,0.1,0.1", 1)
    labels = label_set(raw, per_token=False)
    data = {}
    for split in ("train", "valid", "test"):
        names = (raw / f"{split}.txt").read_text("utf-8").split("\n")[:-1]
        rows = labels_file(raw, split).read_text("utf-8").split("\n")[:-1]
        data[split] = (names, np.array([labels.index(row) for row in rows]))
    model = fit(*data["train"], len(labels)).tuned(*data["valid"])
    confusion = Confusion(labels)
    confusion.add(data["test"][1], model.predict(data["test"][0]))
    assert model.alpha == 0.001
    assert confusion.accuracy == pytest.approx(0.8344, abs=5e-5)
    assert confusion.macro_f1 == pytest.approx(0.5447, abs=5e-5)
