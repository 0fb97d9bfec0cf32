"""Ids sampled from a model in a batch of streams: their prompts, their states, one token for each in turn.

The caller decides when a stream ends.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rnnlm.corpus.tokenizer import END_ID, FIRST_OUTPUT
from rnnlm.model.likelihood import LanguageModel, log_probabilities
from rnnlm.model.network import Network, States
from rnnlm.model.states import joined, taken
from rnnlm.use.generation.sampling import draw, draw_plainly, shaped
from rnnlm.use.generation.settings import GenerateSettings

_SEGMENT = 1024  # tokens of a prompt read in one call


@dataclass(frozen=True)
class TokenCost:
    """A token and its cost in nats under the model's unmodified distribution, before temperature and the like."""

    id: int
    nats: float


@torch.inference_mode()
def read(model: LanguageModel, prompt: Sequence[int], states: States | None = None) -> tuple[Tensor, States]:
    """Read one or more ids: the input of the output layer after the last (1, ·), and the states (batch 1)."""
    states = model.initial_state(1) if states is None else states
    ids = torch.tensor(prompt, device=model.device).unsqueeze(1)
    for start in range(0, len(ids), _SEGMENT):
        hidden, states = model(ids[start : start + _SEGMENT], states)
    return hidden[-1], states


class Streams:
    """Streams that continue their prompts; `numbers` are those that have not ended, in the order of their rows.

    A stream's tokens depend only on its prompt and seed, except for rounding: products with other numbers of rows round
    differently, which changes about one draw in ten million.
    """

    @torch.inference_mode()
    def __init__(
        self, model: LanguageModel, prompts: Sequence[Sequence[int]], settings: GenerateSettings, seeds: Sequence[int]
    ) -> None:
        self._model, self._settings = model, settings
        self.numbers = list(range(len(prompts)))
        # The generators are on the CPU, so that a seed gives the same text on every device.
        self._generators = [torch.Generator().manual_seed(seed % 2**63) for seed in seeds]
        prompt_rows: dict[tuple[int, ...], int] = {}
        rows = self._numbers([prompt_rows.setdefault(tuple(prompt), len(prompt_rows)) for prompt in prompts])
        # Each distinct prompt is read alone, so that other prompts do not change its rounding.
        ends = [read(model, prompt) for prompt in prompt_rows]
        self._hidden = torch.cat([hidden for hidden, _ in ends])
        self._states = joined([states for _, states in ends])
        if len(prompts) > 1:
            self._hidden, self._states = self._hidden.index_select(0, rows), taken(self._states, rows)
        self._tokens = rows
        self._generated: Tensor | None = None
        if settings.repetition_penalty != 1:
            log_p = log_probabilities(model, self._hidden[:1])
            self._generated = torch.zeros(len(prompts), log_p.shape[1], dtype=torch.bool, device=model.device)
            for row, prompt in enumerate(prompts):
                outputs = [number - FIRST_OUTPUT for number in set(prompt) if number > END_ID]
                self._generated[row, self._numbers(outputs)] = True

    def _numbers(self, values: Sequence[int]) -> Tensor:
        return torch.tensor(values, dtype=torch.int64, device=self._model.device)

    @torch.inference_mode()
    def draw(self) -> list[TokenCost]:
        """The next token of each of `numbers`; call `advance` after it."""
        chances = torch.stack(
            [torch.rand((), generator=self._generators[number], dtype=torch.float64) for number in self.numbers]
        ).to(self._hidden.device)
        if isinstance(self._model, Network) and self._settings.plain:
            self._tokens, nats = draw_plainly(self._model, self._hidden, chances, unknown=self._settings.unknown)
            return [TokenCost(*each) for each in zip(self._tokens.tolist(), nats.tolist(), strict=True)]
        log_p = log_probabilities(self._model, self._hidden)
        log_q = shaped(log_p, self._settings, self._generated)
        self._tokens = draw(log_q, self._settings.temperature, chances)
        if self._generated is not None:  # a line end has no repetition penalty
            self._generated.scatter_(1, self._tokens.unsqueeze(1) - FIRST_OUTPUT, True)
            self._generated[:, END_ID - FIRST_OUTPUT] = False
        costs = log_p.gather(1, self._tokens.unsqueeze(1) - FIRST_OUTPUT).squeeze(1)
        return [TokenCost(id_, -cost) for id_, cost in zip(self._tokens.tolist(), costs.tolist(), strict=True)]

    @torch.inference_mode()
    def advance(self, going: Sequence[bool]) -> None:
        """Read the last tokens of those of `numbers` that are `going`; the others have ended."""
        if not all(going):
            rows = self._numbers([row for row, still in enumerate(going) if still])
            self.numbers = [number for number, still in zip(self.numbers, going, strict=True) if still]
            self._tokens = self._tokens.index_select(0, rows)
            self._states = taken(self._states, rows)
            self._generated = None if self._generated is None else self._generated.index_select(0, rows)
        if self.numbers:
            hidden, self._states = self._model(self._tokens.unsqueeze(0), self._states)
            self._hidden = hidden[-1]
