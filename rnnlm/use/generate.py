"""Text drawn from a model: a generator of ids, and one of records made from it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from rnnlm.corpus.settings import WORD_KINDS
from rnnlm.corpus.text import TextRules
from rnnlm.corpus.tokenizer import END_ID, FIRST_OUTPUT
from rnnlm.model.likelihood import LanguageModel, log_probabilities
from rnnlm.use.prompt import prompt_ids, text_of
from rnnlm.use.sampling import draw, shaped
from rnnlm.use.settings import GenerateSettings


@dataclass(frozen=True)
class Drawn:
    """A token and its cost in nats under the model's own distribution, before temperature and the like."""

    id: int
    nats: float


@dataclass(frozen=True)
class Generated:
    """`text` without the prompt, its number of tokens, and their nats under the unmodified distribution."""

    text: str
    tokens: int
    nats: float


@torch.inference_mode()
def draw_ids(
    model: LanguageModel, prompt: list[int], settings: GenerateSettings, generator: torch.Generator
) -> Iterator[Drawn]:
    """One token after another until the last line has ended or `max_tokens` are drawn."""
    device = model.device
    states = model.initial_state(1)
    hidden, states = model(torch.tensor(prompt, device=device).unsqueeze(1), states)
    ended = 0
    for _ in range(settings.max_tokens):
        log_p = log_probabilities(model, hidden[-1])
        token = draw(shaped(log_p, settings), settings.temperature, generator)
        number = int(token[0])
        yield Drawn(number, -float(log_p[0, number - FIRST_OUTPUT]))
        ended += number == END_ID
        if ended == settings.lines:
            return
        hidden, states = model(token.unsqueeze(0), states)


def generate(
    model: LanguageModel,
    rules: TextRules,
    settings: GenerateSettings,
    emit: Callable[[str], None] = lambda text: None,
) -> Iterator[Generated]:
    """`n` texts; `emit` gets the cleaned prompt and each piece as soon as it can no longer change, then '\\n'."""
    prompt = prompt_ids(rules, settings.prompt)
    for number in range(settings.n):
        generator = torch.Generator(device=model.device).manual_seed((settings.seed + number) % 2**63)
        ids: list[int] = []
        nats, said = 0.0, 0
        emit(text_of(rules, prompt))
        for drawn in draw_ids(model, prompt, settings, generator):
            ids.append(drawn.id)
            nats += drawn.nats
            text = _continued(rules, prompt, ids)
            if not text.endswith("�"):  # half of a character that is spelt in bytes
                emit(text[said:])
                said = len(text)
        text = _continued(rules, prompt, ids)
        emit(text[said:] + ("" if text.endswith("\n") else "\n"))
        if rules.kind in WORD_KINDS:  # the blank that joins it to the prompt's last word
            text = text.removeprefix(" ")
        yield Generated(text.removesuffix("\n"), len(ids), nats)


def _continued(rules: TextRules, prompt: list[int], ids: list[int]) -> str:
    """What `ids` add to the text of the prompt, the blank between words included."""
    return text_of(rules, [*prompt, *ids])[len(text_of(rules, prompt)) :]
