"""A model that runs in a page: its weights in 8 or 16 bits, its rules of text and its cell's step, for `page/*.js`."""

import json
import re
import string
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rnnlm.corpus.ids import Ids
from rnnlm.corpus.normalizer import normalizer_json
from rnnlm.corpus.settings import WORD_KINDS
from rnnlm.corpus.text import TextRules
from rnnlm.corpus.tokenizer import WORD_PATTERN, byte_characters, tokens_by_id
from rnnlm.errors import UsageError
from rnnlm.model.cells.notation import FED_BACK
from rnnlm.model.int8 import Int8Rows
from rnnlm.model.likelihood import segment_nats
from rnnlm.model.loading import load_network
from rnnlm.model.network import Network
from rnnlm.model.quantized import sealed_weights
from rnnlm.model.sealed import NgramShape, Sealed
from rnnlm.report.parts import Live, Section
from rnnlm.report.surprise import LEVELS, legend
from rnnlm.use.cells import javascript
from rnnlm.use.evaluation.evaluate import stretches

_MOST_LOSS = 0.005  # of perplexity, above which 8 bits are too few
_MEASURED, _STRETCH = 20_000, 1_000  # tokens
_LARGEST_16 = 2**15 - 1
# What differs between the patterns of the tokenizers package and JavaScript's with the flag v.
_PATTERNS = (
    (r"\A", "^"), (r"\z", "$"), (r"\s", r"\p{White_Space}"), (r"\x{", r"\u{"),
)  # fmt: skip
_DIGITS = (string.digits + string.ascii_uppercase + string.ascii_lowercase + "!#$%:()*+-;.=,?@^_`{|}~").encode()
_SCRIPT = re.compile(r"\\p\{([A-Z][a-z]{2,})\}")
_STEPS = {"NFC": "nfc", "NFD": "nfd", "NFKC": "nfkc", "StripAccents": "accents", "Lowercase": "lower", "Strip": "strip"}


def check_live(sealed: Sealed) -> None:
    """Raise UsageError for a model that a page cannot run."""
    if isinstance(sealed.built, NgramShape):
        raise UsageError(f"{sealed.path} is an n-gram model", "only a recurrent network runs in a page; name one")
    if sealed.task != "language":
        raise UsageError(f"{sealed.path} does not predict tokens", "only a language model runs in a page; name one")
    if sealed.rules.kind not in (*WORD_KINDS, "char", "byte"):
        raise UsageError(
            f"{sealed.path} reads {sealed.rules.kind} tokens", "a page reads words, characters or bytes; name another"
        )


def live_part(sealed: Sealed, bits: int, start: str = "") -> Live:
    """The model with its matrices in 8 or 16 bits; `start` is the text that the page begins with."""
    step = javascript(sealed.architecture.form)
    dense = sealed.rules.kind not in WORD_KINDS
    return Live(_described(sealed, bits), step, LEVELS, legend(), start, 200 if dense else 40, dense)


def live_section(part: Live, loss: float | None, text: str) -> Section:
    """The model in a section; `loss` is that of 8 bits on `text`."""
    bits = part.model["bits"]
    cost = "" if loss is None else f" (8 bits change the perplexity on {text} by {loss:+.2%})"
    begins = "each line begins anew" if part.model["context"] == "sentence" else "what is read stays in its state"
    sentence = (
        f"The network itself runs in this page, each matrix in {bits} bits{cost}; nothing is sent anywhere. Type a "
        "text: each token is colored by its surprisal, −log₂ p in bits; the table has the likeliest next tokens; or "
        f"let the model continue, token by token, with a temperature, a top-p and a seed. As in training, {begins}."
    )
    return Section("live", "Try it", sentence, [part])


def loss_of_8_bits(sealed: Sealed, ids: Ids, context: str) -> float:
    """By what share the perplexity on the first tokens of a text grows with matrices in 8 bits."""
    plain, rounded = (_nats(load_network(sealed, int8=int8), ids, context) for int8 in (False, True))
    return float(np.expm1(rounded - plain))


def bits_for(loss: float | None) -> int:
    """Bits of a number: 16 where 8 cost too much, by a loss as of `loss_of_8_bits`; None for an unknown one."""
    return 16 if loss is not None and loss > _MOST_LOSS else 8


@torch.inference_mode()
def _nats(network: Network, ids: Ids, context: str) -> float:
    """Nats per token over the first tokens of a text."""
    total, tokens, states = 0.0, 0, network.initial_state(1)
    for stretch in stretches(ids, context, _STRETCH):
        states = network.initial_state(1) if stretch.fresh else states
        nats, states = segment_nats(network, stretch.inputs, stretch.targets.unsqueeze(1), states)
        total, tokens = total + float(nats.sum()), tokens + len(nats)
        if tokens >= _MEASURED:
            break
    return total / tokens


def _described(sealed: Sealed, bits: int) -> dict[str, Any]:
    a, form = sealed.architecture, sealed.architecture.form
    layers = []
    for layer in a.recurrent_layers:
        blocks = [(name, *place) for name, place in layer.places.items()]
        slots = [(name == FED_BACK, delay, layer.slot((name, delay))) for name, delay in form.slots]
        layers.append({"slots": slots, "blocks": blocks})
    return {
        "name": sealed.name, "model_sha256": sealed.model_sha256, "bits": bits, "text": _text(sealed.rules),
        "context": sealed.context, "blankLines": sealed.rules.units.blank_lines, "hidden": a.hidden,
        "outputs": a.outputs, "cuts": a.cuts, "forced": a.forced, "feedback": a.feedback, "readOut": a.read_out,
        "layers": layers, "weights": {name: _stored(w, bits) for name, w in sorted(sealed_weights(sealed)[0].items())},
    }  # fmt: skip


def _stored(weight: NDArray[Any], bits: int) -> Mapping[str, Any]:
    """A weight as `page/model.js` reads it: whole numbers and a scale for each row of a matrix, float32 otherwise."""
    if weight.ndim != 2:
        return {"shape": weight.shape, "values": _base85(weight.astype("<f4"))}
    if bits == 8:
        rows = Int8Rows.of(torch.from_numpy(np.array(weight)))
        numbers, scale = rows.numbers.numpy(), rows.scale.numpy()
    else:
        scale = np.abs(weight).max(1) / np.float32(_LARGEST_16)
        numbers = np.rint(weight / np.where(scale > 0, scale, 1)[:, None]).astype("<i2")
    return {"shape": weight.shape, "bits": bits, "numbers": _base85(numbers), "scale": _base85(scale.astype("<f4"))}


def _base85(array: NDArray[Any]) -> str:
    """The bytes of an array, five characters for four of them, zeros at the end; a quarter more than the bytes."""
    content = array.tobytes()
    words = np.frombuffer(content + bytes(-len(content) % 4), ">u4").astype(np.int64)
    digits = words[:, None] // 85 ** np.arange(4, -1, -1) % 85
    return str(np.frombuffer(_DIGITS, np.uint8)[digits].tobytes(), "ascii")


def _text(rules: TextRules) -> dict[str, Any]:
    """How raw text becomes ids, as `page/text.js` does it."""
    stored = normalizer_json(rules.rule.normalizer())
    steps = json.loads(stored)["normalizers"] if stored else []
    return {
        "kind": rules.kind, "clean": [_step(step) for step in steps], "tokens": tokens_by_id(rules.tokenizer),
        "split": _pattern(WORD_PATTERN) if rules.kind == "word" else None,
        "bytes": "".join(byte_characters()) if rules.kind == "byte" else None,
    }  # fmt: skip


def _step(step: Mapping[str, Any]) -> list[str]:
    """A step of cleaning as its name, and its pattern and replacement."""
    if step["type"] == "Replace":
        return ["replace", _pattern(step["pattern"]["Regex"]), step["content"]]
    return [_STEPS[step["type"]]]


def _pattern(pattern: str) -> str:
    for old, new in _PATTERNS:
        pattern = pattern.replace(old, new)
    return _SCRIPT.sub(r"\\p{Script=\1}", pattern)
