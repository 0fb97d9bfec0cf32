"""Training steps with a batch in one piece, all cores sharing each product, against one part per core: `parts.py`.

Both train the same networks on the same random text, in turns, in one process. The columns are the speed of parts in
tokens per second, that speed divided by the speed of one piece, and its fraction of the matrix peak.
"""

import argparse
import os
import statistics
import time

os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as the commands do

import numpy as np
import torch

from rnnlm.corpus.ids import Ids
from rnnlm.model.architecture import Architecture
from rnnlm.model.network import Network
from rnnlm.model.peak import matrix_peak
from rnnlm.training import gradients
from rnnlm.training.data_parallel import parts_of
from rnnlm.training.language import LanguageObjective
from rnnlm.training.learner import Learner
from rnnlm.training.settings import TrainSettings, settled

# units, embedding, words, where clusters begin, streams, time steps
NETWORKS = {
    "stories": (128, 128, 700, (), 64, 35),
    "characters": (384, 64, 70, (), 64, 100),
    "256 units, clusters": (256, 128, 10_000, (165, 1_473, 4_401), 64, 35),
    "384 units, clusters": (384, 192, 10_000, (165, 1_473, 4_401), 64, 35),
    "768 units, clusters": (768, 256, 10_000, (165, 1_473, 4_401), 64, 35),
    "768 units, clusters, 128 streams": (768, 256, 10_000, (165, 1_473, 4_401), 128, 35),
    "200 units, 32 streams": (200, 200, 10_000, (), 32, 35),
    "512 units": (512, 512, 10_000, (), 64, 35),
}


class Side:
    """One way of training a network: its steps, and the seconds per token of each."""

    def __init__(self, name: str, *, parts: bool) -> None:
        hidden, width, words, cuts, streams, steps = NETWORKS[name]
        random = np.random.default_rng(1)
        ids = random.zipf(1.3, 300_000).clip(max=words - 3).astype(np.uint16) + np.uint16(2)
        ids[::20] = 2
        text = Ids(ids, np.concatenate([[0], np.flatnonzero(ids == 2) + 1]), np.zeros(1, np.uint32))
        given = TrainSettings(hidden=hidden, batch_size=streams, bptt=str(steps), learning_rate=0.004, dropout=0.3)
        settings = settled(given)
        architecture = Architecture("lstm", words, width, hidden, 1, True, cuts=cuts, widths=(width,) * len(cuts))
        self._learner = Learner(Network(architecture, torch.Generator().manual_seed(1)).train(), settings)
        self._objective = LanguageObjective(text, text, settings)
        self._batches, self._parts = iter(self._objective.batches), parts
        self.seconds: list[float] = []
        self.operations = 0.0

    def step(self) -> None:
        """Take one step."""
        gradients.parts_of = parts_of if self._parts else lambda width, threads: [slice(0, width)]
        batch = next(self._batches)
        began = time.perf_counter()
        computed = self._learner.update(self._objective, batch, 0.004, 0.1).computed
        self.seconds.append((time.perf_counter() - began) / batch.inputs.size)
        self.operations = computed.operations / batch.inputs.size
        self._objective.states = computed.states


def main() -> None:
    """Measure each network in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="part of the name of the networks to train")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    print(f"{torch.get_num_threads()} threads")
    for name in NETWORKS:
        if given.only not in name:
            continue
        sides = Side(name, parts=False), Side(name, parts=True)
        peak = matrix_peak("cpu")
        for _ in range(given.rounds):
            for side in sides:
                for _ in range(6):
                    side.step()
            peak = max(peak, matrix_peak("cpu"))
        piece, parts = (statistics.median(side.seconds[2:]) for side in sides)
        print(
            f"{name:30} {1 / parts:10,.0f} {piece / parts:6.2f} {sides[1].operations / parts / peak:6.0%}", flush=True
        )


if __name__ == "__main__":
    main()
