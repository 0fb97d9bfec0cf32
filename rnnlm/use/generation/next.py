"""The most likely next words, completing a word that is half typed."""

import re
from dataclasses import dataclass

import torch

from rnnlm.corpus.normalizer import END, normalize
from rnnlm.corpus.settings import WORD_KINDS
from rnnlm.corpus.text import TextRules
from rnnlm.corpus.tokenizer import END_ID, FIRST_OUTPUT, UNKNOWN_ID, shown, tokens_by_id
from rnnlm.model.likelihood import LanguageModel, log_probabilities
from rnnlm.use.generation.prompt import check_unicode, prompt_ids
from rnnlm.use.generation.streams import read


@dataclass(frozen=True)
class Candidate:
    """A possible next token and its probability; for a half-typed word, among the words that complete it."""

    token: str
    probability: float


@torch.inference_mode()
def next_words(model: LanguageModel, rules: TextRules, prompt: str, k: int) -> list[Candidate]:
    """The `k` most likely tokens after `prompt`, most likely first.

    For words, the last word of a prompt that does not end in a space is completed: p is that of each word that
    begins with it, given that one of them follows. If no word begins with it, it counts as complete.
    """
    check_unicode(prompt)
    before, half = split_half_typed(rules, prompt)
    names = tokens_by_id(rules.tokenizer)
    if half:
        log_p = _after(model, rules, before)
        fits = torch.tensor([name.startswith(half) and number > UNKNOWN_ID for number, name in enumerate(names)])
        fits = fits[FIRST_OUTPUT:]
        if bool(fits.any()):
            log_p = log_p.masked_fill(~fits, -torch.inf)
            return _best((log_p - torch.logsumexp(log_p, -1)).exp(), names, rules.kind, k)
    return _best(_after(model, rules, prompt).exp(), names, rules.kind, k)


def split_half_typed(rules: TextRules, prompt: str) -> tuple[str, str]:
    """The prompt without its half-typed last word, and that word as cleaned text, empty where none is half typed."""
    if rules.kind not in WORD_KINDS or not prompt or prompt[-1].isspace():
        return prompt, ""
    match = re.fullmatch(r"(?s)(.*\s)?(\S+)", prompt)
    assert match is not None
    word = normalize(rules.rule.normalizer(), match[2]).split(" ")
    return (match[1] or "") + " ".join(word[:-1]), word[-1]


def _after(model: LanguageModel, rules: TextRules, prompt: str) -> torch.Tensor:
    hidden, _ = read(model, prompt_ids(rules, prompt))
    return log_probabilities(model, hidden)[0].cpu()


def _best(p: torch.Tensor, names: list[str], kind: str, k: int) -> list[Candidate]:
    values, indices = p.topk(min(k, len(p)))
    found = [(int(index) + FIRST_OUTPUT, float(value)) for index, value in zip(indices, values, strict=True)]
    shown_names = {number: END if number == END_ID else shown(names[number], kind) for number, _ in found}
    return [Candidate(shown_names[number], value) for number, value in found if value > 0]
