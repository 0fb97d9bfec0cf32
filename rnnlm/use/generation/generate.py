"""Texts from a model, drawn or searched for, each with what its tokens cost."""

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
from rnnlm.use.generation.streams import Drawn, Streams

Emit = Callable[[str], None]


@dataclass(frozen=True)
class GeneratedToken:
    """A token as it is shown, and its log probability in nats under the model's own distribution."""

    token: str
    log_probability: float


@dataclass(frozen=True)
class Generated:
    """What was said after a prompt.

    `prompt` is as it was given, `before` as the model read it, cleaned; `continued` is what follows there, with the
    blank that joins it, and `text` the same without. `said` are its tokens, the end included, `ids` their numbers.
    """

    prompt: str
    before: str
    continued: str
    text: str
    said: tuple[GeneratedToken, ...]
    ids: tuple[int, ...]

    @property
    def tokens(self) -> int:
        """How many tokens were said."""
        return len(self.said)

    @property
    def nats(self) -> float:
        """What they cost together under the model's own distribution, whatever shaped the draws."""
        return -sum(each.log_probability for each in self.said)


def generate(
    model: LanguageModel, rules: TextRules, settings: GenerateSettings, emit: Emit | None = None
) -> Iterator[Generated]:
    """The `n` texts after `prompt`: drawn, text k being that of `seed` + k alone, or the best of a search.

    Where one text is drawn, `emit` gets the cleaned prompt and each piece as soon as it can no longer change, then a
    line end.
    """
    streaming = emit if settings.n == 1 and settings.beam is None else None
    yield from _generate(model, rules, settings, [settings.prompt], streaming)


def generate_from(
    model: LanguageModel, rules: TextRules, settings: GenerateSettings, prompts: Iterable[str]
) -> Iterator[Generated]:
    """The same after each of many prompts, in their order, which are taken as they are needed.

    A prompt gives what it gives alone; `batch_size` texts are drawn side by side.
    """
    yield from _generate(model, rules, settings, prompts, None)


def _generate(
    model: LanguageModel, rules: TextRules, settings: GenerateSettings, prompts: Iterable[str], emit: Emit | None
) -> Iterator[Generated]:
    names = tokens_by_id(rules.tokenizer)

    def told(prompt: str, ids: list[int], speech: Detokenizer, drawn: Sequence[Drawn]) -> Generated:
        said = tuple(GeneratedToken(token_name(names, rules.kind, each.id), -each.nats) for each in drawn)
        continued = speech.said.removesuffix("\n")
        return Generated(prompt, text_of(rules, ids), continued, speech.text, said, tuple(each.id for each in drawn))

    encoded = ((prompt, prompt_ids(rules, prompt)) for prompt in prompts)
    if settings.beam is not None:
        for prompt, ids in encoded:
            for found in beam_search(model, ids, Detokenizer(rules, ids, settings), settings):
                yield told(prompt, ids, found.speech, found.drawn)
        return
    wanted = ((prompt, ids, settings.seed + number) for prompt, ids in encoded for number in range(settings.n))
    while batch := list(islice(wanted, settings.batch_size)):
        texts = _side_by_side(model, rules, settings, [(ids, seed) for _, ids, seed in batch], emit)
        for (prompt, ids, _), (speech, drawn) in zip(batch, texts, strict=True):
            yield told(prompt, ids, speech, drawn)


def _side_by_side(
    model: LanguageModel,
    rules: TextRules,
    settings: GenerateSettings,
    batch: Sequence[tuple[list[int], int]],
    emit: Emit | None,
) -> list[tuple[Detokenizer, list[Drawn]]]:
    """A text for each prompt and seed of the batch."""
    speeches = [Detokenizer(rules, prompt, settings) for prompt, _ in batch]
    drawn: list[list[Drawn]] = [[] for _ in batch]
    if emit is not None:
        emit(text_of(rules, batch[0][0]))
    streams = Streams(model, [prompt for prompt, _ in batch], settings, [seed for _, seed in batch])
    while streams.numbers:
        for number, each in zip(streams.numbers, streams.draw(), strict=True):
            drawn[number].append(each)
            piece = speeches[number].add(each.id)
            if emit is not None:
                emit(piece)
        streams.go_on([not speeches[number].ended for number in streams.numbers])
    if emit is not None and not speeches[0].said.endswith("\n"):
        emit("\n")
    return list(zip(speeches, drawn, strict=True))
