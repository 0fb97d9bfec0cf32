"""A batch in parts: the same gradients, loss and states as in one piece, with dropout, padding and sampling."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from settled_settings import settled_with

from rnnlm.corpus.batches import TokenBatch
from rnnlm.corpus.ids import Ids
from rnnlm.corpus.sequences import SequenceBatch
from rnnlm.model.architecture import Architecture
from rnnlm.model.device import using_threads
from rnnlm.model.network import Network
from rnnlm.model.side_by_side import SideBySide
from rnnlm.training.data_parallel import parts_of
from rnnlm.training.gradients import Computed, Gradients
from rnnlm.training.language import LanguageObjective
from rnnlm.training.objective import Objective
from rnnlm.training.sequences import SequenceObjective
from rnnlm.training.settings import SettledSettings

# One for each way in which a segment is run.
CELLS = ("elman", "elman-relu", "output-recurrent", "lstm", "gru", "lstm-peephole", "qrnn", "slstm")
RANDOM = np.random.Generator(np.random.PCG64(7))
WIDTH, STEPS, WORDS, HIDDEN = 49, 7, 40, 12
NOTHING = Ids(np.empty(0, np.uint16), np.zeros(1, np.int64), np.empty(0, np.uint32))
TEXT = Ids(RANDOM.integers(2, WORDS, 4_000).astype(np.uint16), np.arange(0, 4_001, 10), np.zeros(1, np.uint32))
EVERYTHING: dict[str, Any] = {
    "dropout": 0.3,
    "dropout_words": 0.1,
    "dropout_recurrent": 0.2,
    "activation_penalty": 2.0,
    "temporal_penalty": 1.0,
}


class Nothing:
    """No sequences."""

    def __len__(self) -> int:
        return 0

    def lengths(self) -> Any:
        return np.zeros(0, np.int64)

    def batch(self, rows: Any) -> Any:
        raise AssertionError


def network(cell: str = "lstm", **more: Any) -> Network:
    """A network whose weights are large enough that everything matters."""
    generator = torch.Generator().manual_seed(3)
    sizes = {"vocabulary": WORDS, "embedding": 6, "hidden": HIDDEN, "layers": 2, "tied": True}
    model = Network(Architecture(cell, **sizes | more), generator)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.5)
    return model


def batch(width: int = WIDTH) -> TokenBatch:
    """Sequences of random length, some of which are new."""
    inputs = RANDOM.integers(2, WORDS, (STEPS, width))
    targets = np.where(np.arange(STEPS)[:, None] < RANDOM.integers(0, STEPS + 1, width), inputs, 0)
    return TokenBatch(inputs, targets, RANDOM.random(width) < 0.3, 0)


def language(**more: Any) -> tuple[LanguageObjective, SettledSettings]:
    """The objective of a text, with settings for it."""
    settings = settled_with(batch_size=WIDTH, bptt=str(STEPS), learning_rate=0.1, **{"dropout": 0.0} | more)
    return LanguageObjective(TEXT, NOTHING, settings), settings


def sequences(settings: SettledSettings, task: str) -> SequenceObjective:
    """The objective of sequences; its data are the batches that a test makes."""
    return SequenceObjective(Nothing(), Nothing(), settings, task)


def computed(
    make: Callable[[], Network], objective: Objective, settings: SettledSettings, batches: list[Any], threads: int
) -> tuple[list[Computed], list[torch.Tensor | None], torch.Tensor]:
    """Several batches in a row by so many threads; the last gradients, and the state of the dropout's generator."""
    model = make().train()
    gradients = Gradients(model, settings)
    objective.states, found = (), []
    with using_threads(threads):
        for each in batches:
            found.append(gradients.compute(objective, each, 0.2))
            objective.states = found[-1].states
    return found, [parameter.grad for parameter in model.parameters()], gradients.generator.get_state()


def compare(make: Callable[[], Network], objective: Objective, settings: SettledSettings, batches: list[Any]) -> None:
    """Three parts against one."""
    assert len(parts_of(batches[0].inputs.shape[1], 3)) == 3
    alone, wanted, state = computed(make, objective, settings, batches, 1)
    parts, gradients, also = computed(make, objective, settings, batches, 3)
    assert torch.equal(state, also)
    for one, three in zip(alone, parts, strict=True):
        assert three.loss == pytest.approx(one.loss, rel=1e-5)
        assert (three.predictions, three.tokens, three.operations) == (one.predictions, one.tokens, one.operations)
        for layer, other in zip(one.states, three.states, strict=True):
            assert all(torch.allclose(x, y, atol=1e-5) for x, y in zip(layer, other, strict=True))
    for gradient, added in zip(wanted, gradients, strict=True):
        assert gradient is not None and added is not None
        assert float((gradient - added).norm()) < 1e-4 * float(gradient.norm()) + 1e-7


@pytest.mark.parametrize("locked", [False, True])
@pytest.mark.parametrize("cell", ["elman", "gru", "lstm"])
def test_a_text_in_parts_has_the_gradients_of_the_whole(cell: str, locked: bool) -> None:
    objective, settings = language(**EVERYTHING, locked=locked)
    compare(lambda: network(cell), objective, settings, [batch(), batch(), batch()])


@pytest.mark.parametrize(
    "network_of", [{"cuts": (10, 20), "widths": (6, 6)}, {"tied": False}], ids=["clusters", "untied"]
)
def test_every_output_layer_can_be_read_in_parts(network_of: dict[str, Any]) -> None:
    objective, settings = language(**EVERYTHING)
    compare(lambda: network(**network_of), objective, settings, [batch(), batch()])


def test_a_batch_too_narrow_for_parts_leaves_the_same_generator_state() -> None:
    objective, settings = language(**EVERYTHING)
    compare(network, objective, settings, [batch(), batch(9), batch()])


@pytest.mark.parametrize("forcing", ["teacher", "scheduled"])
def test_a_network_that_feeds_back_can_be_read_in_parts(forcing: str) -> None:
    settings = settled_with(batch_size=WIDTH, bptt="full", dropout=0.2, forcing=forcing, own_outputs=0.5)
    lengths = RANDOM.integers(1, STEPS + 1, WIDTH)
    inputs = RANDOM.normal(size=(STEPS, WIDTH, 2)).astype(np.float32)
    inside = np.arange(STEPS)[:, None, None] < lengths[:, None]
    targets = np.where(inside, inputs[..., :1], np.nan).astype(np.float32)
    made = {"vocabulary": 0, "embedding": 0, "task": "forecast", "features": 2, "labels": 1, "tied": False, "layers": 1}
    compare(
        lambda: network("output-recurrent", forced=forcing == "teacher", **made),
        sequences(settings, "forecast"), settings, [SequenceBatch(inputs, targets, lengths, 0)],
    )  # fmt: skip


@pytest.mark.parametrize("summary", ["last", "mean"])
@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell != "output-recurrent"])
def test_labels_can_be_read_in_parts(cell: str, summary: str) -> None:
    settings = settled_with(batch_size=WIDTH, bptt="full", **EVERYTHING)
    lengths = RANDOM.integers(1, STEPS + 1, WIDTH)
    inputs = np.where(np.arange(STEPS)[:, None] < lengths, RANDOM.integers(2, WORDS, (STEPS, WIDTH)), 0)
    labels = RANDOM.integers(-1, 3, WIDTH)
    compare(
        lambda: network(cell, task="classify", labels=3, summary=summary, tied=False),
        sequences(settings, "classify"), settings, [SequenceBatch(inputs, labels, lengths, 0)],
    )  # fmt: skip


def test_the_same_parts_give_the_same_bits() -> None:
    objective, settings = language(**EVERYTHING)
    batches = [batch(), batch()]
    first, second = (computed(network, objective, settings, batches, 3) for _ in range(2))
    assert [each.loss for each in first[0]] == [each.loss for each in second[0]]
    for x, y in zip(first[1], second[1], strict=True):
        assert x is not None and y is not None and torch.equal(x, y)


def test_parts_are_even_and_divide_the_threads() -> None:
    assert (parts_of(64, 1), parts_of(8, 4), parts_of(31, 2)) == ([slice(0, 64)], [slice(0, 8)], [slice(0, 31)])
    for width, threads, count in [(32, 2, 2), (64, 4, 4), (64, 8, 4), (64, 6, 3), (49, 3, 3), (100, 16, 4)]:
        parts = parts_of(width, threads)
        assert len(parts) == count
        assert [column for part in parts for column in range(width)[part]] == list(range(width))
        sizes = [part.stop - part.start for part in parts]
        assert max(sizes) - min(sizes) <= 1


def test_whatever_a_part_raises_is_raised_when_all_have_ended() -> None:
    ended = []

    def part(number: int, failing: int | None) -> int:
        ended.append(torch.get_num_threads())
        if number == failing:
            raise MemoryError(str(number))
        return number

    parallel = SideBySide()
    with using_threads(4):
        assert parallel.run([partial(part, 0, None), partial(part, 1, None)]) == [0, 1]
        assert ended == [2, 2]
        for failing in (0, 1):
            with pytest.raises(MemoryError, match=str(failing)):
                parallel.run([partial(part, 0, failing), partial(part, 1, failing)])
        assert torch.get_num_threads() == 4
    with using_threads(6):
        parallel.run([partial(part, 0, None), partial(part, 1, None)])
    assert ended == [2] * 6 + [3, 3]


def test_a_part_of_a_batch_is_some_of_its_sequences() -> None:
    whole = batch()
    part = whole.part(slice(20, 33))
    assert np.array_equal(part.inputs, whole.inputs[:, 20:33])
    assert np.array_equal(part.targets, whole.targets[:, 20:33])
    assert np.array_equal(part.fresh, whole.fresh[20:33])
