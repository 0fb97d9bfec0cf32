"""`docs/model-format.md` is enough to run a model: `Runner` is written from it alone, in NumPy, and says the same.

Nothing of rnnlm is used by the runner; it reads the files by their bytes.
"""

import hashlib
import json
import re
import shutil
import struct
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

import rnnlm
from rnnlm.arrays import read_tensors, write_tensors
from rnnlm.artifacts import write_bytes, write_json
from rnnlm.corpus.clean import UnitRule
from rnnlm.corpus.normalizer import CleanRule
from rnnlm.corpus.settings import CleanSettings
from rnnlm.corpus.text import TextRules
from rnnlm.corpus.tokenizer import build_tokenizer
from rnnlm.model.architecture import Architecture
from rnnlm.model.cells.library import shipped
from rnnlm.model.network import Network
from rnnlm.model.quantized import seal_quantized
from rnnlm.model.sealed import model_config, read_sealed, seal_model, text_description

DOCUMENT = (Path(__file__).resolve().parents[1] / "docs" / "model-format.md").read_text("utf-8")
Array = np.ndarray[Any, np.dtype[np.float64]]


def sigmoid(a: Array) -> Array:
    return 1 / (1 + np.exp(-a))


def log_softmax(o: Array) -> Array:
    o = o - o.max()
    return np.asarray(o - np.log(np.exp(o).sum()))


class Runner:
    """A sealed language model in NumPy and float64."""

    def __init__(self, path: Path) -> None:
        manifest = json.loads((path / "manifest.json").read_text("utf-8"))
        assert (manifest["format"], manifest["version"]) == ("rnnlm model", 1)
        for name, digest in manifest["outputs"].items():
            assert hashlib.sha256((path / name).read_bytes()).hexdigest() == digest
        told = manifest.pop("sha256")
        assert told == self.digest(manifest)
        parts = ("config.json", "weights.safetensors", "tokenizer.json")
        self.model_sha256 = self.digest({name: manifest["outputs"][name] for name in parts})
        self.config = json.loads((path / "config.json").read_text("utf-8"))
        self.a = self.config["architecture"]
        self.tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
        self.w = self.read((path / "weights.safetensors").read_bytes())
        self.E = self.w["embedding"]
        for k in range(len(self.a["cuts"])):
            self.E = np.concatenate([self.E, self.cluster(k)])

    @staticmethod
    def digest(value: Any) -> str:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def read(self, content: bytes) -> dict[str, Array]:
        """The tensors by name, 8 bits multiplied out."""
        (length,) = struct.unpack("<Q", content[:8])
        header, data = json.loads(content[8 : 8 + length]), content[8 + length :]
        header.pop("__metadata__", None)
        found = {}
        for name, each in header.items():
            begin, end = each["data_offsets"]
            numbers = np.frombuffer(data[begin:end], {"F32": "<f4", "I8": "i1"}[each["dtype"]])
            found[name] = numbers.reshape(each["shape"]).astype(np.float64)
        if self.config.get("weights") == "int8":
            for name in [name for name in found if name.endswith(".scale")]:
                scale = found.pop(name)
                found[name.removesuffix(".scale")] *= scale[:, None]
        return found

    def cluster(self, k: int) -> Array:
        rows, up = self.w[f"bands.later.{k}.rows"], self.w.get(f"bands.later.{k}.up")
        return rows if up is None else rows @ up.T

    def start(self) -> list[dict[str, Array]]:
        names = re.findall(r"(\w+)\(t-1\)", self.a["equations"])
        sizes = {"yhat": self.a["vocabulary"] - 2, "x": self.a["embedding"]}
        H, layers = self.a["hidden"], self.a["layers"]
        return [{name: np.zeros(sizes.get(name, H)) for name in names} for _ in range(layers)]

    def output(self, h: Array) -> Array:
        """o(t), or log p with clusters."""
        w, cuts = self.w, self.a["cuts"]
        u = w["projection"] @ h if "projection" in w else h
        u = np.tanh(u) if self.a["read_out"] == "tanh" else u
        V, c = w["output"] if "output" in w else w["embedding"][2:], w["bias"]
        if not cuts:
            return np.asarray(V @ u + c)
        first = log_softmax(np.concatenate([V @ u + c[: cuts[0]], w["bands.G"] @ u + w["bands.a"]]))
        parts = [first[: cuts[0]]]
        for k, (begin, end) in enumerate(zip(cuts, [*cuts[1:], len(c)], strict=True)):
            parts.append(first[cuts[0] + k] + log_softmax(self.cluster(k) @ u + c[begin:end]))
        return np.concatenate(parts)

    def step(self, state: list[dict[str, Array]], number: int) -> Array:
        """Read one id, changing the state; log p of the outputs."""
        x = self.E[number]
        for i, own in enumerate(state):
            own = self.equations(i, x, own, number)
            state[i], x = own, own["h"]
        return log_softmax(self.output(x))

    def equations(self, layer: int, x: Array, before: dict[str, Array], number: int) -> dict[str, Array]:
        """Every name of a layer's equations in one step."""
        now: dict[str, Any] = {"x": x}
        if self.a["forced"]:
            before["yhat"] = np.eye(self.a["vocabulary"] - 2)[number - 2] * (number >= 2)
        blocks = self.blocks(layer)
        space = {"before": before, "now": now, "sigmoid": sigmoid, "tanh": np.tanh, "exp": np.exp, "max": np.maximum,
                 "relu": lambda a: np.maximum(0, a), "softplus": lambda a: np.log1p(np.exp(a)), **blocks}  # fmt: skip
        for line in self.lines:
            name, _, term = line.partition("(t) = ")
            term = re.sub(r"([A-Z]\w*) (\w+\(t(-1)?\)|\(.*?\)\))", r"(\1 @ \2)", term)  # a matrix by a vector
            term = re.sub(r"(\w+)\(t-1\)", r"before['\1']", term)
            now[name] = eval(re.sub(r"(\w+)\(t\)", r"now['\1']", term), {}, space)  # noqa: S307
        if "yhat" in self.a["equations"]:
            o = self.output(now["h"])
            now["yhat"] = np.exp(log_softmax(o)) if self.a["feedback"] == "probabilities" else o
        return now

    @property
    def lines(self) -> list[str]:
        """The equations, each after those that it reads within a step."""
        left = [line for line in self.a["equations"].splitlines() if not line.startswith("start ")]
        names = [line.partition("(t)")[0] for line in left]
        order: list[str] = []
        while left:
            known = [line.partition("(t)")[0] for line in order]
            line = next(
                line for line in left
                if all(u in known or u not in names for u in re.findall(r"(\w+)\(t\)", line.partition("=")[2]))
            )  # fmt: skip
            order.append(line)
            left.remove(line)
        return order

    def blocks(self, layer: int) -> dict[str, Array]:
        """U_g, U_f, … from the rows of U, as many as units each, in the order in which the equations have them."""
        found: dict[str, Array] = {}
        names = re.findall(r"[A-Za-z]\w*(?!\w|\()", self.a["equations"])
        for name in dict.fromkeys(names):
            weights = self.w.get(f"layers.{layer}.{name.partition('_')[0]}")
            if weights is not None:
                same = [each for each in dict.fromkeys(names) if each.partition("_")[0] == name.partition("_")[0]]
                found[name] = np.split(weights, len(same))[same.index(name)]
        return found

    def nats(self, text: str, context: str) -> list[float]:
        """−log p of every token of a text, line ends included."""
        state, number, costs = self.start(), 1, []
        for line in text.splitlines():
            ids = self.tokenizer.encode(line, add_special_tokens=False).ids
            if not ids and not self.config["text"]["units"]["blank_lines"]:
                continue
            if context == "sentence":
                state, number = self.start(), 1
            for following in [*ids, 2]:
                costs.append(-float(self.step(state, number)[following - 2]))
                number = following
        return costs


WORDS = ["the", "old", "cat", "sees", "milk", "dogs", "like", "bread", "annas", "toms", "ball", "a", "tree",
         "small", "bird", "finds", "see", "birds", "thing", "and", "of", "in", "to", "is", "it", "on", "at",
         "by", "be"]  # fmt: skip
TEXT = "The old cat — sees Milk!\n\n...\nthe zeppelin, dogs like Anna's ball\na tree\n"
BASE = Architecture("lstm", 4 + len(WORDS), 6, 9, 1, True)
FORMS = {
    "lstm": replace(BASE, layers=2),
    "lstm, untied": replace(BASE, tied=False),
    "lstm, peepholes": replace(BASE, equations="", cell="lstm-plain-peephole"),
    "lstm, clusters": replace(BASE, cuts=(10, 20), widths=(6, 3)),
    "gru": replace(BASE, equations="", cell="gru", layers=2),
    "gru, no projection": replace(BASE, equations="", cell="gru", embedding=9),
    "gru, tanh of a projection": replace(BASE, equations="", cell="gru", read_out="tanh"),
    "elman": replace(BASE, equations="", cell="elman"),
    "elman-relu": replace(BASE, equations="", cell="elman-relu"),
    "output-recurrent": replace(BASE, equations="", cell="output-recurrent"),
    "output-recurrent, logits": replace(BASE, equations="", cell="output-recurrent", feedback="logits"),
    **{name: replace(BASE, equations="", cell=name) for name in shipped()},
    "output-recurrent, forced": replace(BASE, equations="", cell="output-recurrent", forced=True),
}


def sealed(
    directory: Path, architecture: Architecture, kind: str = "word", tokens: Sequence[str] = (), **cleaning: Any
) -> Path:
    """A model of words, or of other tokens, with random weights that all matter."""
    directory.mkdir()
    settings = CleanSettings(**cleaning)
    rule = CleanRule.of(settings, kind)
    rules = TextRules(kind, rule, UnitRule.of(settings, kind), build_tokenizer(kind, rule, tokens or WORDS))
    network = Network(architecture, torch.Generator().manual_seed(1))
    draws = np.random.default_rng(2)
    weights = {
        name: (array + draws.normal(0, 0.2, array.shape)).astype(np.float32)
        for name, array in network.tensors().items()
    }
    weights["embedding"][0] = 0
    described = {"text": text_description(rules), "context": "stream", "data": {"of": "a test, ünïcode"}}
    write_json(directory / "config.json", model_config(architecture, described))
    write_tensors(directory / "weights.safetensors", weights)
    write_bytes(directory / "tokenizer.json", rules.tokenizer.to_str(pretty=True).encode())
    seal_model(directory, settings={}, inputs={}, report={})
    return directory


def same(path: Path) -> None:
    """The runner and `rnnlm.load` give the same costs in either context."""
    runner, model = Runner(path), rnnlm.load(path)
    assert runner.model_sha256 == model.sealed.model_sha256
    for context in ("sentence", "stream"):
        costs = runner.nats(TEXT, context)
        rows = model.score(TEXT, context=context).rows  # type: ignore[arg-type]
        assert len(costs) == len(rows) == 16
        np.testing.assert_allclose([row["bits"] * np.log(2) for row in rows], costs, rtol=0, atol=2e-5)


@pytest.mark.parametrize("form", FORMS)
def test_a_program_written_from_the_document_says_the_same(tmp_path: Path, form: str) -> None:
    same(sealed(tmp_path / "model", FORMS[form]))


@pytest.mark.parametrize(
    ("peepholes", "activation"), [(True, "tanh"), (True, "none"), (False, "none"), (False, "tanh")]
)
def test_forms_of_the_lstm_of_earlier_versions_are_read(tmp_path: Path, peepholes: bool, activation: str) -> None:
    cell = "lstm" + "-plain" * (activation == "none") + "-peephole" * peepholes
    now = sealed(tmp_path / "now", replace(BASE, equations="", cell=cell, layers=2))
    old = tmp_path / "old"
    old.mkdir()
    config = json.loads((now / "config.json").read_text("utf-8"))
    del config["architecture"]["equations"]
    config["architecture"] |= {"cell": "lstm", "peepholes": peepholes, "activation": activation}
    weights = read_tensors(now / "weights.safetensors", remedy="")
    write_json(old / "config.json", config)
    write_bytes(old / "tokenizer.json", (now / "tokenizer.json").read_bytes())
    write_tensors(
        old / "weights.safetensors",
        {name.replace(".p", ".P"): np.asarray(w).reshape(3, -1) if name.endswith(".p") else w
         for name, w in weights.items()},
    )  # fmt: skip
    seal_model(old, settings={}, inputs={}, report={})
    first, second = (rnnlm.load(path).score(TEXT, context="stream").rows for path in (now, old))
    assert [row["bits"] for row in first] == [row["bits"] for row in second]
    assert rnnlm.load(old).sealed.architecture == rnnlm.load(now).sealed.architecture


@pytest.mark.parametrize("form", ["lstm", "gru", "lstm, clusters"])
def test_and_of_a_model_in_8_bits(tmp_path: Path, form: str) -> None:
    original = sealed(tmp_path / "model", FORMS[form])
    small = tmp_path / "small"
    small.mkdir()
    seal_quantized(read_sealed(original), small, {})
    same(small)
    assert Runner(small).nats(TEXT, "stream") != Runner(original).nats(TEXT, "stream")


def test_and_of_a_model_that_was_trained(trained: Path) -> None:
    path = trained / "models" / "lstm"
    text = (trained / "raw" / "test.txt").read_text("utf-8")
    rows = rnnlm.load(path).score(text, context="stream").rows
    costs = Runner(path).nats(text, "stream")
    np.testing.assert_allclose([row["bits"] * np.log(2) for row in rows], costs, rtol=0, atol=2e-5)


class NgramRunner:
    """A sealed n-gram model as Python's dictionaries: n-gram → log p, n-gram → log b."""

    def __init__(self, path: Path) -> None:
        shape = json.loads((path / "config.json").read_text("utf-8"))["ngram"]
        self.order, self.apart, size = shape["order"], shape["lines_apart"], shape["vocabulary"]
        self.tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
        self.log_p: dict[tuple[int, ...], float] = {}
        self.log_b: dict[tuple[int, ...], float] = {}
        grams = [(number,) for number in range(size)]
        for n in range(1, self.order + 1):
            if n > 1:
                keys = np.load(path / f"order-{n}.keys.npy").tolist()
                grams = [(*grams[key // size], key % size) for key in keys]
            self.log_p |= zip(grams, np.load(path / f"order-{n}.log_p.npy").tolist(), strict=True)
            if n < self.order:
                self.log_b |= zip(grams, np.load(path / f"order-{n}.back_off.npy").tolist(), strict=True)

    def after(self, u: tuple[int, ...], w: int) -> float:
        if (*u, w) in self.log_p:
            return self.log_p[*u, w]
        return self.log_b.get(u, 0.0) + self.after(u[1:], w)

    def nats(self, text: str) -> list[float]:
        """−log p of every token of a text read as one stream."""
        read, costs = [1], []
        for line in text.splitlines():
            ids = self.tokenizer.encode(line, add_special_tokens=False).ids
            for w in [*ids, 2] if ids else []:
                costs.append(-self.after(tuple(read[-(self.order - 1) :]), w))
                read.append(1 if w == 2 and self.apart else w)
        return costs


@pytest.mark.parametrize("context", ["sentence", "stream"])
def test_and_of_an_ngram_model(trained: Path, tmp_path: Path, run: Any, context: str) -> None:
    work = shutil.copytree(trained, tmp_path / "work")
    run("ngram", work, "--order", 3, "--context", context).ok()
    path = work / "models" / "ngram"
    rows = rnnlm.load(path).score(TEXT, context="stream").rows
    np.testing.assert_allclose([row["bits"] * np.log(2) for row in rows], NgramRunner(path).nats(TEXT), atol=1e-6)


def test_the_document_names_all_there_is() -> None:
    named = DOCUMENT[DOCUMENT.index("## architecture") : DOCUMENT.index("## weights.safetensors")]
    for field in fields(Architecture):
        assert f"`{field.name}`" in named, field.name
    for kind in ("language", "tag", "classify", "forecast", "stream", "sentence", "document"):
        assert f"`{kind}`" in DOCUMENT
