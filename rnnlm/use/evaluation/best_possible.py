"""The best possible perplexity, where it is known: the built-in stories under the grammar that generates them."""

import math
from pathlib import Path

from rnnlm.builtin.stories import STORIES_SHA256, cross_entropy
from rnnlm.corpus.clean import clean_blocks
from rnnlm.corpus.normalizer import CleanRule
from rnnlm.corpus.settings import CleanSettings
from rnnlm.corpus.sources import line_blocks
from rnnlm.corpus.text import TextRules


def best_possible_perplexity(corpus_sha256: str, split: Path, rules: TextRules, context: str) -> float | None:
    """exp of the grammar's cross-entropy on a raw split of the corpus with this digest; None where it is not known.

    It is known for default-cleaned words in one stream: other tokens are other events, and other contexts
    hide from the model what the grammar sees.
    """
    usual = CleanRule.of(CleanSettings(), "word")
    # The stories hold nothing on which earlier rules differ.
    plain = rules.kind == "word" and rules.rule in (usual, usual.earlier()) and not rules.units.sentences
    if corpus_sha256 != STORIES_SHA256 or context != "stream" or not plain:
        return None
    blocks = clean_blocks(line_blocks(split), rules.rule, rules.units)
    nats, predictions = cross_entropy(line for block in blocks for line in block.text.decode().splitlines())
    return math.exp(nats / predictions) if math.isfinite(nats) else None  # the grammar may not generate an edited story
