"""The n-gram model against a slow Kneser-Ney, written from the paper's sums over dictionaries."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnnlm.corpus.ids import Ids
from rnnlm.corpus.tokenizer import END_ID, START_ID
from rnnlm.model.likelihood import log_probabilities, target_nats, text_nats
from rnnlm.model.ngram.grams import Grams, read_grams
from rnnlm.model.ngram.kneser_ney import FALLBACK, Discounts, discounts, estimate
from rnnlm.model.ngram.model import NgramModel
from rnnlm.model.ngram.scratch import Scratch

VOCABULARY = 9  # ids 2 to 8 can be predicted
LINES = st.lists(st.lists(st.integers(3, VOCABULARY - 1), max_size=8), min_size=1, max_size=12)


class Slow:
    """Chen & Goodman 1998, the equations as is, over dictionaries of tuples."""

    def __init__(self, lines: list[list[int]], order: int, limits: Sequence[int] = (0,)) -> None:
        self.limits = [limits[min(n, len(limits) - 1)] for n in range(order)]
        self.order, self.counts = order, [Counter[tuple[int, ...]]() for _ in range(order + 1)]
        for line in lines:
            text = [START_ID, *line, END_ID]
            for end in range(1, len(text)):
                for n in range(1, min(order, end + 1) + 1):
                    self.counts[n][tuple(text[end - n + 1 : end + 1])] += 1
        self.a = [Counter[tuple[int, ...]]() for _ in range(order + 1)]
        for n in range(1, order + 1):
            if n == order:
                self.a[n] = self.counts[n]
                continue
            for gram in self.counts[n + 1]:
                self.a[n][gram[1:]] += 1
            for gram, count in self.counts[n].items():
                if gram[0] == START_ID:
                    self.a[n][gram] = count
        self.D = [discounts(np.bincount([min(c, 5) for c in a.values()], minlength=6)).values for a in self.a]
        self.after: defaultdict[tuple[int, ...], list[tuple[int, int]]] = defaultdict(list)
        for n in range(1, order + 1):
            for gram, count in self.a[n].items():
                self.after[gram[:-1]].append((gram[-1], count))

    def p(self, history: tuple[int, ...], word: int) -> float:
        """p(word | history), the history as long as it may be."""
        found = self.after.get(history, [])
        lower = self.p(history[1:], word) if history else 1 / (VOCABULARY - 2)
        if not found:
            return lower
        n = len(history) + 1
        D = (0.0, *self.D[n])
        total = sum(count for _, count in found)
        withheld = {
            each: D[min(count, 3)] if self.counts[n][(*history, each)] > self.limits[n - 1] else count
            for each, count in found
        }
        own = next((count - withheld[each] for each, count in found if each == word), 0.0)
        return own / total + sum(withheld.values()) / total * lower


def as_ids(lines: list[list[int]]) -> Ids:
    """Lines of ids as the text that the vocabulary stage writes."""
    flat = [token for line in lines for token in (*line, END_ID)]
    offsets = np.cumsum([0, *(len(line) + 1 for line in lines)])
    return Ids(np.array(flat, np.uint16), offsets.astype(np.int64), np.zeros(1, np.uint32))


def trained(
    lines: list[list[int]],
    order: int,
    directory: Path,
    *,
    apart: bool = True,
    limits: Sequence[int] = (0,),
    **more: int,
) -> NgramModel:
    """The model of the lines, each `apart` or all one stream, in files of `directory`."""
    text, scratch = as_ids(lines), directory / "scratch"
    scratch.mkdir()
    starts = text.offsets[:-1] if apart else text.offsets[:1]
    estimate(text.ids, starts, VOCABULARY, order, directory, Scratch(scratch, **more), limits)
    return NgramModel(read_grams(directory, VOCABULARY, order), lines_apart=apart)


def histories_of(lines: list[list[int]], order: int) -> Iterator[tuple[tuple[int, ...], int]]:
    """What each token of the lines depends on, and the token."""
    for line in lines:
        text = [START_ID, *line, END_ID]
        for end in range(1, len(text)):
            yield tuple(text[max(0, end - order + 1) : end]), text[end]


def as_slow(model: NgramModel, slow: Slow, lines: list[list[int]]) -> np.ndarray:
    """log p of every token of the lines (tokens,), after a check that it is what the slow model gives."""
    wanted = [math.log(slow.p(history, word)) for history, word in histories_of(lines, slow.order)]
    found = np.empty(len(wanted))
    for span in text_nats(model, as_ids(lines), "sentence", 3):
        found[span.start : span.start + len(span.nats)] = -span.nats
    assert np.allclose(found, wanted, atol=2e-6)
    return found


@given(LINES, LINES, st.integers(1, 5))
def test_every_probability_is_that_of_the_sums_in_the_paper(
    tmp_path_factory: pytest.TempPathFactory, lines: list[list[int]], others: list[list[int]], order: int
) -> None:
    """Seen and unseen histories, degenerate counts of counts, and every kind of lookup give the same value."""
    model, slow = trained(lines, order, tmp_path_factory.mktemp("ngram")), Slow(lines, order)
    both = lines + others
    found = as_slow(model, slow, both)
    rows = np.zeros((len(found), order - 1), np.int64)
    for row, (history, _) in enumerate(histories_of(both, order)):
        rows[row, order - 1 - len(history) :] = history
    words = torch.tensor([word for _, word in histories_of(both, order)])
    log_p = log_probabilities(model, torch.from_numpy(rows))
    assert np.allclose(log_p.exp().sum(1), 1, atol=1e-5)
    assert torch.allclose(log_p.gather(1, words.unsqueeze(1) - 2).squeeze(1), torch.from_numpy(found), atol=1e-9)
    assert torch.allclose(target_nats(model, torch.from_numpy(rows), words - 2), -torch.from_numpy(found), atol=1e-9)
    assert not target_nats(model, torch.from_numpy(rows), torch.full_like(words, -1)).any()


@given(LINES, LINES, st.integers(1, 5), st.lists(st.integers(0, 3), max_size=4))
def test_what_is_pruned_is_predicted_by_the_shorter_ngram(
    tmp_path_factory: pytest.TempPathFactory, lines: list[list[int]], others: list[list[int]], order: int,
    limits: list[int],
) -> None:  # fmt: skip
    limits, directory = [0, *sorted(limits)], tmp_path_factory.mktemp("ngram")
    model, slow = trained(lines, order, directory, limits=limits), Slow(lines, order, limits)
    as_slow(model, slow, lines + others)
    kept = [sum(count > limit for count in slow.counts[n].values()) for n, limit in enumerate(slow.limits, 1)]
    assert list(read_grams(directory, VOCABULARY, order).counts)[1:] == kept[1:]


@given(LINES, st.integers(1, 5))
def test_a_stream_has_ngrams_across_its_lines(
    tmp_path_factory: pytest.TempPathFactory, lines: list[list[int]], order: int
) -> None:
    """It is one long line, in which `</s>` is a word like any other."""
    model = trained(lines, order, tmp_path_factory.mktemp("ngram"), apart=False)
    whole = as_ids(lines).ids[:-1].tolist()
    slow = Slow([whole], order)
    wanted = [math.log(slow.p(history, word)) for history, word in histories_of([whole], order)]
    (span,) = text_nats(model, as_ids(lines), "stream", 1)
    assert np.allclose(-span.nats, wanted, atol=2e-6)


def test_lines_apart_give_the_same_in_a_stream_and_alone(tmp_path: Path) -> None:
    lines = [[3, 4, 5], [], [4, 4, 6, 3], [3, 4]]
    model = trained(lines, 3, tmp_path)
    costs = []
    for context in ("stream", "sentence"):
        found = np.empty(13)
        for span in text_nats(model, as_ids(lines), context, 2):
            found[span.start : span.start + len(span.nats)] = span.nats
        costs.append(found)
    assert np.array_equal(*costs)


def test_the_same_text_gives_the_same_bytes_whatever_the_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = np.random.Generator(np.random.PCG64(5))
    lines = [draw.integers(3, VOCABULARY, draw.integers(0, 9)).tolist() for _ in range(300)]
    written = []
    for name, block, bucket, more in (
        ("large", 2**20, 2**21, {}),
        ("small", 64, 37, {}),
        ("several threads", 64, 37, {"threads": 3}),
        ("no memory", 64, 37, {"threads": 3, "memory": 1}),
    ):
        monkeypatch.setattr("rnnlm.model.ngram.counting.BLOCK", block)
        monkeypatch.setattr("rnnlm.model.ngram.kneser_ney.BLOCK", block)
        monkeypatch.setattr(Scratch, "bucket", bucket)
        (tmp_path / name).mkdir()
        grams: Grams = trained(lines, 4, tmp_path / name, **more).grams
        written.append([*grams.keys, *grams.log_p, *grams.back_off])
    for other in written[1:]:
        assert all(np.array_equal(one, two) for one, two in zip(written[0], other, strict=True))


def test_discounts_that_cannot_be_estimated_are_the_fallback() -> None:
    n = np.array([0, 10, 5, 3, 2, 9])
    y = 10 / 20
    assert discounts(n) == Discounts((1 - 2 * y * 5 / 10, 2 - 3 * y * 3 / 5, 3 - 4 * y * 2 / 3), True)
    assert discounts(np.array([0, 10, 0, 3, 2, 9])) == Discounts(FALLBACK, False)
