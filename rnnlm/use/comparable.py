"""Whether two models speak of the same things: the same tokens, made of raw text in the same way."""

from rnnlm.corpus.text import TextRules


def same_tokens(one: TextRules, other: TextRules) -> bool:
    """Whether both make the same ids of every raw text, so that their predictions are of the same events."""
    if (one.kind, one.rule, one.units) != (other.kind, other.rule, other.units):
        return False
    return bool(one.tokenizer.to_str() == other.tokenizer.to_str())
