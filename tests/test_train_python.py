"""`rnnlm.train` and `rnnlm.load`: what the command line does, from Python, and nothing of the process changed."""

import logging
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import needs

import rnnlm
from rnnlm.errors import InputError, StoppedError, UsageError
from rnnlm.training.progress import Progress
from rnnlm.use.loaded import LoadedModel
from rnnlm.use.loaded_tasks import LoadedForecaster, LoadedLabeller

SIZE = {"hidden": 8, "embedding": 8, "batch_size": 2, "bptt": 8, "steps": 20, "checkpoint_steps": 5, "seed": 3}
SMALL = {"hidden": 8, "steps": 40, "seed": 1}
FLAGS = [part for name, value in SIZE.items() for part in ("--set", f"{name}={value}")]


def weights(work: Path, name: str = "lstm") -> bytes:
    """A model's weights."""
    return (work / "models" / name / "weights.safetensors").read_bytes()


def test_it_trains_what_the_command_trains_and_prints_nothing(
    tmp_path: Path, run: Any, corpus: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    run("train", corpus, "--out", tmp_path / "shell", *FLAGS).ok()
    monkeypatch.setenv("RNNLM_HIDDEN", "99")  # meant for the command line
    seen: list[Progress] = []
    torch.set_num_threads(2)
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with caplog.at_level(logging.INFO, "rnnlm"):
        model = rnnlm.train(corpus, out=tmp_path / "python", progress=seen.append, threads=1, **SIZE)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert torch.get_num_threads() == 2
    assert capfd.readouterr() == ("", "")
    assert any("clean" in record.message for record in caplog.records)
    assert weights(tmp_path / "python") == weights(tmp_path / "shell")
    assert [each.step for each in seen] == list(range(1, 21)) and seen[-1].fraction == 1.0
    assert isinstance(model, LoadedModel) and model.sealed.path == tmp_path / "python" / "models" / "lstm"
    assert "language model" in repr(model) and "valid perplexity" in repr(model)
    again = rnnlm.train(tmp_path / "python", **SIZE)  # a workspace, found done
    assert again.sealed.model_sha256 == model.sealed.model_sha256


def test_an_interrupt_saves_and_a_second_call_continues(tmp_path: Path, corpus: Path) -> None:
    rnnlm.train(corpus, out=tmp_path / "whole", **SIZE)

    def interrupt(progress: Progress) -> None:
        if progress.step == 8:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(StoppedError, match="SIGINT, a checkpoint is saved") as stopped:
        rnnlm.train(corpus, out=tmp_path / "cut", progress=interrupt, **SIZE)
    assert stopped.value.exit_code == 130 and signal.getsignal(signal.SIGINT) is before
    with pytest.raises(UsageError, match="unfinished run"):
        rnnlm.train(corpus, out=tmp_path / "cut", **SIZE)
    steps: list[int] = []
    rnnlm.train(corpus, out=tmp_path / "cut", progress=lambda each: steps.append(each.step), resume=True, **SIZE)
    assert steps[0] == 9
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")


def test_it_works_outside_the_main_thread(tmp_path: Path, corpus: Path) -> None:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(rnnlm.train(corpus, out=tmp_path / "work", **SIZE)))
    thread.start()
    thread.join()
    assert found and found[0].score("the cat sees milk").bits > 0


def test_a_budget_counts_from_the_call(tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the process has run, as a notebook's has."""
    from rnnlm.app.train import budget

    monkeypatch.setattr(budget, "started_at", lambda: -1e6)
    rnnlm.train(corpus, out=tmp_path / "work", budget="10s", hidden=8)
    steps = (tmp_path / "work" / "models" / "lstm" / "journal.tsv").read_text().splitlines()
    assert len(steps) > 50


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"hiden": 3}, "there is no setting 'hiden': did you mean hidden?"),
        ({"calibrate": True}, "it is temperature_scaling now"),
        ({"json": True}, "there is no setting 'json'"),
        ({"hidden": "many"}, "--hidden is 'many'"),
        ({"hidden": 0}, "--hidden"),
        ({"epochs": 1, "steps": 2}, "--epochs with --steps"),
    ],
)
def test_a_wrong_setting_is_a_usage_error(tmp_path: Path, corpus: Path, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words.replace("?", r"\?")):
        rnnlm.train(corpus, out=tmp_path / "work", **settings)
    assert not (tmp_path / "work").exists()


def test_a_corpus_that_is_missing_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.txt"):
        rnnlm.train(tmp_path / "none.txt", out=tmp_path / "work")


def test_labels_from_python(tmp_path: Path, run: Any) -> None:
    rows = "".join(f"{'good' if n % 2 else 'bad'} text {n % 60}\t{'yes' if n % 2 else 'no'}\n" for n in range(120))
    (tmp_path / "texts.tsv").write_text("text\tlabel\n" + rows)
    labeller = rnnlm.train(tmp_path / "texts.tsv", out=tmp_path / "labels", task="classify", **SMALL)
    assert isinstance(labeller, LoadedLabeller) and set(labeller.labels) == {"yes", "no"}
    (tmp_path / "new.txt").write_text("good text 3\nbad text 1\n")
    shown = [
        line.split("\t") for line in run("predict", labeller.sealed.path, tmp_path / "new.txt").ok().out.splitlines()
    ]
    found = labeller.predict("good text 3\nbad text 1\n")
    assert found == labeller.predict(["good text 3", "bad text 1"])
    for each, (label, probability, text) in zip(found, shown, strict=True):
        assert (each.choices[0][0].label, each.text) == (label, text)
        assert f"{each.choices[0][0].probability:.4f}" == probability
    assert "labels each text with 2 labels" in repr(labeller)


def test_a_table_from_python(tmp_path: Path, run: Any) -> None:
    needs("tables")
    table = tmp_path / "table.csv"
    table.write_text("x\n" + "".join(f"{(n % 5) / 5}\n" for n in range(200)))
    forecaster = rnnlm.train(table, out=tmp_path / "air", window={"target": "x", "steps": 6}, **SMALL)
    assert isinstance(forecaster, LoadedForecaster) and forecaster.targets == ("x",)
    (row,) = forecaster.predict(table)
    shown = run("predict", forecaster.sealed.path, table).ok().out.splitlines()[1].split("\t")
    assert (str(row.row), f"{row.values['x']:.6g}") == (shown[0], shown[1])
    assert "forecasts x" in repr(forecaster)
    with pytest.raises(InputError, match="does not exist"):
        forecaster.predict(tmp_path / "none.csv")
    with pytest.raises(UsageError, match="there is no setting 'targets': did you mean target"):
        rnnlm.train(table, out=tmp_path / "other", window={"targets": "x"})


def test_a_loaded_model_takes_lines_and_gives_rows(trained: Path) -> None:
    model = rnnlm.load(trained)
    assert isinstance(model, LoadedModel)
    text = "the cat sees milk\nthe dogs like bread\n"
    one, lines = model.score(text, level="word"), model.score(text.splitlines(), level="word")
    assert list(lines) == list(one.rows) and lines.bits == one.bits
    assert all({"line", "word", "bits"} <= set(row) for row in lines)
    with pytest.raises(UsageError, match="a line end inside the line"):
        model.score(["a\nb"])
    words = model.next("the ca", k=2)
    assert [word.token for word in words] and all(word.token.startswith("ca") for word in words)
    with pytest.raises(UsageError, match="k is 0"):
        model.next("the", k=0)
