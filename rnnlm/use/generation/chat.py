"""A text written in turns: a person types, the model proposes a continuation and next words."""

import textwrap
from dataclasses import asdict, dataclass, replace
from math import inf

from rnnlm.corpus.settings import WORD_KINDS
from rnnlm.corpus.text import TextRules
from rnnlm.corpus.tokenizer import END_ID
from rnnlm.model.likelihood import LanguageModel
from rnnlm.use.generation.generate import Generated, generate
from rnnlm.use.generation.next import Candidate, next_words, split_half_typed
from rnnlm.use.generation.prompt import unknown_words
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

    def shown(self, width: int | None = None) -> str:
        """The current line, with `|` at the end of the person's part, and the next words with their probabilities.

        With a `width` both are wrapped at words.
        """
        words = "  ".join(f"{each.token} {each.probability:.3f}" for each in self.next)
        line = f"{self.text.rpartition(chr(10))[2]}|{self.continuation.removesuffix(chr(10))}"
        parts = [line, f"next: {words}"] if words else [line]
        return "".join((each if width is None else textwrap.fill(each, width)) + "\n" for each in parts)


HELP = """:again another continuation · :undo takes the last line back · :temperature 0.8 · :help
an empty line accepts the continuation; a line of text may begin with :: for a colon; Ctrl-D ends"""


class Session:
    """The text so far, which begins with the prompt; each turn is sampled with its own seed."""

    def __init__(self, model: LanguageModel, rules: TextRules, settings: DrawSettings) -> None:
        self._model, self._rules, self._settings = model, rules, GenerateSettings(**asdict(settings))
        self._turns = 0
        self._last: Turn | None = None
        self._before: list[str] = []  # texts that `:undo` goes back to
        self.text = settings.prompt

    def answer(self, typed: str) -> Turn | str:
        """A turn after a line of text, or after a command, which begins with a colon; words where it has none.

        Raises UsageError for text that is not valid Unicode.
        """
        if not typed.startswith(":") or typed.startswith("::"):
            return self.turn(typed.removeprefix(":"))
        name, _, value = typed[1:].partition(" ")
        if name == "again":
            return self._continued()
        if name == "undo":
            if not self._before:
                return "there is nothing to take back"
            self.text = self._before.pop()
            return self._continued()
        if name == "temperature":
            try:
                self._settings = replace(self._settings, temperature=float(value))
            except ValueError:
                return f"{value!r} is not a number: :temperature 0.8"
            if not 0 <= self._settings.temperature < inf:
                self._settings = replace(self._settings, temperature=1.0)
                return "a temperature is 0 or more; it is 1 now"
            return self._continued()
        return HELP if name == "help" else f"there is no :{name}; :help lists what there is"

    def turn(self, typed: str) -> Turn:
        """Append what was typed to the text; an empty line accepts the last continuation.

        Raises UsageError for text that is not valid Unicode.
        """
        self._before.append(self.text)
        if typed:
            apart = self._rules.kind in WORD_KINDS and self.text and not self.text[-1].isspace()
            self.text += (" " if apart else "") + typed
        elif self._last is not None:
            self.text += self._last.continuation
        return self._continued()

    def unknown(self, typed: str) -> list[str]:
        """The words of a line that are read as `<unk>`, without a last one that begins a known word."""
        completed = self._last is not None and bool(self._last.next)
        return unknown_words(self._rules, split_half_typed(self._rules, typed)[0] if completed else typed)

    def _continued(self) -> Turn:
        """The text with a new continuation."""
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
