"""Spans in BIO and BIOES tags, against counts made by hand."""

import numpy as np
import pytest

from rnnlm.use.labels.spans import SpanCounts, are_span_tags, spans_of


@pytest.mark.parametrize(
    ("tags", "spans", "good"),
    [
        ("B-A I-A O B-B", {(0, 2, "A"), (3, 4, "B")}, True),
        ("B-A B-A I-A", {(0, 1, "A"), (1, 3, "A")}, True),
        ("O I-A I-A O", {(1, 3, "A")}, False),
        ("B-A I-B", {(0, 1, "A"), (1, 2, "B")}, False),
        ("S-A B-A I-A E-A S-B", {(0, 1, "A"), (1, 4, "A"), (4, 5, "B")}, True),
        ("B-A E-A E-A", {(0, 2, "A"), (2, 3, "A")}, False),
        ("S-A I-A", {(0, 1, "A"), (1, 2, "A")}, False),
        ("O O", set(), True),
        ("", set(), True),
        ("B-A-B I-A-B", {(0, 2, "A-B")}, True),
    ],
)
def test_spans_of_a_sequence(tags: str, spans: set[tuple[int, int, str]], good: bool) -> None:
    assert spans_of(tags.split()) == (spans, good)


def test_scores_are_of_exact_spans() -> None:
    labels = ("O", "B-A", "I-A", "B-B")
    counts = SpanCounts(labels)
    truth = np.array([[1, 2, 0, 3, -1], [0, 1, 2, -2, 0]]).T
    found = np.array([[1, 2, 0, 1, 3], [0, 1, 0, 0, 2]]).T
    counts.add(truth, found)
    report = counts.report()
    assert (report["true"], report["predicted"]) == (3, 4)
    assert report["precision"] == 1 / 4
    assert report["recall"] == pytest.approx(1 / 3)
    assert report["f1"] == pytest.approx(2 / 7)
    assert report["ill_formed_sequences"] == 1
    assert report["types"]["B"] == {"precision": 0, "recall": 0, "f1": 0, "true": 1, "predicted": 0}


@pytest.mark.parametrize(
    ("labels", "are"),
    [(("O", "B-A", "I-A"), True), (("B-A",), True), (("O",), False), (("NOUN", "VERB"), False), (("O", "B"), False)],
)
def test_tags_of_spans_are_told_from_others(labels: tuple[str, ...], are: bool) -> None:
    assert are_span_tags(labels) is are
