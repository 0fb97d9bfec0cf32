"""A language model as the files of a directory that Hugging Face's transformers opens; transformers is not needed here.

`modeling_rnnlm.py` has the step of the cell in Python and needs torch and transformers alone. The tokenizer gives the
ids of our own: a line end is a token, the end of a line, and the other special tokens have names that no text holds,
since transformers looks for them in raw text, where ours knows no special strings.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from tokenizers import Tokenizer
from torch import nn

from rnnlm.artifacts import json_bytes
from rnnlm.corpus.normalizer import END, PAD, START, UNKNOWN
from rnnlm.corpus.text import TextRules
from rnnlm.corpus.tokenizer import END_ID, PAD_ID, START_ID, UNKNOWN_ID
from rnnlm.errors import UsageError
from rnnlm.model.quantized import sealed_weights
from rnnlm.model.sealed import Sealed
from rnnlm.use.cells import python

MODELING, HUB_CONFIG, GENERATION, HUB_TOKENIZER, TOKENIZER_CONFIG, HUB_WEIGHTS, CARD = (
    "modeling_rnnlm.py", "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
    "model.safetensors", "README.md",
)  # fmt: skip
LENGTH = 2**20  # tokens that other programs may read in one piece: a text is never cut, and memory sets the limit
NAMES = {PAD: "<|pad|>", START: "<|start|>", END: "\n", UNKNOWN: "<|unk|>"}
_MARK = "\ufdd0"
_FOLDER = Path(__file__).parent / "transformers"


def render(template: str, **values: Any) -> bytes:
    """A file from its template."""
    environment = Environment(
        loader=FileSystemLoader(_FOLDER), trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
        undefined=StrictUndefined,
    )  # fmt: skip
    return environment.get_template(template).render(values).encode("utf-8", "replace")


def hub_weights(sealed: Sealed) -> dict[str, Any]:
    """The weights by the names of `modeling_rnnlm.py`, float32."""
    return {name.replace("bands.", "clusters."): array for name, array in sealed_weights(sealed)[0].items()}


def modeling(sealed: Sealed) -> bytes:
    """`modeling_rnnlm.py`, with no more than this model needs; UsageError for a cell whose weights it cannot name."""
    a = sealed.architecture
    for stored in a.form.blocks:
        if hasattr(nn.Module(), stored):
            raise UsageError(f"the cell {a.cell} has a weight {stored}, which means something else in torch",
                             "give it another name in the cell's file, and train again")  # fmt: skip
    read_out = "h(t)" if not a.projected else "tanh(P h(t))" if a.read_out == "tanh" else "P h(t)"
    return render(
        "modeling_rnnlm.py.j2", name=sealed.name, layers="1 layer" if a.layers == 1 else f"{a.layers} layers",
        cell=a.cell, equations=a.form.text.splitlines(), read_out=read_out, step=python(a.form),
        clusters=bool(a.cuts), projected=a.projected, tanh=a.read_out == "tanh", tied=a.tied, forced=a.forced,
        feeds_back=a.form.feeds_back, feedback=a.feedback, lines=sealed.context == "sentence",
    )  # fmt: skip


def hub_config(sealed: Sealed, weights: Mapping[str, Any]) -> bytes:
    """`config.json`: the sizes of the network, and where transformers finds its class."""
    a, form = sealed.architecture, sealed.architecture.form
    layers = []
    for number, layer in enumerate(a.recurrent_layers):
        blocks = []
        for letter, names in form.blocks.items():
            first = 0
            for name in names:
                end = first + (layer.size(name) or (1,))[0]
                blocks.append((name, letter, first, end))
                first = end
        shapes = {letter: weights[f"layers.{number}.{letter}"].shape for letter in form.blocks}
        layers.append({"weights": shapes, "blocks": blocks, "state": [layer.slot(slot) for slot in form.slots]})
    shapes = {name: array.shape for name, array in weights.items() if not name.startswith("layers.")}
    module = MODELING.removesuffix(".py")
    return json_bytes({
        "model_type": "rnnlm", "architectures": ["RnnlmForCausalLM"],
        "auto_map": {"AutoConfig": f"{module}.RnnlmConfig", "AutoModelForCausalLM": f"{module}.RnnlmForCausalLM"},
        "vocab_size": a.vocabulary, "hidden_size": a.hidden, "embedding": a.embedding,
        "max_position_embeddings": LENGTH, "pad_token_id": PAD_ID, "bos_token_id": START_ID, "eos_token_id": END_ID,
        "tie_word_embeddings": False, "cell": a.cell, "context": sealed.context, "cuts": a.cuts, "layers": layers,
        "weights": shapes, "made_from_sha256": sealed.model_sha256,
    })  # fmt: skip


def generation() -> bytes:
    """`generation_config.json`: a text ends with its line, and <unk> is not generated, as in `rnnlm generate`."""
    return json_bytes({
        "pad_token_id": PAD_ID, "bos_token_id": START_ID, "eos_token_id": END_ID, "suppress_tokens": [UNKNOWN_ID],
    })  # fmt: skip


def tokenizer_config() -> bytes:
    """`tokenizer_config.json`."""
    return json_bytes({
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": NAMES[START], "eos_token": NAMES[END],
        "pad_token": NAMES[PAD], "unk_token": NAMES[UNKNOWN], "clean_up_tokenization_spaces": False,
        "model_max_length": LENGTH, "model_input_names": ["input_ids", "attention_mask"], "padding_side": "right",
    })  # fmt: skip


def skips_blank_lines(rules: TextRules) -> bool:
    """Whether lines that are empty after cleaning are skipped there as here; an imported normalizer reads one line."""
    return not rules.units.blank_lines and not rules.rule.then


def _over_lines(normalizer: Mapping[str, Any]) -> dict[str, Any]:
    """The cleaning of a line as that of a text: its lines are cleaned one by one, and empty ones vanish.

    A mark stands for a line end while spaces are folded; it is no character, and so in no text.
    """

    def replaced(pattern: str, by: str) -> dict[str, Any]:
        return {"type": "Replace", "pattern": {"Regex": pattern}, "content": by}

    steps = []
    for step in normalizer["normalizers"]:
        if step["type"] == "Replace":
            pattern = re.sub(r"^\\A", rf"(?:\\A|(?<={_MARK}))", step["pattern"]["Regex"])
            step = replaced(re.sub(r"\\z$", rf"(?:\\z|(?={_MARK}))", pattern), step["content"])
        steps.append(step)
    return {
        "type": "Sequence", "normalizers": [replaced(r"\n", f" {_MARK} "), *steps, replaced(f" *(?:{_MARK} *)+", "\n")]
    }  # fmt: skip


def hub_tokenizer(sealed: Sealed) -> bytes:
    """`tokenizer.json`: the model's own, with the start of a text before it and its line ends as tokens.

    Raises UsageError for tokens that hold line ends themselves.
    """
    rules = sealed.rules
    content = json.loads(rules.tokenizer.to_str())
    skipping = skips_blank_lines(rules)
    if skipping and content["normalizer"] is not None:
        content["normalizer"] = _over_lines(content["normalizer"])
    model = content["model"]
    if rules.tokenizer.token_to_id(NAMES[END]) is not None:
        raise UsageError(f"a token of {sealed.path} is a line end", "its tokenizer cannot be written for transformers")
    pairs = model["vocab"]
    if isinstance(pairs, dict):
        model["vocab"] = {NAMES.get(token, token): number for token, number in pairs.items()}
    else:
        model["vocab"] = [[NAMES.get(token, token), score] for token, score in pairs]
    if model.get("unk_token") is not None:
        model["unk_token"] = NAMES.get(model["unk_token"], model["unk_token"])
    content["added_tokens"] = [
        {
            "id": number, "content": NAMES[token], "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": token == END and skipping, "special": True,
        }
        for number, token in enumerate((PAD, START, END, UNKNOWN))
    ]  # fmt: skip
    start = {"SpecialToken": {"id": NAMES[START], "type_id": 0}}
    first, second = ({"Sequence": {"id": name, "type_id": 0}} for name in "AB")
    content["post_processor"] = {
        "type": "TemplateProcessing", "single": [start, first], "pair": [start, first, second],
        "special_tokens": {NAMES[START]: {"id": NAMES[START], "ids": [START_ID], "tokens": [NAMES[START]]}},
    }  # fmt: skip
    Tokenizer.from_str(json.dumps(content))  # what the library does not take is an error here
    return json_bytes(content)
