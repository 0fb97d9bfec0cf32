"""The training loop: a stopped or killed run ends in the same bytes as an undisturbed one, and learning works."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from settled_settings import settled_with

from rnnlm.corpus.ids import Ids
from rnnlm.errors import InputError
from rnnlm.model.architecture import Architecture
from rnnlm.model.device import using_threads
from rnnlm.model.network import Network
from rnnlm.training.defaults import fill_in
from rnnlm.training.language import LanguageObjective, striped_nats
from rnnlm.training.loop import Trainer
from rnnlm.training.optimizer import rate_at
from rnnlm.training.progress import Outcome, Progress, Stopped
from rnnlm.training.settings import SettledSettings, TrainSettings

ARCHITECTURE = Architecture("lstm", 24, 8, 10, 2, True)


def text(tokens: int, seed: int = 0) -> Ids:
    """Lines in which a word is mostly the one before it plus one, so that there is something to learn."""
    random = np.random.Generator(np.random.PCG64(seed))
    flat: list[int] = []
    while len(flat) < tokens:
        word = int(random.integers(4, 24))
        for _ in range(random.integers(1, 9)):
            flat.append(word)
            word = 4 + (word - 3) % 20 if random.random() < 0.9 else int(random.integers(4, 24))
        flat.append(2)
    ids = np.array(flat, np.uint16)
    return Ids(ids, np.concatenate([[0], np.flatnonzero(ids == 2) + 1]).astype(np.int64), np.zeros(1, np.uint32))


TRAIN, VALID = text(1500), text(400, seed=9)
STREAM = settled_with(
    steps=60, batch_size=4, bptt="9", learning_rate=0.01, dropout=0.2, clip=0.5, checkpoint_every="1h"
)
SETTINGS = {
    "stream": STREAM,
    "stream by epochs": replace(STREAM, steps=None, epochs=1.6),
    "stream by tokens": replace(STREAM, steps=None, tokens=2000),
    "sentences": replace(STREAM, batching="sentences", bptt="full"),
    "sentences in segments": replace(STREAM, batching="sentences", bptt="3"),
    "averaged": replace(STREAM, average=0.9, dropout_words=0.1, dropout_recurrent=0.3, locked=True),
    "in parts": replace(STREAM, batch_size=32, dropout_recurrent=0.3),
}


class KilledError(Exception):
    """Stands for a process that is gone from one step to the next."""


class Watcher:
    """Asks a run to stop, or kills it, at a step; keeps what it hears."""

    def __init__(self, stop_at: int | None = None, kill_at: int | None = None) -> None:
        self.stop_at, self.kill_at = stop_at, kill_at
        self.heard: list[Progress] = []
        self.notices: list[str] = []

    def progress(self, progress: Progress) -> None:
        self.heard.append(progress)
        if progress.step == self.kill_at:
            raise KilledError

    def notice(self, text: str) -> None:
        self.notices.append(text)

    def stop_signal(self) -> int | None:
        return 15 if self.heard and self.heard[-1].step == self.stop_at else None


def trainer(directory: Path, settings: SettledSettings, watcher: Watcher, valid: Ids = VALID) -> Trainer:
    """A trainer of a new network, always the same."""
    directory.mkdir(exist_ok=True)
    model = Network(ARCHITECTURE, torch.Generator().manual_seed(settings.seed))
    return Trainer(model, LanguageObjective(TRAIN, valid, settings), settings, directory, watcher)


def equal(one: Outcome, other: Outcome) -> bool:
    """Whether two runs ended in the same bytes and counts."""
    return (
        all(np.array_equal(one.tensors[name], other.tensors[name]) for name in {*one.tensors, *other.tensors})
        and (one.steps, one.tokens_seen, one.epochs) == (other.steps, other.tokens_seen, other.epochs)
        and one.metric == other.metric
    )


@pytest.mark.parametrize("name", SETTINGS)
def test_a_stopped_run_goes_on_to_the_same_bytes(tmp_path: Path, name: str) -> None:
    settings = SETTINGS[name]

    def run(directory: Path, watcher: Watcher, *, resume: bool) -> Outcome:
        with using_threads(2):
            return trainer(directory, settings, watcher).run(resume=resume)

    whole = run(tmp_path / "whole", Watcher(), resume=False)
    for stop in (1, 17, 43):
        directory = tmp_path / f"stopped-{stop}"
        with pytest.raises(Stopped):
            run(directory, Watcher(stop_at=stop), resume=False)
        with pytest.raises(Stopped):
            run(directory, Watcher(stop_at=stop + 5), resume=True)
        watcher = Watcher()
        resumed = run(directory, watcher, resume=True)
        assert watcher.heard[0].step == stop + 6
        assert watcher.notices[0] == f"continuing after step {stop + 5:,}"
        assert equal(whole, resumed)
        assert (directory / "metrics.jsonl").read_bytes() == (tmp_path / "whole" / "metrics.jsonl").read_bytes()


def test_a_killed_run_goes_on_from_its_last_checkpoint(tmp_path: Path) -> None:
    settings = replace(STREAM, checkpoint_every="0s")
    whole = trainer(tmp_path / "whole", settings, Watcher()).run(resume=False)
    with pytest.raises(KilledError):
        trainer(tmp_path / "killed", settings, Watcher(kill_at=23)).run(resume=False)
    checkpoints = sorted((tmp_path / "killed" / "checkpoints").glob("step-*"))
    assert [path.name for path in checkpoints] == ["step-000000000021", "step-000000000022"]
    damaged = checkpoints[-1] / "state.safetensors"
    content = damaged.read_bytes()
    damaged.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
    watcher = Watcher()
    resumed = trainer(tmp_path / "killed", settings, watcher).run(resume=True)
    assert "step-000000000022 is damaged" in watcher.notices[0]
    assert watcher.heard[0].step == 22
    assert equal(whole, resumed)
    assert (tmp_path / "killed" / "metrics.jsonl").read_bytes() == (tmp_path / "whole" / "metrics.jsonl").read_bytes()


def test_a_run_without_a_checkpoint_starts_from_the_beginning(tmp_path: Path) -> None:
    whole = trainer(tmp_path / "whole", STREAM, Watcher()).run(resume=False)
    with pytest.raises(KilledError):
        trainer(tmp_path / "killed", STREAM, Watcher(kill_at=30)).run(resume=False)
    watcher = Watcher()
    assert equal(whole, trainer(tmp_path / "killed", STREAM, watcher).run(resume=True))
    assert "no checkpoint yet" in watcher.notices[0]


@pytest.mark.parametrize("name", ["stream", "sentences", "sentences in segments"])
def test_a_run_learns_and_the_row_of_pad_stays_zero(tmp_path: Path, name: str) -> None:
    settings = replace(
        SETTINGS[name], epochs=None, tokens=None, steps=150, dropout=0.0, batch_size=16, learning_rate=0.02
    )
    watcher = Watcher()
    outcome = trainer(tmp_path / "run", settings, watcher).run(resume=False)
    assert not outcome.tensors["embedding"][0].any()
    assert all(np.isfinite(array).all() for array in outcome.tensors.values())
    # 22 equal outputs at first; then a word is mostly known from the one before it.
    assert watcher.heard[0].loss == pytest.approx(np.log(22), abs=0.1)
    assert outcome.metric is not None
    assert outcome.metric < 17
    assert [progress.step for progress in watcher.heard] == list(range(1, 151))


def test_the_best_weights_by_validation_are_kept(tmp_path: Path) -> None:
    """A rate so high that the run gets worse; what is kept is the best that was seen."""
    settings = replace(STREAM, steps=120, learning_rate=0.6, warmup=0.9, clip=0.0)
    outcome = trainer(tmp_path / "run", settings, Watcher()).run(resume=False)
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    seen = [line["valid_perplexity_striped"] for line in lines if "valid_perplexity_striped" in line]
    assert len(seen) >= 10
    assert min(seen) < seen[-1]
    model = Network(ARCHITECTURE, torch.Generator())
    model.load(outcome.tensors, "")
    assert np.exp(striped_nats(model, VALID)) == pytest.approx(min(seen), rel=1e-9)
    assert outcome.metric == pytest.approx(min(seen), rel=1e-9)


def test_the_last_weights_are_kept_where_they_are_wanted(tmp_path: Path) -> None:
    settings = replace(STREAM, steps=120, learning_rate=0.6, warmup=0.9, clip=0.0, keep="last")
    one = trainer(tmp_path / "run", settings, Watcher())
    outcome = one.run(resume=False)
    assert all(np.array_equal(array, outcome.tensors[name]) for name, array in one._learner.model.tensors().items())


def test_without_a_validation_split_the_last_weights_are_kept(tmp_path: Path) -> None:
    nothing = Ids(np.empty(0, np.uint16), np.zeros(1, np.int64), np.empty(0, np.uint32))
    one = trainer(tmp_path / "run", STREAM, Watcher(), nothing)
    outcome = one.run(resume=False)
    assert outcome.metric is None
    assert all(np.array_equal(array, outcome.tensors[name]) for name, array in one._learner.model.tensors().items())


def test_the_rate_rises_falls_and_ends_at_zero() -> None:
    for schedule in ("cosine", "linear"):
        one = settled_with(learning_rate=2.0, warmup=0.1, schedule=schedule)
        assert rate_at(one, 0.0, 0) == 0.0
        assert rate_at(one, 0.05, 0) == pytest.approx(1.0)
        assert rate_at(one, 0.1, 0) == pytest.approx(2.0)
        assert rate_at(one, 0.55, 0) == pytest.approx(1.0)
        assert rate_at(one, 1.0, 0) == pytest.approx(0.0, abs=1e-12)
        assert rate_at(replace(one, warmup=0.0), 0.0, 0) == 2.0
        falling = [rate_at(one, fraction, 0) for fraction in np.linspace(0.1, 1, 50)]
        assert falling == sorted(falling, reverse=True)


def test_the_rate_falls_epoch_by_epoch_after_some_or_stays() -> None:
    settings = settled_with(learning_rate=2.0, warmup=0.0, schedule="epochs", decay_after=4, decay=0.5)
    assert [rate_at(settings, epoch / 8, epoch) for epoch in (0.0, 3.9, 4.0, 4.9, 5.0, 7.5)] == [2, 2, 1, 1, 0.5, 0.125]
    assert rate_at(replace(settings, schedule="constant"), 0.9, 9.0) == 2.0


@pytest.mark.parametrize("kind", ["word", "char"])
def test_sizes_follow_from_the_corpus(kind: str) -> None:
    """One epoch over 10 kB is some hundreds of updates; larger corpora never get a smaller network or batch."""
    before: Any = None
    for tokens in (2_000, 10_000, 100_000, 1_000_000, 20_000_000):
        settings, dimensions = fill_in(
            TrainSettings(), task="language", kind=kind, tokens=tokens, lines=tokens // 10, embedding=None
        )
        assert settings.hidden and settings.batch_size and settings.bptt and settings.epochs
        long = settings.tied and tokens >= 1_000_000
        tied = min(settings.hidden // 2, 256) if long else settings.hidden
        assert dimensions == (tied if settings.tied else min(settings.hidden, 64))
        assert settings.embedding_rate == (2.0 if long else None)
        steps = tokens / (settings.batch_size * int(settings.bptt))
        if tokens <= 100_000:
            assert 50 <= steps <= 1000
        if before is not None:
            assert settings.hidden >= before.hidden
            assert settings.batch_size >= before.batch_size
            assert settings.epochs <= before.epochs
        before = settings
    given = settled_with(
        hidden=33, batch_size=5, bptt="7", dropout=0.0, epochs=2.0, learning_rate=0.5, tied=False, pooling="steps",
        skip_connection=False, output_layer="full", dropout_words=0.1, dropout_recurrent=0.2, locked=True,
        activation_penalty=2.0, temporal_penalty=1.0, temperature_scaling=True, read_out="linear",
    )  # fmt: skip
    assert fill_in(given, task="language", kind=kind, tokens=9_000, lines=900, embedding=21) == (given, 21)
    for one in (TrainSettings(optimizer="sgd"), TrainSettings(embedding_rate=1.0, tied=True)):
        found, _ = fill_in(one, task="language", kind="word", tokens=10**6, lines=10, embedding=None)
        assert found.embedding_rate is None


def test_a_corpus_too_small_for_a_batch_is_refused() -> None:
    with pytest.raises(InputError, match="too few for 64 streams"):
        fill_in(TrainSettings(batch_size=64), task="language", kind="word", tokens=100, lines=10, embedding=None)
