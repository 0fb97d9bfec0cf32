"""Evaluation of a language model on a text: perplexity and the like, all from one sum of nats; the best possible."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rnnlm.builtin.melodies import MELODIES_SHA256
from rnnlm.builtin.melody_process import MelodyProcess
from rnnlm.builtin.probability import Source, cross_entropy
from rnnlm.builtin.stories import GRAMMAR, STORIES_SHA256
from rnnlm.corpus.clean import clean_blocks
from rnnlm.corpus.ids import Ids, shifted
from rnnlm.corpus.normalizer import CleanRule
from rnnlm.corpus.settings import CleanSettings
from rnnlm.corpus.sources import line_blocks
from rnnlm.corpus.text import EncodedText, TextRules
from rnnlm.corpus.tokenizer import UNKNOWN_ID
from rnnlm.model.likelihood import LanguageModel, perplexity, spans_of, text_nats


def best_possible_perplexity(corpus_sha256: str, split: Path, rules: TextRules, context: str) -> float | None:
    """exp of the source's cross-entropy on a raw split of the corpus with this digest; None where it is not known.

    It is known for the stories as default-cleaned words and for the melodies as prepared ones, in one stream: other
    tokens are other events, and other contexts hide from the model what the source sees.
    """
    sources: dict[str, Source[Any]] = {STORIES_SHA256: GRAMMAR, MELODIES_SHA256: MelodyProcess()}
    source = sources.get(corpus_sha256)
    kind = "word" if source is GRAMMAR else "whitespace"
    usual = CleanRule.of(CleanSettings(prepared=kind != "word"), kind)
    # The corpora hold nothing on which earlier rules differ.
    plain = rules.kind == kind and rules.rule in (usual, usual.earlier()) and not rules.units.sentences
    if source is None or context != "stream" or not plain:
        return None
    blocks = clean_blocks(line_blocks(split), rules.rule, rules.units)
    nats, predictions = cross_entropy(source, (line for block in blocks for line in block.text.decode().splitlines()))
    return math.exp(nats / predictions) if math.isfinite(nats) else None  # an edited story may be impossible


@dataclass(frozen=True)
class Stretch:
    """Tokens from `start` on: `inputs` (time, 1) and `targets` (time,) of ids; `fresh` where the state is reset."""

    start: int
    inputs: Tensor
    targets: Tensor
    fresh: bool


def stretches(ids: Ids, context: str, steps: int) -> Iterator[Stretch]:
    """The text in stretches of at most `steps` tokens, none across a border at which `context` resets the state."""
    for first, end in spans_of(ids, context):
        for start in range(int(first), int(end), steps):
            targets = np.asarray(ids.ids[start : min(start + steps, end)], np.int64)
            inputs = shifted(ids.ids, np.arange(start, start + len(targets)), first)
            yield Stretch(start, torch.from_numpy(inputs).unsqueeze(1), torch.from_numpy(targets), start == first)


@dataclass(frozen=True)
class Evaluation:
    """Sums over a text. `nats` and `tokens` count every prediction, `unknown_nats` those whose target is `<unk>`."""

    nats: float
    tokens: int
    unknown_nats: float
    text: EncodedText

    def report(self) -> dict[str, Any]:
        """The metrics, by their full names."""
        per_token = self.nats / self.tokens
        bits = self.nats / math.log(2)
        known = self.tokens - self.text.unknown_tokens
        return {
            "perplexity": perplexity(per_token), "nats_per_token": per_token, "bits_per_token": bits / self.tokens,
            "bits_per_character": bits / self.text.characters, "bits_per_byte": bits / self.text.bytes,
            "tokens": self.tokens, "characters": self.text.characters, "unknown_tokens": self.text.unknown_tokens,
            "out_of_vocabulary_tokens": self.text.out_of_vocabulary_tokens,
            "perplexity_excluding_unknown": perplexity((self.nats - self.unknown_nats) / known) if known else None,
            "raw_sha256": self.text.raw_sha256, "cleaned_sha256": self.text.cleaned_sha256,
        }  # fmt: skip


def evaluate(model: LanguageModel, text: EncodedText, context: str, batch_size: int) -> Evaluation:
    """Score every token of a text, `</s>` of each line included, in `context` ('stream', 'sentence', 'document')."""
    nats = unknown = 0.0
    tokens = 0
    for piece in text_nats(model, text.ids, context, batch_size):
        nats += float(piece.nats.sum())
        tokens += len(piece.nats)
        targets = text.ids.ids[piece.start : piece.start + len(piece.nats)]
        unknown += float(piece.nats[targets == UNKNOWN_ID].sum())
    return Evaluation(nats, tokens, unknown, text)
