"""`rnnlm export`: what is written is what other readers take it for, and what the figures say is so."""

import math
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import needs
from tokenizers import Tokenizer

import rnnlm
from rnnlm.arrays import read_tensors
from rnnlm.model.embedding import read_vectors


@pytest.fixture(scope="module")
def workspace(trained: Path, tmp_path_factory: pytest.TempPathFactory, run: Any) -> Path:
    """A workspace with a network and an n-gram model, to be read only."""
    work = Path(shutil.copytree(trained, tmp_path_factory.mktemp("export") / "work"))
    run("ngram", work, "--order", "3").ok()
    return work


def test_int8_says_what_evaluate_says_of_both(run: Any, trained: Path, tmp_path: Path) -> None:
    work = Path(shutil.copytree(trained, tmp_path / "work"))
    small = work / "models" / "small"
    told = run("export", work, "--to", "int8", "--out", small, "--json").ok().json
    for when, path, name in (("before", work, "lstm"), ("after", work, "small")):
        evaluated = run("evaluate", path, "--model", name, "--split", "valid", "--json").ok().json
        assert told[f"perplexity_{when}"] == evaluated["perplexity"]
        assert told["bytes_" + when] == (work / "models" / name / "weights.safetensors").stat().st_size
    assert told["model_sha256"] == evaluated["model_sha256"] and told["tokens"] == evaluated["tokens"]
    assert told["bytes_after"] < told["bytes_before"] / 2
    assert f"valid perplexity {told['perplexity_after']:.2f}" in run("status", work).ok().out
    on_test = run("export", work, "--to", "int8", "--out", tmp_path / "t", "--split", "test", "--json").ok().json
    evaluated = run("evaluate", tmp_path / "t", "--text", work / "raw" / "test.txt", "--json").ok().json
    assert on_test["perplexity_after"] == evaluated["perplexity"]
    shown = run("export", work, "--to", "int8", "--out", tmp_path / "u").ok().out.splitlines()
    assert [line.split()[-1] for line in shown[1:3]] == [
        f"{told[f'perplexity_{when}']:.2f}" for when in ("before", "after")
    ]


def test_a_model_by_itself_is_measured_on_a_text_or_not(run: Any, workspace: Path, tmp_path: Path) -> None:
    alone = workspace / "models" / "lstm"
    told = run("export", alone, "--to", "int8", "--out", tmp_path / "a").ok()
    assert "--text" in told.err and told.out.splitlines()[1].endswith("-")
    text = workspace / "raw" / "test.txt"
    measured = run("export", alone, "--to", "int8", "--out", tmp_path / "b", "--text", text, "--json").ok().json
    assert measured["perplexity_before"] == run("evaluate", alone, "--text", text, "--json").ok().json["perplexity"]
    assert measured["split"] is None


def test_the_text_is_valid_or_else_test_or_none(run: Any, corpus: Path, tmp_path: Path) -> None:
    for fractions, split in (("0.9,0,0.1", "test"), ("1,0,0", None)):
        work = tmp_path / str(split)
        run("train", corpus, "--out", work, "--fractions", fractions, "--steps", 2, "--hidden", 8).ok()
        told = run("export", work, "--to", "int8", "--out", tmp_path / f"{split}-int8", "--json").ok()
        assert told.json.get("split") == split
        assert (told.json["perplexity_after"] is None) == (split is None) == ("--text" in told.err)


def test_vectors_are_the_layers_rows_for_any_reader(run: Any, workspace: Path, tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    told = run("export", workspace, "--to", "word2vec", "--out", path, "--model", "lstm", "--json").ok().json
    # As gensim's KeyedVectors.load_word2vec_format(binary=False) reads it.
    with path.open("rb") as file:
        count, dimensions = map(int, file.readline().split())
        rows = {}
        for line in file:
            word, *numbers = line.decode().rstrip().split(" ")
            assert len(numbers) == dimensions
            rows[word] = np.array(numbers, np.float32)
    assert (len(rows), dimensions) == (count, 16) == (told["vectors"], told["dimensions"])
    model = rnnlm.load(workspace, model="lstm")
    assert set(rows) == set(model.tokens) - {"<pad>"}
    layer = read_tensors(workspace / "models" / "lstm" / "weights.safetensors", remedy="")["embedding"]
    for number, token in enumerate(model.tokens[1:], 1):
        np.testing.assert_array_equal(rows[token], layer[number])
    own = read_vectors(path, {token: number for number, token in enumerate(model.tokens)})
    np.testing.assert_array_equal(own.rows[model.tokens.index("cat")], model.vector("cat"))


def test_tokens_that_hold_blanks_stay_one_column(run: Any, tmp_path: Path, corpus: Path) -> None:
    work = tmp_path / "chars"
    run("train", corpus, "--kind", "char", "--out", work, "--steps", 2, "--hidden", 8, "--embedding", 4).ok()
    path = tmp_path / "vectors.txt"
    run("export", work, "--to", "word2vec", "--out", path).ok()
    lines = path.read_text("utf-8").splitlines()
    assert {len(line.split(" ")) for line in lines[1:]} == {5}
    assert any(line.startswith("▁ ") for line in lines)


def arpa(path: Path) -> dict[tuple[str, ...], tuple[float, float]]:
    """ARPA text, read by its definition: n-gram → log10 p and log10 of its back-off weight."""
    found: dict[tuple[str, ...], tuple[float, float]] = {}
    for line in path.read_text("utf-8").splitlines():
        cells = line.split("\t")
        if len(cells) > 1:
            found[tuple(cells[1].split(" "))] = (float(cells[0]), float(cells[2]) if len(cells) > 2 else 0.0)
    return found


def log10_p(model: dict[tuple[str, ...], tuple[float, float]], history: tuple[str, ...], word: str) -> float:
    """log10 p(word | history), backing off."""
    if (*history, word) in model:
        return model[*history, word][0]
    return model.get(history, (0.0, 0.0))[1] + log10_p(model, history[1:], word)


def test_arpa_of_a_network_has_the_perplexity_that_is_shown(run: Any, workspace: Path, tmp_path: Path) -> None:
    path = tmp_path / "net.arpa"
    flags = ("--model", "lstm", "--to", "arpa", "--tokens", 20_000, "--order", 3)
    told = run("export", workspace, *flags, "--out", path, "--json").ok().json
    model, nats, tokens = arpa(path), 0.0, 0
    assert sum(map(int, re.findall(r"^ngram \d=(\d+)$", path.read_text(), re.MULTILINE))) == len(model)
    loaded = rnnlm.load(workspace, model="lstm")
    for line in (workspace / "clean" / "valid.txt").read_text("utf-8").splitlines():
        words = [loaded.tokens[number] for number in loaded.ids(line)] + ["</s>"]
        for place in range(1, len(words)):
            nats -= math.log(10) * log10_p(model, tuple(words[max(0, place - 2) : place]), words[place])
            tokens += 1
    assert tokens == told["tokens"]
    assert told["perplexity"] == pytest.approx(math.exp(nats / tokens), rel=1e-5)
    evaluated = run("evaluate", workspace, "--model", "lstm", "--split", "valid", "--json").ok().json
    assert told["network_perplexity"] == evaluated["perplexity"]
    assert told["perplexity"] < 2 * told["network_perplexity"]
    run("export", workspace, *flags, "--out", tmp_path / "again.arpa").ok()
    assert (tmp_path / "again.arpa").read_bytes() == path.read_bytes()
    run("export", workspace, *flags, "--out", tmp_path / "other.arpa", "--seed", 2).ok()
    assert (tmp_path / "other.arpa").read_bytes() != path.read_bytes()


def test_arpa_of_an_ngram_model_is_that_model(run: Any, workspace: Path, tmp_path: Path) -> None:
    path = tmp_path / "ngram.arpa"
    run("export", workspace, "--model", "ngram", "--to", "arpa", "--out", path).ok()
    model, loaded = arpa(path), rnnlm.load(workspace, model="ngram")
    log_p, state = loaded.step()
    log_p, _ = loaded.step(state, loaded.tokens.index("the"))
    for word in ("old", "milk", "</s>", "<unk>"):
        expected = log_p[loaded.tokens.index(word)] / math.log(10)
        assert log10_p(model, ("<s>", "the"), word) == pytest.approx(expected, abs=1e-6)


def test_onnx_goes_through_a_text_as_the_model_does(run: Any, workspace: Path, tmp_path: Path) -> None:
    needs("onnx")
    import onnxruntime

    out = tmp_path / "graphs"
    told = run("export", workspace, "--model", "lstm", "--to", "onnx", "--out", out, "--json").ok().json
    assert told["largest_difference_nats"] < 1e-5 and told["states"] == {"h_0": 24, "s_0": 24, "h_1": 24, "s_1": 24}
    assert sorted(path.name for path in out.iterdir()) == [
        "manifest.json", "sequence.onnx", "step.onnx", "tokenizer.json",
    ]  # fmt: skip
    # What is in the directory is all that a program needs.
    tokenizer = Tokenizer.from_file(str(out / "tokenizer.json"))
    ids = [1, *tokenizer.encode("The old cat sees milk.", add_special_tokens=False).ids]
    session = onnxruntime.InferenceSession(out / "sequence.onnx", providers=["CPUExecutionProvider"])
    start = {each.name: np.zeros((1, each.shape[1]), np.float32) for each in session.get_inputs() if each.name != "ids"}
    log_p = session.run(["log_probabilities"], {"ids": np.array([ids]), **start})[0][0]
    bits = -sum(float(log_p[t, id_ - 2]) for t, id_ in enumerate([*ids[1:], 2])) / math.log(2)
    scored = rnnlm.load(workspace, model="lstm").score("The old cat sees milk.")
    assert bits == pytest.approx(scored.bits, abs=1e-4)
    assert session.get_modelmeta().custom_metadata_map["model_sha256"] == told["model_sha256"]
    again = tmp_path / "again"
    shown = run("export", workspace, "--model", "lstm", "--to", "onnx", "--out", again).ok().out
    assert "ONNX Runtime" in shown and "step.onnx" in shown
    assert all((again / path.name).read_bytes() == path.read_bytes() for path in out.iterdir())
    run("export", workspace, "--model", "lstm", "--to", "onnx", "--out", out, "--force").ok()
    run("next", out).refused(3, "no workspace")


def test_onnx_that_differs_is_not_kept(
    run: Any, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs("onnx")
    monkeypatch.setattr("rnnlm.use.export.onnx_export.largest_difference", lambda *_: 2e-4)
    flags = ("export", workspace, "--model", "lstm", "--to", "onnx", "--out", tmp_path / "graphs")
    run(*flags).refused(4, "0.0002 nats", "nothing was kept")
    monkeypatch.setattr("rnnlm.use.export.onnx_export.largest_difference", lambda *_: math.nan)
    run(*flags).refused(4, "nan")
    assert not list(tmp_path.iterdir())


def test_onnx_without_its_extra_names_it(
    run: Any, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [each for each in sys.modules if each.startswith("rnnlm.use.export.onnx")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    flags = ("--model", "lstm", "--to", "onnx", "--out", tmp_path / "graphs")
    run("export", workspace, *flags).refused(3, "onnxruntime", "pip install 'rnnlm[onnx]'")


BAD: dict[str, tuple[int, tuple[str, ...], tuple[object, ...]]] = {
    "no form": (2, ("--to is missing", "int8"), ("--out", "x")),
    "no such form": (2, ("--to", "int8"), ("--to", "int4", "--out", "x")),
    "nowhere to write": (2, ("--out is missing",), ("--to", "int8")),
    "standard output": (2, ("--out is -",), ("--to", "word2vec", "--out", "-")),
    "no directory to write in": (3, ("no directory",), ("--to", "int8", "--out", "nowhere/x")),
    "a setting of another form": (2, ("--tokens", "int8"), ("--to", "int8", "--out", "x", "--tokens", "5")),
    "a text for vectors": (2, ("--split", "word2vec"), ("--to", "word2vec", "--out", "x", "--split", "test")),
    "two texts": (2, ("--text with --split",), ("--to", "int8", "--out", "x", "--split", "test", "--text", "y")),
    "an order of 0": (2, ("--order",), ("--to", "arpa", "--out", "x", "--order", "0")),
    "no tokens": (2, ("--tokens",), ("--to", "arpa", "--out", "x", "--tokens", "0")),
    "a text that is not there": (3, ("missing.txt",), ("--to", "int8", "--out", "x", "--text", "missing.txt")),
    "no text for ARPA": (3, ("missing.txt",), ("--to", "arpa", "--out", "x", "--text", "missing.txt")),
    "vectors of an n-gram model": (2, ("n-gram model",), ("--to", "word2vec", "--out", "x", "--model", "ngram")),
    "graphs of an n-gram model": (2, ("n-gram model",), ("--to", "onnx", "--out", "x", "--model", "ngram")),
    "8 bits of an n-gram model": (2, ("n-gram model",), ("--to", "int8", "--out", "x", "--model", "ngram")),
    "a directory that exists": (2, ("exists", "--force"), ("--to", "int8", "--out", "there")),
    "a directory of something else": (2, ("was not written by this",), ("--to", "int8", "--out", "there", "--force")),
    "a stage of the workspace": (2, ("was not written by this",), ("--to", "int8", "--out", "stage", "--force")),
    "a file where a directory goes": (2, ("not written by",), ("--to", "int8", "--out", "file.txt", "--force")),
    "a directory where a file goes": (2, ("not written by",), ("--to", "word2vec", "--out", "there", "--force")),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_is_one_line(
    run: Any, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    code, words, flags = BAD[case]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "note.txt").write_text("mine")
    (tmp_path / "file.txt").write_text("mine")
    (tmp_path / "stage").symlink_to(workspace / "vocab")
    flags = flags if "--model" in flags else (*flags, "--model", "lstm")
    run("export", workspace, *flags, "--quiet").refused(code, *words)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file.txt", "stage", "there"]
    assert (tmp_path / "stage" / "manifest.json").is_file() and (tmp_path / "there" / "note.txt").is_file()


def test_a_model_is_never_replaced_by_its_own_copy(run: Any, workspace: Path) -> None:
    for path in (workspace / "models" / "lstm", workspace):
        run("export", workspace, "--model", "lstm", "--to", "int8", "--out", path, "--force").refused(2, "itself")


def test_8_bits_of_8_bits_and_of_labels_are_refused(run: Any, workspace: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    run("export", workspace, "--model", "lstm", "--to", "int8", "--out", small).ok()
    run("export", small, "--to", "int8", "--out", tmp_path / "smaller").refused(2, "already")
    run("export", workspace, "--model", "lstm", "--to", "int8", "--out", small).refused(2, "exists")
    run("export", workspace, "--model", "lstm", "--to", "int8", "--out", small, "--force").ok()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small"]


def test_transformers_get_a_directory_with_a_card(run: Any, workspace: Path, tmp_path: Path) -> None:
    """That transformers opens it and what the model then says: make test-tools."""
    out = tmp_path / "hub"
    told = run("export", workspace, "--to", "transformers", "--out", out, "--model", "lstm", "--license", "cc0-1.0",
               "--json").ok().json  # fmt: skip
    assert {path.name for path in out.iterdir()} == {*told["bytes"], "manifest.json"}
    compile((out / "modeling_rnnlm.py").read_text("utf-8"), "modeling_rnnlm.py", "exec")
    evaluated = run("evaluate", workspace, "--model", "lstm", "--split", "valid", "--json").ok().json
    metric = told["metric"]
    assert math.isclose(metric["perplexity"], evaluated["perplexity"]) and metric["tokens"] == evaluated["tokens"]
    assert metric["interval"][0] < metric["perplexity"] < metric["interval"][1]
    card = (out / "README.md").read_text("utf-8")
    assert card.startswith("---\nlicense: cc0-1.0\n") and f"**{metric['perplexity']:.2f}**" in card
    assert "vocabulary is closed" in card and str(workspace) not in card
    assert f"rnnlm train CORPUS --config {next(iter(set(told['bytes']) & {'settings.toml', 'replay.toml'}))}" in card
    run("export", workspace, "--to", "transformers", "--out", out, "--model", "lstm").refused(2, "--force")
    run("export", workspace, "--to", "transformers", "--out", out, "--model", "lstm", "--force").ok()
    (out / "NOTES").write_text("mine")
    run("export", workspace, "--to", "transformers", "--out", out, "--model", "lstm", "--force").refused(2, "NOTES")
    (out / "NOTES").unlink()
    assert "license" not in (out / "README.md").read_text("utf-8").partition("# ")[0]
    run("export", workspace, "--to", "transformers", "--out", tmp_path / "n", "--model", "ngram").refused(2, "n-gram")
    run("export", workspace, "--to", "int8", "--out", tmp_path / "n", "--license", "mit").refused(2, "--license")


def test_the_tokenizer_for_transformers_reads_texts_as_lines(run: Any, workspace: Path, tmp_path: Path) -> None:
    run("export", workspace, "--to", "transformers", "--out", tmp_path / "hub", "--model", "lstm").ok()
    ids = Tokenizer.from_file(str(tmp_path / "hub" / "tokenizer.json")).encode("The CAT\n \n...\nsees <unk>!\n").ids
    own = rnnlm.load(workspace, model="lstm")
    the, cat, sees = (own.tokens.index(word) for word in ("the", "cat", "sees"))
    assert ids == [1, the, cat, 2, sees, 3, 2]


def test_a_card_names_no_file_of_its_author(run: Any, workspace: Path, tmp_path: Path) -> None:
    text = tmp_path / "my text.txt"
    text.write_text("the cat sees the dog\n" * 30)
    run("export", workspace / "models" / "lstm", "--to", "transformers", "--out", tmp_path / "hub", "--text", text).ok()
    card = (tmp_path / "hub" / "README.md").read_text("utf-8")
    assert "on the my text.txt" in card and str(tmp_path) not in card
    assert str(tmp_path) not in (tmp_path / "hub" / "manifest.json").read_text("utf-8")


def test_a_card_is_about_the_data_of_its_model(run: Any, trained: Path, tmp_path: Path) -> None:
    work = Path(shutil.copytree(trained, tmp_path / "work"))
    (tmp_path / "other.txt").write_text("the cat sees the dog\n" * 300)
    run("clean", tmp_path / "other.txt", "--out", work, "--force").ok()
    run("vocab", work).ok()
    told = run("export", work, "--to", "transformers", "--out", tmp_path / "hub").ok()
    assert "has other data now" in told.err
    assert "The corpus had" not in (tmp_path / "hub" / "README.md").read_text("utf-8")


def test_a_card_has_all_that_its_command_reads(run: Any, tmp_path: Path) -> None:
    """A run with a budget is made again from its journal."""
    work = Path(shutil.copytree(Path(__file__).parents[1] / "fixtures" / "0.1" / "work", tmp_path / "work"))
    run("export", work, "--to", "transformers", "--out", tmp_path / "hub", "--model", "timed").ok()
    assert "rnnlm train CORPUS --config replay.toml --out again" in (tmp_path / "hub" / "README.md").read_text("utf-8")
    for name in ("replay.toml", "journal.tsv"):
        assert (tmp_path / "hub" / name).read_bytes() == (work / "models" / "timed" / name).read_bytes()
