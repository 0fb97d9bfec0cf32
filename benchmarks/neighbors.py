"""Whether words that are close to one another after training share their part of speech.

    python benchmarks/neighbors.py [WORKSPACE]     # with a model of builtin:stories; without it, one is trained first

For every word of the stories that occurs at least five times: how many of its five nearest neighbors have the most
frequent part of speech of the word. Chance is the fraction of random pairs that share theirs.
"""

import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
from command import rnnlm

from rnnlm.arrays import read_tensors
from rnnlm.builtin.stories import tagged_lines
from rnnlm.corpus.tokenizer import tokens_by_id
from rnnlm.model.embedding import nearest
from rnnlm.model.sealed import WEIGHTS, read_sealed

_NEIGHBORS = 5
_OCCURRENCES = 5


def measure(work: Path) -> None:
    """Print the fraction for the last model of a workspace."""
    sealed = read_sealed(work / "models" / (work / "models" / "LATEST").read_text().strip())
    layer = read_tensors(sealed.path / WEIGHTS, remedy="train again")["embedding"]
    names = tokens_by_id(sealed.rules.tokenizer)
    tags: dict[str, Counter[str]] = defaultdict(Counter)
    for story in tagged_lines():
        for word, tag in story:
            tags[word][tag] += 1
    of = {name: tags[name].most_common(1)[0][0] for name in names if sum(tags[name].values()) >= _OCCURRENCES}
    shared = []
    for number, name in enumerate(names):
        if name in of:
            found = [names[other] for other, _ in nearest(layer, layer[number], len(names), [number])]
            shared += [of[other] == of[name] for other in [each for each in found if each in of][:_NEIGHBORS]]
    counts = np.array(list(Counter(of.values()).values()))
    chance = float((counts * (counts - 1)).sum() / (len(of) * (len(of) - 1)))
    print(f"{np.mean(shared):.1%} of the five nearest neighbors of {len(of)} words share the part of speech; "
          f"chance {chance:.1%}")  # fmt: skip


def main() -> None:
    """Train first if no workspace is given."""
    if len(sys.argv) > 1:
        measure(Path(sys.argv[1]))
        return
    with tempfile.TemporaryDirectory() as directory:
        rnnlm("train", "builtin:stories", "--out", Path(directory) / "work")
        measure(Path(directory) / "work")


if __name__ == "__main__":
    main()
