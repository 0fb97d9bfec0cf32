"""The study of lags: what a short lag takes to be learned, what its sequences hold, and what its figures depend on."""

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from rnnlm.builtin.memory_tasks import adding, copy, recall
from rnnlm.corpus.sequences import Sequences
from rnnlm.errors import UsageError
from rnnlm.model.network import Network
from rnnlm.training.lags.settings import RATES, STEPS, VARIANTS, LagSettings
from rnnlm.training.lags.study import LagRun, lag_study, open_gates
from rnnlm.training.lags.tasks import LAG_TASKS, TaskSequences

SMALL = LagSettings(lags="5", cells="lstm", steps=120, hidden=24, batch_size=16, learning_rate=0.01)


def study(task: str, settings: LagSettings) -> list[LagRun]:
    """Every run of a study on the CPU."""
    return list(lag_study(task, settings, "cpu"))


def random(seed: int = 3) -> np.random.Generator:
    """The same draws each time."""
    return np.random.Generator(np.random.PCG64(seed))


def untimed(runs: Sequence[LagRun]) -> list[LagRun]:
    """The runs without what is never the same twice."""
    return [replace(run, seconds=0.0) for run in runs]


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_gated_cells_learn_recall_at_a_short_lag(cell: str) -> None:
    (run,) = study("recall", replace(SMALL, cells=cell))
    assert run.metrics["accuracy"] is not None
    assert run.metrics["accuracy"] > 0.95  # a guess has 0.125
    assert run.metrics["nats_per_label"] is not None
    assert run.metrics["nats_per_label"] < 0.3  # a guess pays 2.079


def test_small_random_weights_lose_a_cue_that_gates_keep() -> None:
    plain, gated = study("recall", replace(SMALL, lags="25", cells="elman,gru"))
    assert plain.metrics["accuracy"] is not None
    assert gated.metrics["accuracy"] is not None
    assert plain.metrics["accuracy"] < 0.3
    assert gated.metrics["accuracy"] > 0.9


def test_adding_is_better_than_the_best_constant() -> None:
    (run,) = study("adding", replace(SMALL, lags="4", cells="gru", steps=300))
    assert run.metrics["mean_squared_error"] is not None
    assert run.metrics["mean_squared_error"] < 1 / 6 / 4


def test_copy_asks_only_for_what_was_read() -> None:
    """An untrained network is right by chance alone: the places where nothing is asked do not count."""
    (run,) = study("copy", replace(SMALL, steps=1))
    assert run.metrics["accuracy"] == pytest.approx(1 / 8, abs=0.03)
    assert run.metrics["nats_per_label"] == pytest.approx(np.log(8), abs=0.2)


def test_the_record_is_one_json_object_with_the_measures_of_its_task() -> None:
    common = {"network", "lag", "diverged", "steps", "seconds", "parameters", "clipped_fraction"}
    for task, measures in (("recall", {"accuracy", "nats_per_label"}), ("adding", {"mean_squared_error"})):
        (run,) = study(task, replace(SMALL, steps=2))
        record = json.loads(json.dumps(run.record(), allow_nan=False))
        assert set(record) == common | measures
        assert (record["network"], record["lag"], record["steps"], record["diverged"]) == ("lstm", 5, 2, False)
        assert record["seconds"] > 0


def test_a_run_depends_on_its_seed_and_not_on_the_other_runs() -> None:
    few = replace(SMALL, steps=20, lags="3,5", cells="elman,gru")
    runs = study("recall", few)
    assert [(run.lag, run.network) for run in runs] == [(3, "elman"), (3, "gru"), (5, "elman"), (5, "gru")]
    assert untimed(study("recall", few)) == untimed(runs)
    assert untimed(study("recall", replace(few, lags="5", cells="gru"))) == untimed(runs[3:])
    assert untimed(study("recall", replace(few, lags="5", cells="gru", seed=2))) != untimed(runs[3:])


def test_only_the_clipped_network_is_clipped() -> None:
    clipped, unclipped = study("recall", replace(SMALL, steps=10, clip=1e-6, cells="elman,elman-unclipped"))
    assert (clipped.clipped_fraction, unclipped.clipped_fraction) == (1.0, 0.0)


def test_a_loss_that_is_no_number_is_a_result_and_the_study_goes_on() -> None:
    runs = study("recall", replace(SMALL, learning_rate=1e38, steps=30, cells="elman-unclipped,lstm"))
    assert [run.network for run in runs] == ["elman-unclipped", "lstm"]
    assert runs[0].diverged
    assert runs[0].metrics == {"accuracy": None, "nats_per_label": None}
    assert 0 < runs[0].steps < 30
    assert runs[0].record()["clipped_fraction"] is None


def test_a_lag_that_cannot_be_is_refused_before_the_first_run() -> None:
    with pytest.raises(UsageError, match="at least 2"):
        lag_study("adding", replace(SMALL, lags="5,1"), "cpu")


@pytest.mark.parametrize("count", [7, 1500])
def test_task_sequences_are_the_draws_of_the_task(count: int) -> None:
    rows = np.array([count - 1, 0, 3])

    def batch(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        data: Sequences = TaskSequences(LAG_TASKS[name], 6, count, random())
        assert len(data) == len(data.lengths()) == count
        return data.batch(rows)

    inputs, labels = recall(6, count, random())
    found = batch("recall")
    assert np.array_equal(found[0], inputs[rows].T + 1)  # the id 0 pads, and its row never learns
    assert np.array_equal(found[1], labels[rows])
    assert found[2].tolist() == [7] * 3

    inputs, targets = copy(6, count, random())
    found = batch("copy")
    assert np.array_equal(found[0], inputs[rows].T + 1)
    assert np.array_equal(found[1], targets[rows].T)

    values, sums = adding(6, count, random())
    found = batch("adding")
    assert np.array_equal(found[0], values[rows].swapaxes(0, 1))
    assert np.array_equal(found[1][-1], sums[rows])
    assert np.isnan(found[1][:-1]).all()


@pytest.mark.parametrize("name", LAG_TASKS)
def test_ids_and_labels_fit_the_network(name: str) -> None:
    task = LAG_TASKS[name]
    architecture = task.architecture("gru", 5)
    inputs, targets, _ = TaskSequences(task, 9, 200, random()).batch(np.arange(200))
    known = targets[~np.isnan(targets)]
    if task.kind == "forecast":
        assert inputs.shape[2] == architecture.features
    else:
        assert (inputs.min(), inputs.max()) == (1, architecture.vocabulary - 1)
        assert known.max() == architecture.outputs - 1


def test_the_gates_keep_for_one_to_as_many_steps_as_there_are() -> None:
    for cell, keeps in (("lstm", 1), ("gru", 1)):
        network = Network(LAG_TASKS["recall"].architecture(cell, 200), torch.Generator().manual_seed(1))
        open_gates(network, 51, torch.Generator().manual_seed(2))
        gates = network.cells[0].b.detach().view(-1, 200)
        m = gates[keeps].exp()
        assert 1 <= float(m.min()) < 3 < 48 < float(m.max()) <= 50 * (1 + 1e-6)
        assert float(m.mean()) == pytest.approx(51 / 2, abs=3)
        others = {"lstm": -gates[keeps], "gru": torch.zeros(200)}[cell]
        assert torch.equal(gates[0], others)
        assert not gates[2:].any()


def test_cells_without_such_a_gate_stay_as_they_are() -> None:
    network = Network(LAG_TASKS["adding"].architecture("elman", 8), torch.Generator().manual_seed(1))
    before = network.tensors()
    open_gates(network, 100, torch.Generator().manual_seed(2))
    assert all(np.array_equal(array, before[name]) for name, array in network.tensors().items())


def test_every_network_of_the_study_has_a_budget_for_every_task() -> None:
    assert set(STEPS) == set(RATES) == set(LAG_TASKS)
    assert LagSettings().settled("adding").steps == STEPS["adding"]
    assert LagSettings(steps=3).settled("adding").steps == 3
    assert LagSettings().cells.split(",") == list(VARIANTS)
