"""Labels and real values through the one trainer: exact costs, truncation, forced input, and learning that works."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from settled_settings import settled_with

from rnnlm.corpus.sequences import SequenceBatch, SequenceBatches
from rnnlm.errors import UsageError
from rnnlm.model.architecture import Architecture
from rnnlm.model.dropout import Dropout
from rnnlm.model.network import ForcedInput, Network
from rnnlm.model.pooling import summarised
from rnnlm.model.prediction import label_nats, last_states, predictions, previous_of
from rnnlm.training.defaults import fill_in
from rnnlm.training.loop import Trainer
from rnnlm.training.progress import Outcome, Stopped
from rnnlm.training.sequences import SequenceObjective, label_counts
from rnnlm.training.settings import SettledSettings, TrainSettings

# One for each way in which a segment is run.
CELLS = ("elman", "elman-relu", "output-recurrent", "lstm", "gru", "lstm-peephole", "qrnn", "slstm")
RANDOM = np.random.Generator(np.random.PCG64(4))
HEADS = [("tag", "steps"), *(("forecast", head) for head in ("steps", "last", "mean", "max")),
         *(("classify", head) for head in ("last", "mean", "max"))]  # fmt: skip
# An output-recurrent network has no output to feed back before the end of a text, and a QRNN needs more steps to count.
CELLS_OF_TASKS = [
    (task, cell)
    for task in ("tag", "classify", "forecast")
    for cell in CELLS
    if (task, cell) not in (("classify", "output-recurrent"), ("classify", "qrnn"))
]
SETTINGS = settled_with(steps=40, batch_size=8, bptt="full", learning_rate=0.02, dropout=0.0, checkpoint_every="1h")


@dataclass(frozen=True)
class Made:
    """Sequences of 1 to 9 random ids below 12; what is asked follows from them."""

    task: str
    ids: list[list[int]]

    def __len__(self) -> int:
        return len(self.ids)

    def lengths(self) -> Any:
        return np.array([len(line) for line in self.ids])

    def batch(self, rows: Any) -> Any:
        lines = [self.ids[row] for row in rows]
        lengths = np.array([len(line) for line in lines])
        inputs = np.zeros((lengths.max(), len(lines)), np.int64)
        for column, line in enumerate(lines):
            inputs[: len(line), column] = line
        inside = inputs > 0
        if self.task == "tag":  # whether the id before was even
            before = np.concatenate([np.zeros_like(inputs[:1]), inputs[:-1]])
            return inputs, np.where(inside, before % 2, -1), lengths
        if self.task == "classify":  # the first id
            return inputs, inputs[0] % 3, lengths
        sums = np.where(inside, inputs, 0).cumsum(0) / 10.0
        values = np.where(inside, sums, np.nan)[..., None].astype(np.float32)
        return (inputs[..., None] / 10.0 * inside[..., None]).astype(np.float32), values, lengths


def made(task: str, count: int = 200, seed: int = 1) -> Made:
    """Data of a task."""
    random = np.random.Generator(np.random.PCG64(seed))
    return Made(task, [[int(n) for n in random.integers(1, 12, random.integers(1, 10))] for _ in range(count)])


def network(task: str, cell: str = "lstm", head: str | None = None, *, seed: int = 1) -> Network:
    """A network for `made(task)`."""
    head = head or ("last" if task == "classify" else "steps")
    real = task == "forecast"
    architecture = Architecture(
        cell, 0 if real else 12, 0 if real else 6, 16, 1, False, task=task, features=int(real),
        labels={"tag": 2, "classify": 3, "forecast": 1}[task], summary=head, forced=cell == "output-recurrent",
    )  # fmt: skip
    return Network(architecture, torch.Generator().manual_seed(seed))


class Watcher:
    """Asks a run to stop at a step."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.stop_at, self.step = stop_at, 0

    def progress(self, progress: Any) -> None:
        self.step = progress.step

    def notice(self, text: str) -> None:
        pass

    def stop_signal(self) -> int | None:
        return 15 if self.step == self.stop_at else None


def run(directory: Path, model: Network, settings: SettledSettings, *, stop_at: int | None = None,
        resume: bool = False) -> Outcome:  # fmt: skip
    """Train on `made` data of the model's task."""
    directory.mkdir(exist_ok=True)
    task = model.architecture.task
    objective = SequenceObjective(made(task), made(task, 60, seed=2), settings, task)
    return Trainer(model, objective, settings, directory, Watcher(stop_at)).run(resume=resume)


def everything(model: Network, data: Made, batch_size: int, **more: Any) -> dict[int, Any]:
    """The outputs for every sequence by its number, up to its true length."""
    found = {}
    for piece in predictions(model, data, batch_size, **more):
        for column, row in enumerate(piece.rows):
            steps = piece.outputs[: piece.lengths[column], column] if piece.outputs.ndim == 3 else piece.outputs[column]
            found[int(row)] = steps
    return found


@pytest.mark.parametrize(("task", "head"), HEADS)
def test_a_padded_batch_gives_the_outputs_of_its_sequences_alone(task: str, head: str) -> None:
    model, data = network(task, head=head), made(task, 40)
    together, alone = everything(model, data, 16), everything(model, data, 1)
    assert set(together) == set(range(40))
    assert all(np.abs(together[row] - alone[row]).max() < 1e-5 for row in together)


def test_pooling_reads_nothing_beyond_the_true_length() -> None:
    h = torch.randn(7, 3, 4)
    lengths = torch.tensor([7, 2, 5])
    for how in ("last", "mean", "max"):
        whole = summarised(h, lengths, how)
        for column, length in enumerate(lengths.tolist()):
            part = h[:length, column]
            wanted = {"last": part[-1], "mean": part.mean(0), "max": part.amax(0)}[how]
            assert torch.allclose(whole[column], wanted, atol=1e-6)
        changed = h.clone()
        changed[2:, 1] = 1e9
        assert torch.equal(summarised(changed, lengths, how)[1], whole[1])


@pytest.mark.parametrize("task", ["tag", "classify", "forecast"])
def test_the_training_loss_is_the_sum_that_evaluation_gives(task: str) -> None:
    model, data = network(task), made(task, 24)
    objective = SequenceObjective(data, data, SETTINGS, task)
    inputs, targets, lengths = data.batch(np.arange(24))
    dropout = Dropout(torch.Generator())
    batch = SequenceBatch(inputs, targets, lengths, 0)
    cost = objective.cost(model, batch, (), dropout, 0.0)
    total, count = 0.0, 0
    for piece in predictions(model, data, 5):
        if task == "forecast":
            errors = (piece.outputs - piece.targets)[~np.isnan(piece.targets)]
            total, count = total + 0.5 * float((errors**2).sum()), count + errors.size
        else:
            nats = label_nats(piece.outputs, piece.targets)
            total, count = total + float(nats.sum()), count + nats.size
    assert objective.counts(model, batch).predictions == count
    assert cost.tokens == int(data.lengths().sum())
    assert float(cost.total.detach()) == pytest.approx(total, rel=1e-5)


def test_truncation_changes_gradients_but_no_output() -> None:
    data = made("classify", 24)
    inputs, targets, lengths = data.batch(np.arange(24))
    gradients = []
    for bptt in ("full", "2", "9"):
        settings = replace(SETTINGS, bptt=bptt)
        model = network("classify", head="mean")
        objective = SequenceObjective(data, data, settings, "classify")
        cost = objective.cost(model, SequenceBatch(inputs, targets, lengths, 0), (), Dropout(torch.Generator()), 0.0)
        (gradient,) = torch.autograd.grad(cost.total, model.cells[0].W)
        gradients.append((float(cost.total.detach()), gradient))
    (whole, full), (short, cut), (long, uncut) = gradients
    assert short == pytest.approx(whole, rel=1e-5)
    assert long == pytest.approx(whole, rel=1e-5)
    assert torch.allclose(full, uncut, atol=1e-5)
    assert not torch.allclose(full, cut, atol=1e-3)


@pytest.mark.parametrize(("task", "cell"), CELLS_OF_TASKS)
def test_every_cell_learns_every_task(tmp_path: Path, cell: str, task: str) -> None:
    model = network(task, cell)
    first = SequenceObjective(made(task), made(task, 60, seed=2), SETTINGS, task).validate(model)
    outcome = run(tmp_path / "run", model, replace(SETTINGS, steps=250, learning_rate=0.008))
    objective = SequenceObjective(made(task), made(task, 60, seed=2), SETTINGS, task)
    model.load(outcome.tensors, "")
    last = objective.validate(model)
    assert first is not None and last is not None
    assert last < 0.85 * first
    assert outcome.metric == pytest.approx(objective.metric(last), rel=1e-6)


@pytest.mark.parametrize(("clip", "wanted"), [(1e-6, 1.0), (1e6, 0.0), (0.0, 0.0)])
def test_the_fraction_of_clipped_steps_is_logged(tmp_path: Path, clip: float, wanted: float) -> None:
    outcome = run(tmp_path / "run", network("tag"), replace(SETTINGS, clip=clip))
    assert outcome.clipped_fraction == wanted
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert {line["clipped_fraction"] for line in lines} == {wanted}


@pytest.mark.parametrize("task", ["tag", "classify", "forecast"])
def test_a_stopped_run_of_sequences_continues_to_the_same_bytes(tmp_path: Path, task: str) -> None:
    settings = replace(SETTINGS, average=0.95, dropout=0.3)
    whole = run(tmp_path / "whole", network(task), settings)
    with pytest.raises(Stopped):
        run(tmp_path / "stopped", network(task), settings, stop_at=17)
    resumed = run(tmp_path / "stopped", network(task), settings, resume=True)
    assert all(np.array_equal(whole.tensors[name], resumed.tensors[name]) for name in whole.tensors)
    assert (tmp_path / "whole" / "metrics.jsonl").read_bytes() == (tmp_path / "stopped" / "metrics.jsonl").read_bytes()


def test_teacher_forcing_all_at_once_is_teacher_forcing_step_by_step() -> None:
    for task in ("tag", "forecast"):
        model, data = network(task, "output-recurrent"), made(task, 20)
        inputs, targets, _ = (torch.from_numpy(part) for part in data.batch(np.arange(20)))
        previous = previous_of(targets)
        always = torch.ones(inputs.shape[:2], dtype=torch.bool)
        states = model.initial_state(20)
        at_once = model.read(inputs, states, forced=ForcedInput(previous))
        stepped = model.read(inputs, states, forced=ForcedInput(previous, always))
        free = model.read(inputs, states, forced=ForcedInput(previous, ~always))
        assert torch.allclose(at_once.output, stepped.output, atol=1e-6)
        assert torch.allclose(free.output, model.read(inputs, states).output, atol=1e-6)
        assert not torch.allclose(free.output, at_once.output, atol=1e-3)


def test_forced_and_free_running_differ_only_for_a_network_that_feeds_back() -> None:
    for cell, differ in (("output-recurrent", True), ("lstm", False)):
        model, data = network("tag", cell), made("tag", 30)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.mul_(3)
        free, forced = everything(model, data, 8), everything(model, data, 8, forced=True)
        assert any(np.abs(free[row] - forced[row]).max() > 1e-3 for row in free) == differ


@pytest.mark.parametrize("forcing", ["teacher", "free", "scheduled"])
def test_every_signal_trains(tmp_path: Path, forcing: Any) -> None:
    settings = replace(SETTINGS, steps=120, cell="output-recurrent", forcing=forcing)
    model = network("tag", "output-recurrent")
    first = SequenceObjective(made("tag"), made("tag", 60, seed=2), settings, "tag").validate(model)
    outcome = run(tmp_path / "run", model, settings)
    assert first is not None and outcome.metric is not None
    assert outcome.metric < np.exp(first)


def test_last_states_are_those_after_each_sequence() -> None:
    model, data = network("classify"), made("classify", 20)
    for rows, states in last_states(model, data, 6):
        for row, state in zip(rows, states, strict=True):
            alone = torch.tensor(data.ids[row]).unsqueeze(1)
            _, after = model(alone, model.initial_state(1))
            assert np.abs(after[-1][0][0].detach().numpy() - state).max() < 1e-5


def test_batches_visit_each_sequence_once_per_epoch() -> None:
    data = made("classify", 57)
    batches = iter(SequenceBatches(data, 8, seed=3))
    for epoch in range(2):
        seen = 0
        while seen < 57:
            batch = next(batches)
            assert batch.epoch == epoch
            seen += len(batch.lengths)
        assert seen == 57
    assert SequenceBatches(data, 8, seed=3).tokens_per_epoch == int(data.lengths().sum())


def test_counts_of_labels_are_those_of_the_data() -> None:
    data = made("classify", 300)
    _, targets, _ = data.batch(np.arange(300))
    assert label_counts(data, 3).tolist() == np.bincount(targets, minlength=3).tolist()


@pytest.mark.parametrize(
    ("task", "given"),
    [
        ("tag", {"tied": True}),
        ("tag", {"pooling": "last"}),
        ("classify", {"pooling": "steps"}),
        ("classify", {"cell": "output-recurrent"}),
        ("tag", {"skip_connection": True}),
        ("language", {"pooling": "mean"}),
        ("language", {"bptt": "full"}),
    ],
)
def test_settings_that_do_not_go_with_a_task_are_refused(task: str, given: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        fill_in(TrainSettings(**given), task=task, kind="word", tokens=10_000, lines=500, embedding=None)
