"""Beam search for the most likely text; deterministic."""

import math
from dataclasses import dataclass

import torch

from rnnlm.corpus.tokenizer import FIRST_OUTPUT, UNKNOWN_ID
from rnnlm.model.likelihood import LanguageModel, log_probabilities
from rnnlm.model.states import taken
from rnnlm.use.generation.detokenizer import Detokenizer
from rnnlm.use.generation.settings import GenerateSettings
from rnnlm.use.generation.streams import TokenCost, read


@dataclass(frozen=True)
class BeamText:
    """A hypothesis: its tokens, their text, and `nats`, −log p of all of them."""

    tokens: tuple[TokenCost, ...]
    detokenizer: Detokenizer
    nats: float

    def score(self, penalty: float, length: int | None = None) -> float:
        """log p / ((5 + |Y|) / 6)^α, with `length` as |Y| instead of its own."""
        return -self.nats / math.pow((5 + (length or len(self.tokens))) / 6, penalty)


@torch.inference_mode()
def beam_search(
    model: LanguageModel, prompt: list[int], detokenizer: Detokenizer, settings: GenerateSettings
) -> list[BeamText]:
    """The `n` best texts after a prompt, best first; `detokenizer`, still empty, determines when a text has ended.

        score(Y) = log p(Y) / ((5 + |Y|) / 6)^α

    with α the length penalty (Wu et al. 2016; without their coverage penalty). Each step extends the `beam`
    hypotheses by one token and keeps the most likely; those among the first `beam` that have ended are set aside, and
    the next likely ones fill the beam. The search ends when no open hypothesis can enter the n best. A beam of 1 is
    greedy search.
    """
    width, penalty = settings.beam or 1, settings.length_penalty
    hidden, states = read(model, prompt)
    beam, found = [BeamText((), detokenizer, 0.0)], list[BeamText]()
    while beam:
        nats = -log_probabilities(model, hidden)
        if not settings.unknown:
            nats[:, UNKNOWN_ID - FIRST_OUTPUT] = torch.inf
        nats += torch.tensor([[each.nats] for each in beam], dtype=torch.float64, device=model.device)
        best = nats.flatten().topk(min(2 * width, nats.numel()), largest=False)
        longer: list[tuple[int, BeamText]] = []
        for rank, (cost, index) in enumerate(zip(best.values.tolist(), best.indices.tolist(), strict=True)):
            row, output = divmod(index, nats.shape[1])
            token = TokenCost(output + FIRST_OUTPUT, cost - beam[row].nats)
            text = beam[row].detokenizer.fork()
            text.add(token.id)
            hypothesis = BeamText((*beam[row].tokens, token), text, cost)
            if not text.ended and len(longer) < width and math.isfinite(cost):
                longer.append((row, hypothesis))
            elif text.ended and rank < width and math.isfinite(cost):
                found.append(hypothesis)
        found = sorted(found, key=lambda each: -each.score(penalty))[:width]
        beam = [hypothesis for _, hypothesis in longer]
        # An open hypothesis gets no more likely, so its score is at most that at the maximum length.
        bounds = [each.score(penalty, settings.max_tokens) for each in beam]
        if len(found) == width and bounds and found[-1].score(penalty) >= max(bounds):
            break
        if beam:
            rows = torch.tensor([row for row, _ in longer], device=model.device)
            tokens = torch.tensor([each.tokens[-1].id for each in beam], device=model.device)
            output_layer, states = model(tokens.unsqueeze(0), taken(states, rows))
            hidden = output_layer[-1]
    return found[: settings.n]
