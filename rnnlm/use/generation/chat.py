"""A text written in turns: a person types, the model proposes a continuation and next words."""

from dataclasses import asdict, dataclass, replace

from rnnlm.corpus.settings import WORD_KINDS
from rnnlm.corpus.text import TextRules
from rnnlm.corpus.tokenizer import END_ID
from rnnlm.model.likelihood import LanguageModel
from rnnlm.use.generation.generate import Generated, generate
from rnnlm.use.generation.next import Candidate, next_words, split_half_typed
from rnnlm.use.generation.settings import DrawSettings, GenerateSettings

_CANDIDATES = 5  # next words that a turn shows


@dataclass(frozen=True)
class Turn:
    """The text so far, a continuation, which first completes a half-typed word, and the next words.

    `next` are the words that complete the last one where it is half typed.
    """

    text: str
    continuation: str
    next: list[Candidate]


class Session:
    """The text so far, which begins with the prompt; each turn is sampled with its own seed."""

    def __init__(self, model: LanguageModel, rules: TextRules, settings: DrawSettings) -> None:
        self._model, self._rules, self._settings = model, rules, GenerateSettings(**asdict(settings))
        self._turns = 0
        self._last: Turn | None = None
        self.text = settings.prompt

    def turn(self, typed: str) -> Turn:
        """Append what was typed to the text; an empty line accepts the last continuation.

        Raises UsageError for text that is not valid Unicode.
        """
        if typed:
            apart = self._rules.kind in WORD_KINDS and self.text and not self.text[-1].isspace()
            self.text += (" " if apart else "") + typed
        elif self._last is not None:
            self.text += self._last.continuation
        candidates = next_words(self._model, self._rules, self.text, _CANDIDATES)
        rest = self._rest_of_word(candidates)
        generated = self._generated(self.text + rest)
        ended = "\n" if generated.ids[-1] == END_ID else ""
        self._last = Turn(self.text, rest + generated.continued + ended, candidates)
        self._turns += 1
        return self._last

    def _rest_of_word(self, candidates: list[Candidate]) -> str:
        """The rest of a half-typed word, completed to the most likely word that begins with it; empty without one."""
        _, half = split_half_typed(self._rules, self.text)
        likeliest = candidates[0].token if half and candidates else ""
        rest = likeliest[len(half) :] if likeliest.startswith(half) else ""
        return rest if split_half_typed(self._rules, self.text + rest)[1] == likeliest else ""

    def _generated(self, text: str) -> Generated:
        settings = replace(self._settings, prompt=text, seed=(self._settings.seed + self._turns) % 2**63)
        return next(generate(self._model, self._rules, settings))
