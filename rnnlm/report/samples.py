"""Texts from a model, and how much of each is copied from its training text."""

from rnnlm.report.parts import Samples, Section
from rnnlm.report.subject import Subject
from rnnlm.use.generation.generate import generate
from rnnlm.use.generation.settings import GenerateSettings
from rnnlm.use.generation.sources import training_ids, with_copies

_TEXTS, _TOKENS = 5, 60


def samples(subject: Subject) -> Section:
    """Some texts by seed, each with its cost and its longest copied run."""
    rules = subject.found.model.rules
    given = GenerateSettings(n=_TEXTS, max_tokens=_TOKENS, seed=subject.given.seed)
    train = training_ids(subject.found, subject.scratch("copies"), subject.notice)
    texts = []
    for text, copied in with_copies(generate(subject.model, rules, given), train, _TEXTS):
        note = f"{text.tokens} token{'s' * (text.tokens != 1)}, {text.nats / max(1, text.tokens):.2f} nats per token"
        if copied is not None:
            note += f"; the longest run that occurs in the training text has {copied.length} tokens"
        texts.append((text.before + text.continued, note))
    sentence = (
        f"{_TEXTS} texts drawn from the model token by token, without a prompt, at temperature 1, seed "
        f"{subject.given.seed}, each at most {_TOKENS} tokens. A long copied run is something that it has "
        "memorized."
    )
    return Section("samples", "What it writes", sentence, [Samples(texts)])
