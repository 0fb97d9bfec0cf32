"""An n-gram model with the interface of a network: the border between NumPy and torch."""

import torch
from torch import Tensor

from rnnlm.corpus.tokenizer import END_ID, PAD_ID, START_ID
from rnnlm.model.ngram.grams import Grams

NgramStates = tuple[tuple[Tensor, ...], ...]


class NgramModel:
    """p(y(t) | the N − 1 tokens before it). Its state and its 'hidden' are the ids that the prediction depends on.

    With `lines_apart` a line does not depend on text before it, whatever state is carried: `</s>` is read as `<s>`.
    """

    def __init__(self, grams: Grams, *, lines_apart: bool) -> None:
        self.grams, self.lines_apart = grams, lines_apart

    @property
    def device(self) -> torch.device:
        """The CPU: numbers are looked up in memory maps."""
        return torch.device("cpu")

    def initial_state(self, batch: int) -> NgramStates:
        """No history, for `batch` sequences: one tensor (batch, N − 1) of `<pad>`, nested as for one layer."""
        return ((torch.full((batch, self.grams.order - 1), PAD_ID, dtype=torch.int64),),)

    def __call__(self, inputs: Tensor, states: NgramStates) -> tuple[Tensor, NgramStates]:
        """inputs (time, batch) of ids → histories (time, batch, N − 1) of ids in text order, and the state after them.

        A history is what precedes the prediction at its step, `<pad>` before the beginning.
        """
        ((before,),) = states
        if self.lines_apart:  # n-grams have <s> only as their first word: text before it is ignored
            inputs = inputs.where(inputs != END_ID, START_ID)
        if before.shape[1] == 0:
            return before.new_empty((*inputs.shape, 0)), states
        hidden = torch.cat([before.T, inputs]).unfold(0, before.shape[1], 1)[1:]
        return hidden, ((hidden[-1],),)

    def log_p(self, histories: Tensor) -> Tensor:
        """histories (rows, N − 1) → log p of all outputs (rows, outputs) float64."""
        return torch.from_numpy(self.grams.log_p_of_all(histories.numpy()))

    def log_p_of(self, histories: Tensor, words: Tensor) -> Tensor:
        """histories (rows, N − 1), words (rows,) of ids → log p (rows,) float64."""
        return torch.from_numpy(self.grams.log_p_of(histories.numpy(), words.numpy()))
