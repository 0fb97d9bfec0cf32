"""Batches: every target once an epoch and in order, inputs equal to what came before, and reading that can continue."""

import itertools
import json
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlm.corpus.batches import SentenceBatches, StreamBatches, TokenBatch
from rnnlm.corpus.ids import Ids
from rnnlm.corpus.padded import CutLines


def ids_of(lengths: list[int], documents: list[int] | None = None, seed: int = 0) -> Ids:
    """Lines of the given numbers of words with ids drawn at random, `</s>` after each."""
    random = np.random.Generator(np.random.PCG64(seed))
    flat = np.concatenate([[*random.integers(4, 60, length), 2] for length in lengths])
    return Ids(
        flat.astype(np.uint16),
        np.cumsum([0, *(length + 1 for length in lengths)]).astype(np.int64),
        np.array(documents if documents is not None else [0], np.uint32),
    )


def an_epoch(batches: StreamBatches | SentenceBatches, epoch: int = 0) -> list[TokenBatch]:
    """The batches of one epoch; the reader is past its first batch afterwards."""
    return list(
        itertools.takewhile(
            lambda batch: batch.epoch == epoch, itertools.dropwhile(lambda batch: batch.epoch < epoch, batches)
        )
    )


line_lengths = st.lists(st.integers(0, 9), min_size=6, max_size=30)


@given(line_lengths, st.integers(1, 4), st.integers(1, 20), st.integers(0, 2))
@settings(max_examples=60)
def test_an_epoch_of_a_stream_reads_every_target_in_order(
    lengths: list[int], batch_size: int, bptt: int, epoch: int
) -> None:
    ids = ids_of(lengths)
    batches = StreamBatches(ids, batch_size, bptt, seed=3)
    text = ids.ids.astype(np.int64)
    if len(text) < 2 * batch_size:
        return
    batches_read = an_epoch(batches, epoch)
    targets = np.concatenate([batch.targets for batch in batches_read])
    length = len(text) // batch_size
    assert targets.shape == (length, batch_size)
    assert sum(batch.predictions for batch in batches_read) == batches.tokens_per_epoch == length * batch_size
    # Column after column, the targets are the text, from some position on and round.
    flat = targets.T.ravel()
    rolled = [np.roll(text, -start)[: len(flat)] for start in (range(len(text)) if epoch else [0])]
    assert any(np.array_equal(flat, each) for each in rolled)
    starts = set(ids.offsets[:-1].tolist())
    for column in range(batch_size):
        inputs = np.concatenate([batch.inputs[:, column] for batch in batches_read])
        fresh = np.concatenate([[batch.fresh[column]] + [False] * (len(batch.inputs) - 1) for batch in batches_read])
        for time in range(1, length):
            if inputs[time] != targets[time - 1, column]:
                # Only the start of a line may be read from the start state, and then the state is reset.
                assert fresh[time]
                assert (inputs[time], targets[time - 1, column]) == (1, 2)
        if epoch == 0:
            position = column * length
            assert inputs[0] == (1 if position in starts else text[position - 1])
        assert fresh[0]


def test_both_contexts_occur_and_the_state_is_mostly_carried() -> None:
    ids = ids_of([6] * 4000)
    batches_read = an_epoch(StreamBatches(ids, 8, 10, seed=1))
    inner = batches_read[1:]
    fresh = sum(int(batch.fresh.sum()) for batch in inner)
    line_starts = sum(int((batch.inputs[0] == 2).sum()) for batch in inner)
    # One segment in seven begins at a line start, and half of those read the start.
    segments = sum(len(batch.fresh) for batch in inner)
    assert fresh / segments == pytest.approx(1 / 14, rel=0.25)
    assert fresh / (fresh + line_starts) == pytest.approx(0.5, abs=0.1)
    for batch in inner:
        assert np.array_equal(batch.inputs[0] == 1, batch.fresh)
        assert not (batch.inputs[1:] == 1).any()


def test_with_documents_only_their_first_lines_are_starts() -> None:
    ids = ids_of([3] * 400, documents=list(range(0, 400, 10)))
    starts = set(ids.offsets[:-1:10].tolist())
    batches = StreamBatches(ids, 2, 5, seed=2)
    length = len(ids.ids) // 2
    position, seen = 0, 0
    for batch in an_epoch(batches):
        for column in np.flatnonzero(batch.fresh):
            if position:
                assert position + column * length in starts
                seen += 1
        position += len(batch.targets)
    assert seen > 0


def test_segments_vary_and_stripes_begin_elsewhere_each_epoch() -> None:
    ids = ids_of([5] * 300)
    batches = StreamBatches(ids, 2, 32, seed=5)
    first, second = an_epoch(batches), an_epoch(StreamBatches(ids, 2, 32, seed=5), 1)
    assert len({len(batch.targets) for batch in first}) > 2
    assert all(28 <= len(batch.targets) <= 36 for batch in first[:-1])
    assert not np.array_equal(first[0].targets[:20], second[0].targets[:20])


def same(one: TokenBatch, other: TokenBatch) -> bool:
    """Whether two batches are equal in every number."""
    return all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in ("inputs", "targets", "fresh", "epoch")
    )


def readers() -> dict[str, Any]:
    """A way to make each kind of reader."""
    ids = ids_of([4, 1, 0, 7, 3, 9, 2, 2, 5, 6, 8, 1] * 3)
    return {
        "stream": lambda: StreamBatches(ids, 3, 7, seed=11),
        "sentences": lambda: SentenceBatches(CutLines(ids, None), 4, None, seed=11),
        "sentences in segments": lambda: SentenceBatches(CutLines(ids, None), 4, 3, seed=11),
        "sentences cut": lambda: SentenceBatches(CutLines(ids, 5), 4, None, seed=11),
    }


@pytest.mark.parametrize("name", readers())
def test_reading_continues_from_any_saved_state(name: str) -> None:
    make = readers()[name]
    whole = list(itertools.islice(iter(make()), 70))
    assert whole[-1].epoch >= 1
    for stop in range(0, 60, 1):
        reader = make()
        assert all(same(a, b) for a, b in zip(whole[:stop], itertools.islice(iter(reader), stop), strict=True))
        state = json.loads(json.dumps(reader.state()))
        other = make()
        other.restore(state)
        assert all(same(a, b) for a, b in zip(whole[stop:], other, strict=False)), stop


@given(line_lengths, st.integers(1, 5), st.sampled_from([None, 2, 5]), st.sampled_from([None, 3]), st.integers(0, 1))
@settings(max_examples=60)
def test_an_epoch_of_sentences_reads_every_line_once(
    lengths: list[int], batch_size: int, bptt: int | None, longest: int | None, epoch: int
) -> None:
    ids = ids_of(lengths)
    batches = SentenceBatches(CutLines(ids, longest), batch_size, bptt, seed=3)
    found: Counter[tuple[int, ...]] = Counter()
    rows: list[list[int]] = []
    states: list[list[int]] = []
    batches_read = an_epoch(batches, epoch)
    for batch in batches_read:
        if batch.fresh.all():
            found.update(tuple(row) for row in rows)
            rows, states = [[] for _ in batch.fresh], [[] for _ in batch.fresh]
            assert (batch.inputs[0] == 1).all()
        assert batch.fresh.all() or not batch.fresh.any()
        for column in range(batch.inputs.shape[1]):
            inside = batch.targets[:, column] != 0
            assert np.array_equal(inside, np.sort(inside)[::-1])  # padding on the right
            rows[column] += batch.targets[inside, column].tolist()
            states[column] += batch.inputs[inside, column].tolist()
        for row, inputs in zip(rows, states, strict=True):
            assert inputs == [1, *row][: len(inputs)]
    found.update(tuple(row) for row in rows)
    lines = [ids.line(number).tolist() for number in range(ids.lines)]
    # A line of more tokens than the longest keeps that many, as `pad` does, and so loses its `</s>`.
    assert found == Counter(
        tuple(line if longest is None or len(line) <= longest + 1 else line[:longest]) for line in lines
    )
    assert sum(batch.predictions for batch in batches_read) == batches.tokens_per_epoch


def test_sentences_of_similar_length_are_side_by_side() -> None:
    ids = ids_of([n % 12 for n in range(600)])
    batches_read = an_epoch(SentenceBatches(CutLines(ids, None), 8, None, seed=3))
    cells = sum(batch.targets.size for batch in batches_read)
    assert cells < 1.1 * len(ids.ids)


def test_an_epoch_begins_at_most_a_segment_after_the_one_before() -> None:
    """Otherwise its first part would be read again too soon, and the rest much later."""
    batches = StreamBatches(ids_of([5] * 300), 2, 32, seed=5)
    source, offsets = iter(batches), [0]
    while len(offsets) < 6:
        batch = next(source)
        if batch.epoch == len(offsets):
            offsets.append(int(batches.state()["offset"]))
    assert all(1 <= after - before <= 32 for before, after in itertools.pairwise(offsets))
