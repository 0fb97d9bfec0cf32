"""A language model as the files of a directory that Hugging Face's transformers opens; transformers is not needed here.

`modeling_rnnlm.py` has the step of the cell in Python and needs torch and transformers alone.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from torch import nn

from rnnlm.artifacts import json_bytes
from rnnlm.corpus.tokenizer import END_ID, PAD_ID, START_ID, UNKNOWN_ID
from rnnlm.errors import UsageError
from rnnlm.model.quantized import sealed_weights
from rnnlm.model.sealed import Sealed
from rnnlm.use.cells import python
from rnnlm.use.export.transformers_tokenizer import LENGTH

MODELING, HUB_CONFIG, GENERATION, HUB_TOKENIZER, TOKENIZER_CONFIG, HUB_WEIGHTS, CARD = (
    "modeling_rnnlm.py", "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
    "model.safetensors", "README.md",
)  # fmt: skip
_FOLDER = Path(__file__).parent / "transformers"


def render(template: str, **values: Any) -> bytes:
    """A file from its template."""
    environment = Environment(
        loader=FileSystemLoader(_FOLDER), trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
        undefined=StrictUndefined,
    )  # fmt: skip
    return environment.get_template(template).render(values).encode("utf-8", "replace")


def plain(name: str) -> str:
    """A name without what means something in Python's strings, YAML or Markdown."""
    return re.sub(r"[^\w.+ -]+", " ", name).strip() or "model"


def hub_weights(sealed: Sealed) -> dict[str, Any]:
    """The weights by the names of `modeling_rnnlm.py`, float32."""
    return {name.replace("bands.", "clusters."): array for name, array in sealed_weights(sealed)[0].items()}


def modeling(sealed: Sealed) -> bytes:
    """`modeling_rnnlm.py`, with no more than this model needs; UsageError for a cell whose weights it cannot name."""
    a = sealed.architecture
    for stored in a.form.blocks:
        if hasattr(nn.Module(), stored) or stored in ("blocks", "sizes", "step", "fed_back"):
            raise UsageError(f"the cell {a.cell} has a weight {stored}, which means something else in torch",
                             "give it another name in the cell's file, and train again")  # fmt: skip
    read_out = "h(t)" if not a.projected else "tanh(P h(t))" if a.read_out == "tanh" else "P h(t)"
    return render(
        "modeling_rnnlm.py.j2", name=plain(sealed.name), layers="1 layer" if a.layers == 1 else f"{a.layers} layers",
        cell=plain(a.cell), equations=a.form.text.splitlines(), read_out=read_out, step=python(a.form),
        clusters=bool(a.cuts), projected=a.projected, tanh=a.read_out == "tanh", tied=a.tied, forced=a.forced,
        feeds_back=a.form.feeds_back, feedback=a.feedback, lines=sealed.context == "sentence",
    )  # fmt: skip


def hub_config(sealed: Sealed, weights: Mapping[str, Any]) -> bytes:
    """`config.json`: the sizes of the network, and where transformers finds its class."""
    a, form = sealed.architecture, sealed.architecture.form
    layers = []
    for number, layer in enumerate(a.recurrent_layers):
        shapes = {letter: weights[f"layers.{number}.{letter}"].shape for letter in form.blocks}
        layers.append(
            {
                "weights": shapes,
                "blocks": [(name, *place) for name, place in layer.places.items()],
                "state": [layer.slot(slot) for slot in form.slots],
            }
        )
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
