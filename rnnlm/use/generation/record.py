"""A generated text as JSON, and in words what of it occurs in the training text."""

import dataclasses
from typing import Any

from rnnlm.corpus.text import TextRules
from rnnlm.use.generation.generate import Generated
from rnnlm.use.generation.novelty import Copied
from rnnlm.use.generation.prompt import text_of, unknown_words
from rnnlm.use.generation.settings import GenerateSettings


def copied_words(rules: TextRules, text: Generated, copied: Copied) -> str:
    """The longest run of a text that occurs in training."""
    if not copied.length:
        return "no token of it occurs in the training text"
    of = f"{copied.length} of {text.tokens} tokens"
    return f"copied from the training text, at most {of}: {_run(rules, text, copied)}"


def _run(rules: TextRules, text: Generated, copied: Copied) -> str:
    """The words of a copied run in one line, line ends as </s>."""
    return text_of(rules, text.ids[copied.start : copied.start + copied.length]).replace("\n", " </s> ").strip()


def record(rules: TextRules, given: GenerateSettings, text: Generated, copied: Copied | None) -> dict[str, Any]:
    """A text as JSON: log probabilities are natural, under the model's unmodified distribution."""
    made: dict[str, Any] = {
        "prompt": text.prompt, "unknown_prompt_words": unknown_words(rules, text.prompt), "text": text.text,
        "tokens": text.tokens, "nats": text.nats,
        "log_probabilities": [dataclasses.asdict(each) for each in text.generated_tokens],
    }  # fmt: skip
    if given.novelty:
        made["novelty"] = None if copied is None else {
            "longest_copied_tokens": copied.length, "copied_text": _run(rules, text, copied),
        }  # fmt: skip
    return made
