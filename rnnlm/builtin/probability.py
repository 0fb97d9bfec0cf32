"""The exact probability of a text under a grammar, word by word, every derivation counted.

    α_t(s)  = P(w_1 … w_t, state s after them)
    α_t(s') = Σ_s α_{t-1}(s) P(s → s', generating w_t)
    P(w_t | w_1 … w_{t-1}) = Σ_s α_t(s) / Σ_s α_{t-1}(s)

This is the forward algorithm over the states of the grammar. A text leaves few states open, because words
soon determine what was drawn; each is kept once however many derivations lead to it, so the sum covers all of
them. Words are cleaned words: what cleaning hides (capitals, sentence ends) is summed over too.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from rnnlm.builtin.grammar import Derivation, Grammar

END = "</s>"

Belief = Mapping[Derivation, float]
"""State → P(state | words so far)."""


def continuations(grammar: Grammar, state: Derivation, mass: float) -> Iterator[tuple[str, float, Derivation]]:
    """Every next word, its part of `mass` and the state after it; END where the text is over."""
    if not state[0]:
        yield END, mass, state
        return
    steps = grammar.steps(state)
    total = sum([weight for weight, _, _ in steps])
    for weight, token, after in steps:
        if token is None:
            yield from continuations(grammar, after, mass * weight / total)
        else:
            yield token.word, mass * weight / total, after


def initial_belief(grammar: Grammar) -> Belief:
    return {grammar.initial: 1.0}


def next_words(grammar: Grammar, belief: Belief) -> dict[str, float]:
    """P(w | words so far) for every word that can follow, END among them."""
    probabilities: dict[str, float] = defaultdict(float)
    for state, mass in belief.items():
        for word, part, _ in continuations(grammar, state, mass):
            probabilities[word] += part
    return dict(probabilities)


def observe(grammar: Grammar, belief: Belief, word: str) -> tuple[float, Belief]:
    """P(word | words so far), and the belief after it."""
    parts: dict[Derivation, float] = defaultdict(float)
    for state, mass in belief.items():
        for next_word, part, after in continuations(grammar, state, mass):
            if next_word == word:
                parts[after] += part
    probability = math.fsum(parts.values())
    return probability, {state: part / probability for state, part in parts.items()}


def token_nats(grammar: Grammar, words: Sequence[str]) -> list[float]:
    """-log P of each word given those before it, last of END; infinite from an impossible word on."""
    nats: list[float] = []
    belief = initial_belief(grammar)
    for word in (*words, END):
        probability, belief = observe(grammar, belief, word)
        nats.append(math.log(1 / probability) if probability > 0 else math.inf)
    return nats
