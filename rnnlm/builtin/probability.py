"""The exact probability of a text under a grammar, word by word, every derivation counted.

    α_t(s)  = P(w_1 … w_t, state s after them)
    α_t(s') = Σ_s α_{t-1}(s) P(s → s', saying w_t)
    P(w_t | w_1 … w_{t-1}) = Σ_s α_t(s) / Σ_s α_{t-1}(s)

This is the forward algorithm over the states of the grammar. The states that a text leaves open are few,
because words soon settle what was drawn; each is kept once however many derivations lead to it, and so the
sum is over all of them. Words are cleaned words: what cleaning hides (capitals, sentence ends) is summed
over like everything else.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from rnnlm.builtin.grammar import Derivation, Grammar

END = "</s>"

Belief = Mapping[Derivation, float]
"""State → P(state | words so far)."""


def continuations(grammar: Grammar, state: Derivation, mass: float) -> Iterator[tuple[str, float, Derivation]]:
    """Every next word, its share of `mass` and the state after it; END where the text is over."""
    if not state[0]:
        yield END, mass, state
        return
    steps = grammar.steps(state)
    total = sum([weight for weight, _, _ in steps])
    for weight, spoken, after in steps:
        if spoken is None:
            yield from continuations(grammar, after, mass * weight / total)
        else:
            yield spoken.word, mass * weight / total, after


def initial_belief(grammar: Grammar) -> Belief:
    return {grammar.initial: 1.0}


def next_words(grammar: Grammar, belief: Belief) -> dict[str, float]:
    """P(w | words so far) for every word that can follow, END among them."""
    shares: dict[str, float] = defaultdict(float)
    for state, mass in belief.items():
        for word, share, _ in continuations(grammar, state, mass):
            shares[word] += share
    return dict(shares)


def observe(grammar: Grammar, belief: Belief, word: str) -> tuple[float, Belief]:
    """P(word | words so far), and the belief after it."""
    shares: dict[Derivation, float] = defaultdict(float)
    for state, mass in belief.items():
        for said, share, after in continuations(grammar, state, mass):
            if said == word:
                shares[after] += share
    probability = math.fsum(shares.values())
    return probability, {state: share / probability for state, share in shares.items()}


def token_nats(grammar: Grammar, words: Sequence[str]) -> list[float]:
    """-log P of each word given those before it, last of END; infinite from an impossible word on."""
    nats: list[float] = []
    belief = initial_belief(grammar)
    for word in (*words, END):
        probability, belief = observe(grammar, belief, word)
        nats.append(math.log(1 / probability) if probability > 0 else math.inf)
    return nats
