"""Incremental detokenization: ids come in one by one, and pieces of text that can no longer change go out."""

from copy import copy

from rnnlm.corpus.normalizer import END
from rnnlm.corpus.settings import WORD_KINDS
from rnnlm.corpus.text import TextRules
from rnnlm.corpus.tokenizer import END_ID, START_ID, shown
from rnnlm.use.generation.prompt import text_of
from rnnlm.use.generation.settings import GenerateSettings

_HALF = "�"  # an incomplete character in bytes is decoded to this


class Detokenizer:
    """The text after a prompt, up to the last line, `max_tokens` or the words of `until`; then `ended` is true.

    Only the last few tokens of the line are decoded, so that the cost per token does not grow with the text.
    """

    def __init__(self, rules: TextRules, prompt: list[int], settings: GenerateSettings) -> None:
        self._rules, self._settings = rules, settings
        self._window = [number for number in prompt[_after_last_end(prompt) :] if number != START_ID]
        self._settled = len(self._window)  # tokens of the window whose text is out
        self._pieces: list[str] = []
        self._tail = ""  # the end of the text so far, in which the words of `until` may have begun
        self.ids: list[int] = []
        self._lines = 0
        self.ended = False

    def fork(self) -> "Detokenizer":
        """A copy with the same text so far, which can be continued independently."""
        other = copy(self)
        other.ids, other._pieces, other._window = [*self.ids], [*self._pieces], [*self._window]
        return other

    def add(self, number: int) -> str:
        """Add the next id; returns its text, empty while a character is incomplete."""
        self.ids.append(number)
        if number == END_ID:
            piece = self._rest() + "\n"
            self._window, self._settled = [], 0
            self._lines += 1
        else:
            self._window.append(number)
            piece = self._rest()
            if piece.endswith(_HALF):
                piece = ""
            else:
                self._window, self._settled = self._window[self._settled :], len(self._window) - self._settled
        self.ended = self._lines == self._settings.last_line or len(self.ids) == self._settings.max_tokens
        if self.ended and number != END_ID and not piece:
            piece = self._rest()  # a character that stays incomplete
        return self._out(piece)

    def _rest(self) -> str:
        """The text of the window's tokens that is not out yet."""
        before = text_of(self._rules, self._window[: self._settled])
        return text_of(self._rules, self._window)[len(before) :]

    def _out(self, piece: str) -> str:
        until = self._settings.until
        if until is not None and piece:
            known = len(self._tail)
            recent = self._tail + piece
            found = recent.find(until)
            if found >= 0:
                self.ended = True
                piece = recent[known : found + len(until)]
            self._tail = recent[max(0, len(recent) - len(until) + 1) :]
        self._pieces.append(piece)
        return piece

    @property
    def text_so_far(self) -> str:
        """All pieces of text so far, joined."""
        return "".join(self._pieces)

    @property
    def text(self) -> str:
        """The text so far, without the space that joins it to the prompt's last word and without the last line end.

        With `until` it ends with those words; the rest of the last token is dropped.
        """
        text = self.text_so_far
        if self._rules.kind in WORD_KINDS:
            text = text.removeprefix(" ")
        return text if (self._settings.until or "").endswith("\n") else text.removesuffix("\n")


def _after_last_end(prompt: list[int]) -> int:
    return len(prompt) - prompt[::-1].index(END_ID) if END_ID in prompt else 0


def token_name(names: list[str], kind: str, number: int) -> str:
    """A token as tables and JSON show it; `names` are all tokens by id."""
    return END if number == END_ID else shown(names[number], kind)
