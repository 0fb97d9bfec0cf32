"""A model in transformers says what it says here: every cell, kind of token, padding, and generated token."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from opened import Export, costs, opened
from test_model_format import BASE, FORMS, WORDS, sealed

from rnnlm.artifacts import write_json
from rnnlm.corpus.text import encode_text
from rnnlm.corpus.tokenizer import END_ID, FIRST_OUTPUT, START_ID, UNKNOWN_ID, byte_characters
from rnnlm.model.likelihood import log_probabilities, text_nats
from rnnlm.model.loading import load_network
from rnnlm.model.quantized import seal_quantized
from rnnlm.model.sealed import read_sealed

pytest_plugins = ("opened",)
MOST = 1e-5  # nats
UNICODE = [
    "The Cat’s “mat” — it's 12 mice, naïve!", "ΣΑΣ ΟΔΟΣ İstanbul ẞ", "ﬁne e\u0301 文字 🚀 a\u00adb x\u200by",
    "▁ <unk> </s> a <s> b", "<s> a b </s>", "  <s> the old", " \t\u00a0 x\u2003y\x85z\ufeff", "का\u200dक ن\u200cها",
    "½ Ⅳ ① ﷺ 한국어 ㄱ", "O'Neil o’clock ''' a'b 5'3", "<UNK> <unk>, (<unk>) <b> x<y>z <", "--- ... $5.00 #tag a_b",
    "", "...", "<pad> <unk>x", "\u0301a\u200c", "٣ ३ 𝟘 Ⅷ", "  the   cat ",
]  # fmt: skip
CLEANING: list[dict[str, Any]] = [
    {}, {"punctuation": "keep", "case": "keep"}, {"digits": "zero", "strip_accents": True, "fold_quotes": True},
    {"prepared": True},
]  # fmt: skip


def words(count: int) -> str:
    """Lines of words of the vocabulary and of others, with capitals and punctuation."""
    draws = np.random.default_rng(3)
    lines = [" ".join(draws.choice([*WORDS, "Zebra", "milk!", "Anna's"], 9)) for _ in range(count // 10)]
    return "".join(f"{line}.\n" for line in lines)


def ours(path: Path, text: str, directory: Path) -> tuple[list[int], np.ndarray[Any, np.dtype[np.float64]]]:
    """The ids and nats of a text by the model itself."""
    model = read_sealed(path)
    encoded = encode_text([text.encode()], model.rules, directory)
    nats = np.zeros(len(encoded.ids.ids))
    for piece in text_nats(load_network(model), encoded.ids, model.context, 4):
        nats[piece.start : piece.start + len(piece.nats)] = piece.nats
    return [int(each) for each in encoded.ids.ids], nats


def alike(path: Path, directory: Path, text: str, tmp_path: Path) -> int:
    """The two say the same of a text; how many tokens it has."""
    ids, nats = costs(*opened(directory), text)
    own_ids, own = ours(path, text, tmp_path)
    assert ids == own_ids
    assert float(np.abs(nats - own).max()) <= MOST
    return len(ids)


def apart(path: Path) -> Path:
    """The model as one that was trained line by line."""
    from rnnlm.model.sealed import seal_model

    config = json.loads((path / "config.json").read_text("utf-8"))
    (path / "manifest.json").unlink()
    write_json(path / "config.json", {**config, "context": "sentence"})
    seal_model(path, settings={}, inputs={}, report={})
    return path


@pytest.mark.parametrize("form", FORMS)
def test_every_cell_costs_and_generates_the_same(export: Export, tmp_path: Path, form: str) -> None:
    path = sealed(tmp_path / form.replace(", ", "_"), FORMS[form])
    path = apart(path) if form == "indrnn" else path  # with random weights its state grows without bound
    directory = export(path)
    assert alike(path, directory, words(2_000), tmp_path) >= 2_000
    tokenizer, model = opened(directory)
    prompt = tokenizer("the old cat", return_tensors="pt")
    given = model.generate(**prompt, max_new_tokens=40, do_sample=False, eos_token_id=None)
    assert given[0].tolist() == greedy(path, prompt.input_ids[0].tolist(), 40)


@torch.no_grad()
def greedy(path: Path, ids: list[int], count: int) -> list[int]:
    """The ids and the likeliest ones after them by the model itself, <unk> left out."""
    model = load_network(read_sealed(path))
    states, lines = model.initial_state(1), read_sealed(path).context == "sentence"
    found, log_p = list(ids), torch.zeros(0)
    for position in range(len(ids) + count):
        token = found[position]
        if lines and token == END_ID:
            states, token = model.initial_state(1), START_ID
        hidden, states = model(torch.tensor([[token]]), states)
        log_p = log_probabilities(model, hidden[0])[0]
        log_p[UNKNOWN_ID - FIRST_OUTPUT] = -np.inf
        if len(found) == position + 1 and len(found) < len(ids) + count:
            found.append(int(log_p.argmax()) + FIRST_OUTPUT)
        if len(found) == len(ids) + count and position + 1 == len(found):
            break
    return found


@pytest.mark.parametrize("cleaning", CLEANING, ids=lambda settings: " ".join(map(str, settings.values())) or "default")
@pytest.mark.parametrize("kind", ["word", "whitespace", "char", "byte"])
def test_every_kind_of_token_has_the_same_ids(
    export: Export, tmp_path: Path, kind: str, cleaning: dict[str, Any]
) -> None:
    tokens: list[str] = {"char": sorted(set("".join(UNICODE))), "byte": byte_characters()}.get(kind, WORDS)
    path = sealed(tmp_path / "model", replace(BASE, vocabulary=4 + len(tokens)), kind, tokens, **cleaning)
    text = "...\n\n" + "".join(f"{line}\n" for line in UNICODE) + words(450 if kind in ("char", "byte") else 2_000)
    assert alike(path, export(path), text, tmp_path) >= 2_000


def test_subwords_have_the_same_ids(run: Any, export: Export, tmp_path: Path) -> None:
    work = tmp_path / "work"
    text = "".join(f"{line}\n" for line in UNICODE) + words(3_000)
    (tmp_path / "corpus.txt").write_text(text, "utf-8")
    run("train", tmp_path / "corpus.txt", "--out", work, "--kind", "bpe", "--vocab-size", 400, "--hidden", 24,
        "--steps", 20).ok()  # fmt: skip
    assert alike(work / "models" / "lstm", export(work), "...\n" + text, tmp_path) >= 2_000


@pytest.mark.parametrize("model", ["Unigram", "WordPiece", "WordLevel", "BPE"])
def test_imported_tokens_have_the_same_ids(run: Any, export: Export, tmp_path: Path, model: str) -> None:
    """Among their own are names that an export would give its special tokens."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    text = words(3_000)
    (tmp_path / "corpus.txt").write_text(text, "utf-8")
    special = ["[UNK]", "<|start|>"]
    made = getattr(models, model)(**({} if model == "Unigram" else {"unk_token": "[UNK]"}))
    tokenizer = Tokenizer(made)
    if model != "WordLevel":
        tokenizer.normalizer = normalizers.Lowercase()
    spaces = pre_tokenizers.Metaspace(prepend_scheme="first")
    tokenizer.pre_tokenizer = spaces if model in ("Unigram", "BPE") else pre_tokenizers.Whitespace()
    more = {"unk_token": "[UNK]"} if model == "Unigram" else {}
    trainer = getattr(trainers, f"{model.replace('BPE', 'Bpe')}Trainer")(
        vocab_size=200, special_tokens=special, show_progress=False, **more
    )
    tokenizer.train_from_iterator(text.splitlines(), trainer)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    run("train", tmp_path / "corpus.txt", "--out", tmp_path / "work", "--tokenizer", tmp_path / "tokenizer.json",
        "--hidden", 24, "--steps", 20).ok()  # fmt: skip
    assert alike(tmp_path / "work" / "models" / "lstm", export(tmp_path / "work"), text, tmp_path) >= 2_000


def test_lines_of_a_model_of_lines_begin_anew(export: Export, tmp_path: Path) -> None:
    path = apart(sealed(tmp_path / "model", BASE))
    directory = export(path)
    assert alike(path, directory, words(100), tmp_path) >= 100
    ids, nats = costs(*opened(directory), "the cat\n\nthe cat\n")
    assert ids[:3] == ids[3:] and np.allclose(nats[:3], nats[3:], atol=MOST)


def test_eight_bits_are_the_same_eight_bits(export: Export, tmp_path: Path) -> None:
    path = sealed(tmp_path / "model", FORMS["lstm, clusters"])
    (tmp_path / "small").mkdir()
    small = seal_quantized(read_sealed(path), tmp_path / "small", {})
    assert alike(small.path, export(small.path), words(300), tmp_path) >= 300


def test_padding_changes_nothing(export: Export, tmp_path: Path) -> None:
    path = sealed(tmp_path / "model", FORMS["lstm"])
    tokenizer, model = opened(export(path))
    lines = ["the old cat", "a", "the cat sat on the old cat the a"]
    alone = [model(**tokenizer(line, return_tensors="pt")).logits[0].detach() for line in lines]
    for side in ("left", "right"):
        tokenizer.padding_side = side
        batch = tokenizer(lines, return_tensors="pt", padding=True)
        for mask in (batch.attention_mask, None):
            logits = model(batch.input_ids, attention_mask=mask).logits.detach()
            for row, expected in zip(range(len(lines)), alone, strict=True):
                inside = batch.attention_mask[row].bool()
                assert torch.allclose(logits[row][inside], expected, atol=MOST)


def test_a_batch_generates_what_each_prompt_does(export: Export, tmp_path: Path) -> None:
    tokenizer, model = opened(export(sealed(tmp_path / "model", BASE)))
    prompts = ["the old cat", "a", "the cat sat on the"]
    tokenizer.padding_side = "left"
    for how in ({}, {"num_beams": 3}):
        batch = model.generate(**tokenizer(prompts, return_tensors="pt", padding=True), max_new_tokens=8, **how)
        for prompt, row in zip(prompts, batch, strict=True):
            alone = model.generate(**tokenizer(prompt, return_tensors="pt"), max_new_tokens=8, **how)[0]
            assert tokenizer.decode(row, skip_special_tokens=True) == tokenizer.decode(alone, skip_special_tokens=True)


def test_a_beam_search_gives_each_text_its_own_state(export: Export, tmp_path: Path) -> None:
    tokenizer, model = opened(export(sealed(tmp_path / "model", BASE)))
    prompt = tokenizer("the old", return_tensors="pt")
    found = model.generate(
        **prompt, max_new_tokens=8, min_new_tokens=8, num_beams=6, num_return_sequences=6, length_penalty=0.0,
        do_sample=False, eos_token_id=None, return_dict_in_generate=True, output_scores=True,
    )  # fmt: skip
    log_p = model(found.sequences).logits[:, :-1].log_softmax(-1)
    own = log_p.gather(2, found.sequences[:, 1:, None])[:, -8:].sum((1, 2))
    assert torch.allclose(found.sequences_scores, own, atol=MOST)
    assert len({tuple(row) for row in found.sequences.tolist()}) == 6


def test_the_loss_is_the_mean_cost(export: Export, tmp_path: Path) -> None:
    tokenizer, model = opened(export(sealed(tmp_path / "model", BASE)))
    read = tokenizer(words(50), return_tensors="pt")
    _, nats = costs(tokenizer, model, words(50))
    assert float(model(**read, labels=read.input_ids).loss) == pytest.approx(nats.mean(), abs=MOST)
    for side in ("left", "right"):
        tokenizer.padding_side = side
        read = tokenizer([words(50), "the cat"], return_tensors="pt", padding=True)
        both = np.concatenate([nats, costs(tokenizer, model, "the cat")[1]])
        assert float(model(**read, labels=read.input_ids).loss) == pytest.approx(both.mean(), abs=MOST)


def test_a_state_goes_on_from_call_to_call(export: Export, tmp_path: Path) -> None:
    tokenizer, model = opened(export(sealed(tmp_path / "model", BASE)))
    ids = tokenizer(words(60), return_tensors="pt").input_ids
    first = model(ids[:, :20])
    rest = model(ids[:, 20:], state=first.state).logits
    assert torch.allclose(rest, model(ids).logits[:, 20:], atol=MOST)


def test_it_can_be_saved_and_opened_again(export: Export, tmp_path: Path) -> None:
    tokenizer, model = opened(export(sealed(tmp_path / "model", FORMS["lstm, clusters"])))
    again = tmp_path / "saved_again"
    model.save_pretrained(again)
    tokenizer.save_pretrained(again)
    ids, nats = costs(tokenizer, model, words(50))
    assert ids == costs(*opened(again), words(50))[0]
    assert np.allclose(nats, costs(*opened(again), words(50))[1], atol=1e-7)
