"""The exact probability of a text under a source such as a grammar, word by word, every derivation counted.

    α_t(s)  = P(w_1 … w_t, state s after them)
    α_t(s') = Σ_s α_{t-1}(s) P(s → s', generating w_t)
    P(w_t | w_1 … w_{t-1}) = Σ_s α_t(s) / Σ_s α_{t-1}(s)

This is the forward algorithm over the states of the source. A text leaves few states open, because words
soon determine what was drawn; each is kept once however many derivations lead to it, so the sum covers all of
them. Words are cleaned words: what cleaning hides (capitals, sentence ends) is summed over too.
"""

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

END = "</s>"

S = TypeVar("S", bound=Hashable)


class Source(Protocol[S]):
    """What generates texts: states, all that the rest of a text depends on."""

    @property
    def beginnings(self) -> Mapping[S, float]:
        """Each state in which a text may begin, with its probability."""

    def continuations(self, state: S, mass: float) -> Iterator[tuple[str, float, S]]:
        """Every next word, its part of `mass` and the state after it; END where the text is over."""


def next_words(source: Source[S], belief: Mapping[S, float]) -> dict[str, float]:
    """P(w | words so far) for every word that can follow, END among them; `belief` is P(state | words so far)."""
    probabilities: dict[str, float] = defaultdict(float)
    for state, mass in belief.items():
        for word, part, _ in source.continuations(state, mass):
            probabilities[word] += part
    return dict(probabilities)


def observe(source: Source[S], belief: Mapping[S, float], word: str) -> tuple[float, Mapping[S, float]]:
    """P(word | words so far), and the belief after it."""
    parts: dict[S, float] = defaultdict(float)
    for state, mass in belief.items():
        for next_word, part, after in source.continuations(state, mass):
            if next_word == word:
                parts[after] += part
    probability = math.fsum(parts.values())
    return probability, {state: part / probability for state, part in parts.items()}


def token_nats(source: Source[S], words: Sequence[str]) -> list[float]:
    """-log P of each word given those before it, last of END; infinite from an impossible word on."""
    nats: list[float] = []
    belief = source.beginnings
    for word in (*words, END):
        probability, belief = observe(source, belief, word)
        nats.append(math.log(1 / probability) if probability > 0 else math.inf)
    return nats


def cross_entropy(source: Source[S], lines: Iterable[str]) -> tuple[float, int]:
    """Total nats of lines of words, and the predictions made, `</s>` of each line included.

    Texts are independent draws, so this is also the conditional given all earlier ones.
    """
    total, predictions = 0.0, 0
    for line in lines:
        nats = token_nats(source, line.split())
        total += sum(nats)
        predictions += len(nats)
    return total, predictions
