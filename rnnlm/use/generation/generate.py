"""Texts from a model, sampled or found by beam search, with the log probabilities of their tokens."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from rnnlm.corpus.text import TextRules
from rnnlm.corpus.tokenizer import tokens_by_id
from rnnlm.model.likelihood import LanguageModel
from rnnlm.use.generation.beam import beam_search
from rnnlm.use.generation.detokenizer import Detokenizer, token_name
from rnnlm.use.generation.prompt import prompt_ids, text_of
from rnnlm.use.generation.settings import GenerateSettings
from rnnlm.use.generation.streams import Streams, TokenCost

Emit = Callable[[str], None]


@dataclass(frozen=True)
class GeneratedToken:
    """A token as it is shown, and its log probability in nats under the model's unmodified distribution."""

    token: str
    log_probability: float


@dataclass(frozen=True)
class Generated:
    """A text generated after a prompt.

    `prompt` is as given, `before` the cleaned prompt as the model reads it; `continued` is the text after it with the
    space that joins them, `text` the same without. `generated_tokens` include the end, `ids` are their numbers.
    """

    prompt: str
    before: str
    continued: str
    text: str
    generated_tokens: tuple[GeneratedToken, ...]
    ids: tuple[int, ...]

    @property
    def tokens(self) -> int:
        """Number of generated tokens."""
        return len(self.generated_tokens)

    @property
    def nats(self) -> float:
        """Their cost under the model's unmodified distribution, whatever the sampling settings."""
        return -sum(each.log_probability for each in self.generated_tokens)


def generate(
    model: LanguageModel, rules: TextRules, settings: GenerateSettings, emit: Emit | None = None
) -> Iterator[Generated]:
    """The `n` texts after `prompt`: sampled, text k with the seed `seed` + k, or the best of a beam search.

    If one text is sampled, `emit` gets the cleaned prompt and each piece as soon as it can no longer change, then a
    line end.
    """
    streaming = emit if settings.n == 1 and settings.beam is None else None
    yield from _generate(model, rules, settings, [settings.prompt], streaming)


def generate_from(
    model: LanguageModel, rules: TextRules, settings: GenerateSettings, prompts: Iterable[str]
) -> Iterator[Generated]:
    """The same after each of many prompts, in their order; prompts are read as needed.

    Each text is the same as for its prompt alone; `batch_size` texts are sampled in a batch.
    """
    yield from _generate(model, rules, settings, prompts, None)


def _generate(
    model: LanguageModel, rules: TextRules, settings: GenerateSettings, prompts: Iterable[str], emit: Emit | None
) -> Iterator[Generated]:
    names = tokens_by_id(rules.tokenizer)

    def generated(prompt: str, ids: list[int], after: Detokenizer, costs: Sequence[TokenCost]) -> Generated:
        tokens = tuple(GeneratedToken(token_name(names, rules.kind, each.id), -each.nats) for each in costs)
        continued = after.text_so_far.removesuffix("\n")
        return Generated(prompt, text_of(rules, ids), continued, after.text, tokens, tuple(each.id for each in costs))

    encoded = ((prompt, prompt_ids(rules, prompt)) for prompt in prompts)
    if settings.beam is not None:
        for prompt, ids in encoded:
            for found in beam_search(model, ids, Detokenizer(rules, ids, settings), settings):
                yield generated(prompt, ids, found.detokenizer, found.tokens)
        return
    wanted = ((prompt, ids, settings.seed + number) for prompt, ids in encoded for number in range(settings.n))
    while batch := list(islice(wanted, settings.batch_size)):
        texts = _side_by_side(model, rules, settings, [(ids, seed) for _, ids, seed in batch], emit)
        for (prompt, ids, _), (detokenizer, costs) in zip(batch, texts, strict=True):
            yield generated(prompt, ids, detokenizer, costs)


def _side_by_side(
    model: LanguageModel,
    rules: TextRules,
    settings: GenerateSettings,
    batch: Sequence[tuple[list[int], int]],
    emit: Emit | None,
) -> list[tuple[Detokenizer, list[TokenCost]]]:
    """A text for each prompt and seed of the batch."""
    detokenizers = [Detokenizer(rules, prompt, settings) for prompt, _ in batch]
    costs: list[list[TokenCost]] = [[] for _ in batch]
    if emit is not None:
        emit(text_of(rules, batch[0][0]))
    streams = Streams(model, [prompt for prompt, _ in batch], settings, [seed for _, seed in batch])
    while streams.numbers:
        for number, each in zip(streams.numbers, streams.draw(), strict=True):
            costs[number].append(each)
            piece = detokenizers[number].add(each.id)
            if emit is not None:
                emit(piece)
        streams.advance([not detokenizers[number].ended for number in streams.numbers])
    if emit is not None and not detokenizers[0].text_so_far.endswith("\n"):
        emit("\n")
    return list(zip(detokenizers, costs, strict=True))
