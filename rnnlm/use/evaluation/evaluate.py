"""Evaluation of a language model on a text: perplexity and related metrics, all from one sum of nats."""

import math
from dataclasses import dataclass
from typing import Any

from rnnlm.corpus.text import EncodedText
from rnnlm.corpus.tokenizer import UNKNOWN_ID
from rnnlm.model.likelihood import LanguageModel, perplexity, text_nats


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
