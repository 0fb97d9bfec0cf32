"""A language model inside a decoder: states that are extended word by word.

The methods have the names of flashlight-text's `LM`: `start`, `score`, `finish`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from rnnlm.corpus.text import TextRules
from rnnlm.corpus.tokenizer import END_ID, FIRST_OUTPUT, START_ID
from rnnlm.errors import UsageError
from rnnlm.model.likelihood import LanguageModel, log_probabilities
from rnnlm.model.network import States
from rnnlm.use.generation.prompt import line_ids
from rnnlm.use.generation.streams import read


@dataclass
class DecoderState:
    """What has been said: `text`, its `ids`, and the state before the ids that are still to be read.

    It is never changed, only read as far as its ids, once; any number of states may extend it.
    """

    text: str
    ids: tuple[int, ...]
    before: States | None
    unread: tuple[int, ...]
    log_p: Tensor | None = None


class Decoder:
    """ln p of words, one after the other; the sum over a text is that of `rescore`, `</s>` included.

    A state is read when it is first extended, so that where a word is one token, those which a beam drops cost no step.
    """

    def __init__(self, model: LanguageModel, rules: TextRules) -> None:
        self._model, self._rules = model, rules

    def start(self) -> DecoderState:
        """The state in which a text begins."""
        return DecoderState("", (), None, (START_ID,))

    def score(self, state: DecoderState, word: str) -> tuple[DecoderState, float]:
        """The state after one more word, and ln p of it; a word outside the vocabulary costs as much as `<unk>`.

        ln p is 0 for a word that cleaning removes. UsageError for one with a line end, and where the tokens of the text
        before depend on the word.
        """
        if "\n" in word or "\r" in word:
            raise UsageError(f"a line end inside the word {word!r}", "finish the text, and start another")
        text = f"{state.text} {word}".strip()
        ids = tuple(line_ids(self._rules, text))
        count = len(state.ids)
        if ids[:count] != state.ids:
            raise UsageError(f"the tokens of {state.text!r} change before {word!r}", "rescore whole texts instead")
        new = ids[count:]
        if not new:
            return DecoderState(text, ids, state.before, state.unread, state.log_p), 0.0
        log_p, after = self._predicted(state), state.before
        total = float(log_p[new[0] - FIRST_OUTPUT])
        for number, following in pairwise(new):
            log_p, after = self._read((number,), after)
            total += float(log_p[following - FIRST_OUTPUT])
        return DecoderState(text, ids, after, new[-1:]), total

    def finish(self, state: DecoderState) -> tuple[DecoderState, float]:
        """The state after the end of the text, and ln p of the end."""
        log_p = float(self._predicted(state)[END_ID - FIRST_OUTPUT])
        return DecoderState("", (), state.before, (END_ID,)), log_p

    def _predicted(self, state: DecoderState) -> Tensor:
        """ln p of every token after a state (outputs,)."""
        if state.log_p is None:
            state.log_p, state.before = self._read(state.unread, state.before)
            state.unread = ()
        return state.log_p

    @torch.inference_mode()
    def _read(self, ids: Sequence[int], before: States | None) -> tuple[Tensor, States]:
        hidden, after = read(self._model, ids, before)
        return log_probabilities(self._model, hidden)[0].cpu(), after
