"""How hard the built-in stories are: the best possible perplexity against a unigram and a 5-gram.

    python benchmarks/stories.py

The 5-gram is interpolated modified Kneser-Ney (Chen and Goodman 1998). It restarts at each story and predicts its
end, so it makes the same predictions as the exact probability. It is written for clarity and for this corpus only;
the n-gram model of `rnnlm ngram` is another implementation.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

from rnnlm.builtin.sampling import Token
from rnnlm.builtin.stories import line, stories, token_nats

ORDER = 5
START, END = "<s>", "</s>"
Gram = tuple[str, ...]
Story = list[Token]


def split(corpus: Sequence[Story], fractions: Sequence[float] = (0.9, 0.05, 0.05)) -> list[list[Story]]:
    """Contiguous blocks by fraction of raw bytes, each boundary moved to the next line end."""
    sizes = [len(line(story).encode()) + 1 for story in corpus]
    bounds = [sum(fractions[: i + 1]) * sum(sizes) for i in range(len(fractions))]
    parts: list[list[Story]] = [[] for _ in fractions]
    part, read = 0, 0
    for story, size in zip(corpus, sizes, strict=True):
        while read >= bounds[part] and part + 1 < len(parts):
            part += 1
        parts[part].append(story)
        read += size
    return parts


def targets(story: Story) -> list[str]:
    return [*(token.word for token in story), END]


class KneserNey:
    """Interpolated modified Kneser-Ney, u the context and v the context without its first word:

    p(w | u) = max(c(uw) - D(c(uw)), 0) / c(u·)  +  (D1 N1(u·) + D2 N2(u·) + D3 N3+(u·)) / c(u·) · p(w | v)

    c is the count at the highest order and where uw starts with <s>, elsewhere the number of words seen
    before uw.
    For each order, with n_k the number of grams of count k and Y = n1 / (n1 + 2 n2):
    D_k = k - (k+1) Y n_{k+1} / n_k.
    """

    def __init__(self, stories: Sequence[Story]) -> None:
        self.counts: list[Counter[Gram]] = [Counter() for _ in range(ORDER + 1)]
        for story in stories:
            words = (START, *targets(story))
            for end in range(2, len(words) + 1):
                self.counts[min(ORDER, end)][words[max(0, end - ORDER) : end]] += 1
        for order in range(ORDER, 1, -1):
            self.counts[order - 1].update(gram[1:] for gram in self.counts[order])
        self.discounts = [self._discounts(counts) for counts in self.counts]
        self.totals: Counter[Gram] = Counter()
        self.withheld: defaultdict[Gram, float] = defaultdict(float)
        for order, counts in enumerate(self.counts):
            for gram, count in counts.items():
                self.totals[gram[:-1]] += count
                self.withheld[gram[:-1]] += self.discounts[order][min(count, 3)]
        self.uniform = 1 / len(self.counts[1])

    @staticmethod
    def _discounts(counts: Counter[Gram]) -> list[float]:
        """D(0), D(1), D(2), D(3 and above); ½, 1 and 1½ where there are too few grams to estimate them."""
        n = Counter(min(count, 5) for count in counts.values())
        if not (n[1] and n[2] and n[3]):
            return [0.0, 0.5, 1.0, 1.5]
        y = n[1] / (n[1] + 2 * n[2])
        estimates = [k - (k + 1) * y * n[k + 1] / n[k] for k in (1, 2, 3)]
        sound = all(0 <= discount <= k for k, discount in enumerate(estimates, start=1))
        return [0.0, *estimates] if sound else [0.0, 0.5, 1.0, 1.5]

    def probability(self, word: str, context: Gram) -> float:
        lower = self.probability(word, context[1:]) if context else self.uniform
        total = self.totals[context]
        if not total:
            return lower
        count = self.counts[len(context) + 1][(*context, word)]
        discounted = count - self.discounts[len(context) + 1][min(count, 3)]
        return (discounted + self.withheld[context] * lower) / total

    def nats(self, story: Story) -> list[float]:
        words = (START, *targets(story))
        contexts = (words[max(0, end - ORDER + 1) : end] for end in range(1, len(words)))
        return [-math.log(self.probability(w, u)) for w, u in zip(words[1:], contexts, strict=True)]


def unigram_nats(train: Sequence[Story], test: Sequence[Story]) -> list[float]:
    counts = Counter(word for story in train for word in targets(story))
    total = counts.total()
    return [-math.log(counts[word] / total) for story in test for word in targets(story)]


def perplexity(nats: Sequence[float]) -> float:
    return math.exp(sum(nats) / len(nats))


def main() -> None:
    parts = split(list(stories()))
    train, _, test = parts
    for name, part in zip(("train", "valid", "test"), parts, strict=True):
        nats = [x for story in part for x in token_nats([token.word for token in story])]
        print(f"{name:5}  {len(part):5} stories  {len(nats):7} predictions  best {perplexity(nats):.4f}")
    best = nats
    five_gram = KneserNey(train)
    five = [x for story in test for x in five_gram.nats(story)]
    print(f"test   unigram {perplexity(unigram_nats(train, test)):.3f}  5-gram {perplexity(five):.4f}")
    excess = [x - y for x, y in zip(five, best, strict=True)]
    recall = [mark for story in test for mark in (*(token.recall for token in story), False)]
    for name, kind in (("recall-marked", True), ("other", False)):
        part_excess = [x for x, mark in zip(excess, recall, strict=True) if mark is kind]
        fraction = len(part_excess) / len(excess)
        print(
            f"5-gram above the best, {name}: {sum(part_excess) / len(part_excess):.3f} nats a word,"
            f" {fraction:.1%} of the words, {sum(part_excess) / sum(excess):.1%} of the excess"
        )


if __name__ == "__main__":
    main()
