"""`rnnlm.load`: the same numbers as the commands', whatever kind of model it is and wherever it lies."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import rnnlm
from rnnlm.errors import ArtifactError, InputError, RnnlmError, UsageError
from rnnlm.model.quantized import seal_quantized
from rnnlm.model.sealed import read_sealed
from rnnlm.use.loaded_tasks import LoadedLabeller

TEXT = "The old cat sees milk.\n\nthe unheardof dogs like Anna's ball\n"


@pytest.fixture(scope="module")
def models(trained: Path, tmp_path_factory: pytest.TempPathFactory, run: Any) -> dict[str, Path]:
    """A workspace, a network, the same in 8 bits, an n-gram model, each by its path."""
    directory = tmp_path_factory.mktemp("loaded")
    work = Path(shutil.copytree(trained, directory / "work"))
    run("ngram", work, "--order", "3").ok()
    small = directory / "int8"
    small.mkdir()
    seal_quantized(read_sealed(work / "models" / "lstm"), small, {})
    return {"workspace": work, "lstm": work / "models" / "lstm", "int8": small, "ngram": work / "models" / "ngram"}


KINDS = ("workspace", "lstm", "int8", "ngram")


@pytest.mark.parametrize("level", ["line", "word", "token", "region"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_score_is_that_of_the_command(
    models: dict[str, Path], run: Any, tmp_path: Path, kind: str, level: Any
) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(TEXT.encode().replace(b"\n", b"\r\n"))
    command = ("score", models[kind], path, "--format", "jsonl", "--quiet", "--report", tmp_path / "report.json")
    rows = [json.loads(line) for line in run(*command, "--level", level).ok().out.splitlines()]
    found = rnnlm.load(models[kind]).score(TEXT, level=level)
    assert list(found.rows) == rows
    report = json.loads((tmp_path / "report.json").read_text())
    assert {name: report[name] for name in found.metrics if name != "raw_sha256"} == {
        name: value for name, value in found.metrics.items() if name != "raw_sha256"
    }
    assert found.bits == report["bits"] and found.perplexity == report["perplexity"]
    assert found.bits == pytest.approx(sum(row["bits"] for row in rows))


def test_context_and_unknown_words_mean_what_the_flags_mean(models: dict[str, Path]) -> None:
    model = rnnlm.load(models["lstm"])
    assert model.score(TEXT, context="stream").bits != model.score(TEXT).bits
    assert model.score(TEXT, unknown="exclude").metrics["excluded_tokens"] == 1
    with pytest.raises(InputError, match="line 3: 'unheardof'"):
        model.score(TEXT, unknown="error")
    nothing = model.score("")
    assert (nothing.rows, nothing.bits, nothing.perplexity) == ((), 0.0, None)
    assert model.score("a tree\r\rmilk").metrics["lines"] == 3


@pytest.mark.parametrize("kind", KINDS)
def test_texts_are_those_of_the_command(models: dict[str, Path], run: Any, kind: str) -> None:
    flags = ("--prompt", "the old", "--seed", 5, "--top-k", 4, "--json")
    generated = run("generate", models[kind], *flags).ok().json
    model = rnnlm.load(models[kind])
    found = model.generate("the old", seed=5, top_k=4)
    assert (found.text, found.nats, found.tokens) == (generated["text"], generated["nats"], generated["tokens"])
    many = list(model.generate_many(["the old", "a"], n=2, seed=5, top_k=4))
    assert many[0].text == found.text and [each.prompt for each in many] == ["the old", "the old", "a", "a"]


@pytest.mark.parametrize("kind", KINDS)
def test_steps_add_up_to_the_score_of_the_line(models: dict[str, Path], kind: str) -> None:
    model = rnnlm.load(models[kind])
    ids = model.ids("the old cat sees unheardof milk")
    assert ids[0] == 1 and model.tokens[ids[2]] == "old"
    log_p, state = model.step()
    nats = 0.0
    for number in [*ids[1:], 2]:
        assert log_p.shape == (len(model.tokens),) and np.isneginf(log_p[:2]).all()
        assert np.exp(log_p).sum() == pytest.approx(1, abs=1e-6)
        nats -= log_p[number]
        before = log_p
        log_p, after = model.step(state, number)
        np.testing.assert_array_equal(model.step(state, number)[0], log_p)  # the state is as it was
        state = after
        assert not np.array_equal(before, log_p)
    bits = model.score("the old cat sees unheardof milk").bits
    assert nats / np.log(2) == pytest.approx(bits, abs=1e-5 * len(ids))


def test_a_vector_is_the_row_of_the_layer(models: dict[str, Path], run: Any) -> None:
    network, small = rnnlm.load(models["lstm"]), rnnlm.load(models["int8"])
    cat = network.vector("Cat")
    assert cat.shape == (16,) and cat.dtype == np.float32
    layer = network.model.embedding  # type: ignore[union-attr]
    assert isinstance(layer, torch.Tensor)
    np.testing.assert_array_equal(cat, layer[network.tokens.index("cat")].detach().numpy())
    assert 0 < np.abs(small.vector("cat") - cat).max() < 0.02
    cat += 1
    assert not np.array_equal(network.vector("cat"), cat)


REFUSED: dict[str, tuple[type[RnnlmError], str, Any]] = {
    "no such word": (InputError, "not in the vocabulary", lambda model: model.vector("unheardof")),
    "a special string": (InputError, "not in the vocabulary", lambda model: model.vector("<unk>")),
    "an id too high": (UsageError, "there is no id", lambda model: model.step(None, 10**6)),
    "a negative id": (UsageError, "there is no id", lambda model: model.step(None, -1)),
    "no such setting": (UsageError, "did you mean top_k", lambda model: model.generate("the", topk=3)),
    "a setting of the command": (UsageError, "no setting", lambda model: model.generate("the", interactive=True)),
    "a setting out of range": (UsageError, "--top-p", lambda model: model.generate("the", top_p=2)),
    "a setting of another type": (UsageError, "whole number", lambda model: model.generate("the", top_k="few")),
    "several texts from one": (UsageError, "generate_many", lambda model: model.generate("the", n=2)),
    "text that is no Unicode": (UsageError, "Unicode", lambda model: model.score("\udcff")),
    "a prompt that is no Unicode": (UsageError, "Unicode", lambda model: model.generate("\udcff")),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_one_line(models: dict[str, Path], case: str) -> None:
    error, words, call = REFUSED[case]
    with pytest.raises(error, match=words) as caught:
        call(rnnlm.load(models["lstm"]))
    assert "\n" not in str(caught.value)


def test_what_cannot_be_loaded_says_why(models: dict[str, Path], tmp_path: Path, run: Any) -> None:
    with pytest.raises(InputError, match="no workspace here"):
        rnnlm.load(tmp_path / "nowhere")
    with pytest.raises(InputError, match="no sealed model 'gru'"):
        rnnlm.load(models["workspace"], model="gru")
    with pytest.raises(UsageError, match="is a model itself"):
        rnnlm.load(str(models["lstm"]), model="lstm")
    with pytest.raises(UsageError, match="n-gram model"):
        rnnlm.load(models["workspace"], model="ngram").vector("cat")
    damaged = Path(shutil.copytree(models["lstm"], tmp_path / "damaged"))
    (damaged / "weights.safetensors").write_bytes(b"")
    with pytest.raises(ArtifactError, match="has changed"):
        rnnlm.load(damaged)


def test_a_tagger_labels_every_word(tmp_path: Path, run: Any) -> None:
    table = tmp_path / "tagged.tsv"
    table.write_text("".join(f"word{row % 3}\tT{row % 3}\n\n" for row in range(60)), "utf-8")
    run("train", table, "--task", "tag", "--out", tmp_path / "tags", "--steps", 60, "--hidden", 8).ok()
    tagger = rnnlm.load(tmp_path / "tags")
    assert isinstance(tagger, LoadedLabeller)
    (line,) = tagger.predict("word1 word2", k=2)
    assert line.parts == ("word1", "word2") and [choices[0].label for choices in line.choices] == ["T1", "T2"]
    assert "labels each word with 3 labels" in repr(tagger)


def test_the_environment_is_the_command_lines_alone(models: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    model = rnnlm.load(models["lstm"])
    plain = model.generate("the", seed=2).text
    monkeypatch.setenv("RNNLM_TOP_K", "1")
    assert model.generate("the", seed=2).text == plain


LIST = ["the old cat sees milk", "the dogs like bread", "milk sees cat old the"]


@pytest.mark.parametrize("kind", ["lstm", "ngram"])
def test_rescored_hypotheses_are_ordered_as_the_command_orders_them(
    models: dict[str, Path], run: Any, tmp_path: Path, kind: str
) -> None:
    heard = [-3.0, -1.0, -2.5]
    path = tmp_path / "lists.jsonl"
    path.write_text("".join(
        json.dumps({"id": "u", "text": text, "scores": {"heard": score}}) + "\n"
        for text, score in zip(LIST, heard, strict=True)
    ))  # fmt: skip
    flags = ("--weight", "0.5", "--word-penalty", "0.25", "--score-weights", "heard=2")
    lines = run("rescore", models[kind], path, *flags, "--quiet").ok().out.splitlines()
    found = rnnlm.load(models[kind]).rescore(
        LIST, scores={"heard": heard}, score_weights={"heard": 2.0}, weight=0.5, word_penalty=0.25
    )
    assert [each.text for each in found] == [json.loads(line)["text"] for line in lines]
    score = rnnlm.load(models[kind]).score
    for each in found:
        assert each.log_p == pytest.approx(-score(each.text).bits * np.log(2), abs=1e-4)
        total = 0.5 * each.log_p - 0.25 * len(each.text.split()) + 2 * heard[LIST.index(each.text)]
        assert each.total == pytest.approx(total)
    assert rnnlm.load(models[kind]).rescore([]) == []


def test_scores_that_do_not_fit_are_refused(models: dict[str, Path]) -> None:
    model = rnnlm.load(models["lstm"])
    for given in ({"scores": {"heard": [1.0]}}, {"score_weights": {"heard": 1.0}}):
        with pytest.raises(UsageError, match="do not fit"):
            model.rescore(LIST, **given)
    with pytest.raises(UsageError, match="line end"):
        model.rescore(["a\nb"])


def test_a_state_is_the_row_that_embed_writes(models: dict[str, Path], run: Any, tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(LIST) + "\n")
    written = run("embed", models["workspace"], "--summary", "--text", path, "--json").ok().json["summaries"]
    model = rnnlm.load(models["lstm"])
    np.testing.assert_allclose([model.state(line) for line in LIST], np.load(written["path"]), atol=1e-6)
    with pytest.raises(UsageError, match="n-gram model"):
        rnnlm.load(models["ngram"]).state("the cat")
