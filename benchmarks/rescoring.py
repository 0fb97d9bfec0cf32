"""How much faster lists are rescored when shared prefixes are read once, in one run and on the same lists.

    python benchmarks/rescoring.py --model ptb-work/models/lstm --text ptb/test.txt --threads 1

Each list comes from a line of a text: in each of its hypotheses, every word is omitted, doubled or replaced by another
word of the text with a small probability, so that most hypotheses have one to three errors. The log probability of
each hypothesis is computed in three ways: the tree of prefixes; batches of similar length, as `score` does it; one
hypothesis after the other. All results must agree.
"""

import argparse
import json
import random
from pathlib import Path

import numpy as np
from scoring import seconds

from rnnlm.model.device import set_threads
from rnnlm.model.loading import load_network
from rnnlm.model.sealed import read_sealed
from rnnlm.use.rescoring.lists import Hypothesis, Utterance
from rnnlm.use.rescoring.prefixes import levels
from rnnlm.use.rescoring.rescorer import Rescorer, Weights
from rnnlm.use.scoring.lines import LineReader
from rnnlm.use.scoring.scorer import Scorer


def confused(words: list[str], others: list[str], draw: random.Random, rate: float) -> str:
    """A line with some of its words omitted, doubled or replaced."""
    found = []
    for word in words:
        change = draw.random()
        if change < rate / 4:
            continue
        found.append(draw.choice(others) if change < 3 * rate / 4 else word)
        if 3 * rate / 4 <= change < rate:
            found.append(word)
    return " ".join(found)


def made(text: Path, count: int, hypotheses: int, seed: int) -> list[Utterance]:
    """`count` utterances of distinct hypotheses each, the true line among them."""
    draw = random.Random(seed)
    lines = [line for line in text.read_text("utf-8").splitlines() if len(line.split()) >= 8][:count]
    others = sorted({word for line in lines for word in line.split()})
    found = []
    for number, line in enumerate(lines):
        words, texts = line.split(), {line.strip(): None}
        while len(texts) < hypotheses:
            texts[confused(words, others, draw, 2 / len(words))] = None
        id_ = f"u{number}"
        found.append(Utterance(id_, tuple(Hypothesis("made", n, t, id_, id_, t, {}) for n, t in enumerate(texts, 1))))
    return found


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="a sealed model's directory")
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--utterances", type=int, default=20)
    parser.add_argument("--hypotheses", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int)
    given = parser.parse_args()
    threads = set_threads(given.threads)
    sealed = read_sealed(given.model)
    model = load_network(sealed)
    lists = made(given.text, given.utterances, given.hypotheses, 1)
    texts = "".join(f"{each.text}\n" for utterance in lists for each in utterance.hypotheses).encode()

    def tree() -> list[float]:
        rescorer = Rescorer(model, sealed.rules, Weights({}))
        return [-each for rescored in rescorer.rescored(lists) for each in rescored.log_p]

    ways = {
        "tree": tree,
        "batches": lambda: [line.nats for line in Scorer(model, sealed.rules, batch_size=64).lines([texts])],
        "one": lambda: [line.nats for line in Scorer(model, sealed.rules, batch_size=1).lines([texts])],
    }
    measured = {name: seconds(work, given.rounds) for name, work in ways.items()}
    results = np.array([found for _, found in measured.values()])
    assert np.allclose(results, results[0], rtol=1e-5), "the ways differ in the log probability of a hypothesis"
    ids = [line.ids for window in LineReader(sealed.rules, ids=False).windows([texts]) for line in window]
    tokens, count = sum(map(len, ids)), given.hypotheses
    groups = [ids[start : start + count] for start in range(0, len(ids), count)]
    nodes = sum(len(level.tokens) for group in groups for level in levels(group))
    print(
        json.dumps(
            {
                "threads": threads, "hypotheses": len(ids), "tokens": tokens, "prefixes": nodes,
                "tree_hypotheses_per_second": round(len(ids) / measured["tree"][0]),
                "tree_over_batches": round(measured["batches"][0] / measured["tree"][0], 2),
                "tree_over_one": round(measured["one"][0] / measured["tree"][0], 2),
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
