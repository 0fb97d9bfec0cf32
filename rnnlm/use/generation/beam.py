"""Beam search: the most likely text, looked for from several beginnings at a time. Nothing here is random."""

import math
from dataclasses import dataclass

import torch

from rnnlm.corpus.tokenizer import FIRST_OUTPUT, UNKNOWN_ID
from rnnlm.model.likelihood import LanguageModel, log_probabilities
from rnnlm.model.states import taken
from rnnlm.use.generation.detokenizer import Detokenizer
from rnnlm.use.generation.settings import GenerateSettings
from rnnlm.use.generation.streams import Drawn, read


@dataclass(frozen=True)
class BeamText:
    """A text or its beginning: its tokens, what they say, and `nats`, −log p of them all."""

    drawn: tuple[Drawn, ...]
    speech: Detokenizer
    nats: float

    def score(self, penalty: float, tokens: int | None = None) -> float:
        """log p / ((5 + |Y|) / 6)^α, with `tokens` as the length |Y| in place of its own."""
        return -self.nats / math.pow((5 + (tokens or len(self.drawn))) / 6, penalty)


@torch.inference_mode()
def beam_search(
    model: LanguageModel, prompt: list[int], speech: Detokenizer, settings: GenerateSettings
) -> list[BeamText]:
    """The `n` best texts after a prompt, best first; `speech`, still empty, tells when a text has ended.

        score(Y) = log p(Y) / ((5 + |Y|) / 6)^α

    with α the length penalty (Wu et al. 2016; without their coverage). Of all ways to go on by one token with one of
    the `beam` beginnings, the most likely are kept; those of the first `beam` that have ended leave, and the beam is
    filled with the next likely. The search is over when nothing still open can enter the best. With a beam of 1 it
    takes the most likely token each time.
    """
    width, penalty = settings.beam or 1, settings.length_penalty
    hidden, states = read(model, prompt)
    beam, found = [BeamText((), speech, 0.0)], list[BeamText]()
    while beam:
        nats = -log_probabilities(model, hidden)
        if not settings.unknown:
            nats[:, UNKNOWN_ID - FIRST_OUTPUT] = torch.inf
        nats += torch.tensor([[each.nats] for each in beam], dtype=torch.float64, device=model.device)
        best = nats.flatten().topk(min(2 * width, nats.numel()), largest=False)
        longer: list[tuple[int, BeamText]] = []
        for rank, (cost, place) in enumerate(zip(best.values.tolist(), best.indices.tolist(), strict=True)):
            row, output = divmod(place, nats.shape[1])
            drawn = Drawn(output + FIRST_OUTPUT, cost - beam[row].nats)
            said = beam[row].speech.fork()
            said.add(drawn.id)
            hypothesis = BeamText((*beam[row].drawn, drawn), said, cost)
            if not said.ended and len(longer) < width and math.isfinite(cost):
                longer.append((row, hypothesis))
            elif said.ended and rank < width and math.isfinite(cost):
                found.append(hypothesis)
        found = sorted(found, key=lambda each: -each.score(penalty))[:width]
        beam = [hypothesis for _, hypothesis in longer]
        # What is open gets no likelier, and its score at most what it would be if it were as long as can be.
        hopes = [each.score(penalty, settings.max_tokens) for each in beam]
        if len(found) == width and hopes and found[-1].score(penalty) >= max(hopes):
            break
        if beam:
            rows = torch.tensor([row for row, _ in longer], device=model.device)
            tokens = torch.tensor([each.drawn[-1].id for each in beam], device=model.device)
            output_layer, states = model(tokens.unsqueeze(0), taken(states, rows))
            hidden = output_layer[-1]
    return found[: settings.n]
