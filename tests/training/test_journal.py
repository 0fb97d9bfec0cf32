"""The journal of a run with a time budget: a replay gives identical bytes; damage is refused."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from settled_settings import settled_with

from rnnlm.corpus.ids import Ids
from rnnlm.errors import ArtifactError
from rnnlm.model.architecture import Architecture
from rnnlm.model.network import Network
from rnnlm.training import budget_clock, loop
from rnnlm.training.budget_clock import Budget
from rnnlm.training.identity import Identity
from rnnlm.training.journal import Header, Journal, Record, read_journal
from rnnlm.training.language import LanguageObjective
from rnnlm.training.loop import Trainer
from rnnlm.training.machine import no_promise, this_machine
from rnnlm.training.progress import Outcome, Progress, Stopped
from rnnlm.training.settings import SettledSettings

ARCHITECTURE = Architecture("lstm", 24, 8, 10, 1, True)
HEADER = Header({"vocab": "a" * 64}, {"threads": 1}, 300)
SETTINGS = settled_with(
    budget="60s", batch_size=4, bptt="9", learning_rate=0.02, dropout=0.3, average=0.9, average_from=0.3, warmup=0.1,
    checkpoint_every="0s",
)  # fmt: skip
REPLAYED = replace(SETTINGS, budget=None, replay="journal.tsv")


class UnevenClock:
    """A clock whose steps are never alike."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.Generator(np.random.PCG64(seed))
        self.now = 1_000.0

    def monotonic(self) -> float:
        self.now += float(self._random.exponential(0.3))
        return self.now


class KilledError(Exception):
    """Stands for a process that is gone from one step to the next."""


class Watcher:
    """Stops a run after a step, or kills it."""

    def __init__(self, stop_at: int = 0, kill_at: int = 0) -> None:
        self._stop_at, self._kill_at, self.step = stop_at, kill_at, 0

    def progress(self, progress: Progress) -> None:
        self.step = progress.step
        if self.step == self._kill_at:
            raise KilledError

    def notice(self, text: str) -> None:
        pass

    def stop_signal(self) -> int | None:
        return 15 if self.step == self._stop_at else None


def text(tokens: int, seed: int) -> Ids:
    ids = np.random.Generator(np.random.PCG64(seed)).integers(4, 24, tokens).astype(np.uint16)
    ids[7::8] = 2
    return Ids(ids, np.arange(0, tokens + 1, 8), np.zeros(1, np.uint32))


TRAIN, VALID = text(1_600, 1), text(400, 2)


def trained(
    directory: Path, settings: SettledSettings, watcher: Watcher, *, resume: bool = False, record: Record | None = None,
    monkeypatch: pytest.MonkeyPatch | None = None, seed: int = 1,
) -> Outcome:  # fmt: skip
    """A run by the clock, or by a record."""
    directory.mkdir(exist_ok=True)
    network = Network(ARCHITECTURE, torch.Generator().manual_seed(1))
    objective = LanguageObjective(TRAIN, VALID, settings, validated=HEADER.validated_tokens)
    if record is not None:
        return Trainer(network, objective, settings, directory, watcher, record=record).run(resume=resume)
    assert monkeypatch is not None
    clock = UnevenClock(seed)
    monkeypatch.setattr(budget_clock, "time", clock)
    with Journal(directory / "journal.tsv", HEADER) as journal:
        budget = Budget(60, clock.now - 2, 4)
        trainer = Trainer(network, objective, settings, directory, watcher, budget, journal=journal)
        return trainer.run(resume=resume)


def same(one: Path, other: Path, outcomes: tuple[Outcome, Outcome]) -> None:
    """Weights, metrics and logs."""
    a, b = outcomes
    assert all(np.array_equal(a.tensors[name], b.tensors[name]) for name in a.tensors)
    assert (a.steps, a.tokens_seen, a.metric) == (b.steps, b.tokens_seen, b.metric)
    assert (one / "metrics.jsonl").read_bytes() == (other / "metrics.jsonl").read_bytes()


def test_a_replay_of_a_budget_gives_identical_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = trained(tmp_path / "first", SETTINGS, Watcher(), monkeypatch=monkeypatch)
    record = read_journal(tmp_path / "first" / "journal.tsv")
    assert len(record) == first.steps > 50
    again = trained(tmp_path / "again", REPLAYED, Watcher(), record=record)
    same(tmp_path / "first", tmp_path / "again", (first, again))
    # A replay can be stopped and continued like any other run.
    with pytest.raises(Stopped):
        trained(tmp_path / "parts", REPLAYED, Watcher(stop_at=20), record=record)
    parts = trained(tmp_path / "parts", REPLAYED, Watcher(), record=record, resume=True)
    same(tmp_path / "first", tmp_path / "parts", (first, parts))


def test_so_does_that_of_a_stopped_and_killed_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken"
    with pytest.raises(Stopped):
        trained(broken, SETTINGS, Watcher(stop_at=13), monkeypatch=monkeypatch)
    with pytest.raises(KilledError):
        trained(broken, SETTINGS, Watcher(kill_at=31), resume=True, monkeypatch=monkeypatch, seed=2)
    fractions = [float(line.split("\t")[1]) for line in (broken / "journal.tsv").read_text().splitlines()[2:]]
    reached = fractions[-1]
    broken_off = trained(broken, SETTINGS, Watcher(), resume=True, monkeypatch=monkeypatch, seed=3)
    record = read_journal(broken / "journal.tsv")
    assert len(record) == broken_off.steps
    # The checkpoint was of step 30; what came after it was lost, but its time was spent.
    assert record.fractions[31] > reached
    again = trained(tmp_path / "again", REPLAYED, Watcher(), record=record)
    same(broken, tmp_path / "again", (broken_off, again))


def test_a_run_killed_early_has_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = replace(SETTINGS, checkpoint_every="60s")
    monkeypatch.setattr(loop, "time", UnevenClock(2))
    with pytest.raises(KilledError):
        trained(tmp_path, settings, Watcher(kill_at=12), monkeypatch=monkeypatch)
    (checkpoint,) = (tmp_path / "checkpoints").glob("step-*")
    assert 0 < int(checkpoint.name.removeprefix("step-")) < 12


def test_a_journal_says_what_the_run_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = trained(tmp_path / "run", SETTINGS, Watcher(), monkeypatch=monkeypatch)
    record = read_journal(tmp_path / "run" / "journal.tsv")
    assert record.header == HEADER
    assert (np.diff(record.fractions) > 0).all()
    assert record.rates[0] < 1e-2 < record.rates.max() <= 0.02
    assert set(record.lengths) <= set(range(1, 11))
    assert int(record.lengths.sum()) * 4 == outcome.tokens_seen
    logged = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert all(line["learning_rate"] == record.rates[line["step"] - 1] for line in logged)


def finished(path: Path) -> list[bytes]:
    """A small journal of three steps; its lines."""
    with Journal(path, HEADER) as journal:
        for step in range(3):
            journal.write(step, step / 3, 0.1, 9)
        journal.finish()
    return path.read_bytes().splitlines(keepends=True)


def signed(lines: list[bytes]) -> bytes:
    """Lines with the digest that goes with them."""
    body = b"".join(lines)
    return body + b"# " + hashlib.sha256(body).hexdigest().encode() + b"\n"


DAMAGES: dict[str, tuple[Callable[[list[bytes]], bytes], str]] = {
    "a step changed": (lambda lines: b"".join(lines).replace(b"\t0.1\t", b"\t0.2\t", 1), "has changed"),
    "a line gone": (lambda lines: b"".join(lines[:3] + lines[4:]), "has changed"),
    "not finished": (lambda lines: b"".join(lines[:-1]), "not finished"),
    "empty": (lambda lines: b"", "not finished"),
    "signed, steps missing": (lambda lines: signed(lines[:3] + lines[4:-1]), "is damaged"),
    "signed, a step too many": (lambda lines: signed([*lines[:-1], lines[2]]), "is damaged"),
    "signed, no number": (lambda lines: signed([*lines[:4], b"2\t0.5\tx\t9\n"]), "is damaged"),
    "signed, not finite": (lambda lines: signed([*lines[:4], b"2\t0.5\tnan\t9\n"]), "is damaged"),
    "signed, falling": (lambda lines: signed([*lines[:4], b"2\t0.1\t0.1\t9\n"]), "is damaged"),
    "signed, beyond the end": (lambda lines: signed([*lines[:4], b"2\t1.5\t0.1\t9\n"]), "is damaged"),
    "signed, no length": (lambda lines: signed([*lines[:4], b"2\t0.7\t0.1\t0\n"]), "is damaged"),
    "signed, no header": (lambda lines: signed(lines[1:-1]), "damaged|no journal"),
    "signed, no steps": (lambda lines: signed(lines[:2]), "is damaged"),
    "another format": (lambda lines: signed([b'{"format": "x", "version": 1}\n', *lines[1:-1]]), "no journal"),
    "newer": (lambda lines: signed([lines[0].replace(b'"version": 1', b'"version": 2'), *lines[1:-1]]), "version 2"),
    "deep": (lambda lines: signed([b"[" * 5000 + b"\n", *lines[1:-1]]), "no journal"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_journal_is_refused_by_name(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "journal.tsv"
    lines = finished(path)
    assert len(read_journal(path)) == 3
    change, words = DAMAGES[damage]
    path.write_bytes(change(lines))
    with pytest.raises(ArtifactError, match=f"journal.tsv.*({words})"):
        read_journal(path)


def test_every_shortened_journal_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.tsv"
    content = b"".join(finished(path))
    for length in range(len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(ArtifactError):
            read_journal(path)


def test_a_text_read_differently_from_the_journal_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained(tmp_path / "first", SETTINGS, Watcher(), monkeypatch=monkeypatch)
    record = read_journal(tmp_path / "first" / "journal.tsv")
    with pytest.raises(ArtifactError, match=r"steps of text.*in the journal"):
        trained(tmp_path / "again", replace(REPLAYED, seed=2), Watcher(), record=record)


def test_another_machine_is_told_apart() -> None:
    here = this_machine("cpu", 1)
    assert no_promise(here, here) is None
    doubt = no_promise({**here, "threads": 7, "torch": "1.0"}, here)
    assert doubt is not None
    assert "threads 7 is 1 now" in doubt and "torch 1.0 is" in doubt and "the bytes may differ" in doubt


def test_a_checkpoint_of_other_threads_is_continued_with_a_notice(tmp_path: Path) -> None:
    heard: list[str] = []

    class Hearing(Watcher):
        def notice(self, text: str) -> None:
            heard.append(text)

    settings = replace(SETTINGS, budget=None, steps=30)
    for threads, watcher in ((1, Hearing(stop_at=9)), (2, Hearing())):
        network = Network(ARCHITECTURE, torch.Generator().manual_seed(1))
        objective = LanguageObjective(TRAIN, VALID, settings)
        run = Identity({}, {}, {}, "", machine={"threads": threads})
        trainer = Trainer(network, objective, settings, tmp_path, watcher, identity=run)
        if threads == 1:
            with pytest.raises(Stopped):
                trainer.run(resume=False)
        else:
            assert trainer.run(resume=True).steps == 30
    assert "threads 1 is 2 now: the bytes may differ from those of an undisturbed run" in heard


def test_a_run_is_reviewed_once_after_a_tenth_of_its_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, seen = UnevenClock(4), []
    monkeypatch.setattr(budget_clock, "time", clock)
    network = Network(ARCHITECTURE, torch.Generator().manual_seed(1))
    objective = LanguageObjective(TRAIN, VALID, SETTINGS, validated=HEADER.validated_tokens)
    with Journal(tmp_path / "journal.tsv", HEADER) as journal:
        trainer = Trainer(
            network, objective, SETTINGS, tmp_path, Watcher(), Budget(60, clock.now - 2, 4), journal=journal,
            review=lambda *each: seen.append(each),
        )  # fmt: skip
        outcome = trainer.run(resume=False)
    ((tokens_per_second, left),) = seen
    assert 0.8 * 54 < left < 0.9 * 54  # 54 s less the two before the first step
    assert tokens_per_second == pytest.approx(outcome.tokens_seen / 54, rel=0.5)


def test_a_journal_says_what_a_run_that_was_begun_again_had_been(tmp_path: Path) -> None:
    header = replace(HEADER, begun_again={"units": 64, "tokens_per_second": 10.5, "left": 9.0})
    path = tmp_path / "journal.tsv"
    with Journal(path, header) as journal:
        journal.write(0, 0.0, 0.1, 9)
        journal.finish()
    assert read_journal(path).header == header
    path.write_bytes(path.read_bytes().replace(b'{"units": 64, "tokens_per_second": 10.5, "left": 9.0}', b"[1]"))
    with pytest.raises(ArtifactError):
        read_journal(path)
    assert "begun_again" not in HEADER.line()
