"""Two processes of one thread against one process of two threads, in turns: `processes.py [--rounds 3] [--steps 40]`.

Both train the same networks on the same random text. The columns are tokens per second, those of two processes divided
by those of one, and the fraction of a step in which rank 0 communicates or waits for the other.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as the commands do

import numpy as np
import torch

from rnnlm.corpus.ids import Ids
from rnnlm.launched import launched
from rnnlm.model.architecture import Architecture
from rnnlm.model.network import Network
from rnnlm.training.following import Followed, Leader, follow
from rnnlm.training.language import LanguageObjective
from rnnlm.training.learner import Learner
from rnnlm.training.ranks import Ranks
from rnnlm.training.settings import TrainSettings, settled

# units, embedding; 10,000 words in clusters, 64 streams of 35 steps
NETWORKS = {"1 x 512": (512, 256), "1 x 768": (768, 256)}
WORDS, CUTS, STREAMS, STEPS = 10_000, (165, 1_473, 4_401), 64, 35


def made(name: str) -> Followed:
    """A network, and a random text whose words have the frequencies of a language."""
    hidden, width = NETWORKS[name]
    ids = np.random.default_rng(1).zipf(1.3, 300_000).clip(max=WORDS - 3).astype(np.uint16) + np.uint16(2)
    ids[::20] = 2
    text = Ids(ids, np.concatenate([[0], np.flatnonzero(ids == 2) + 1]), np.zeros(1, np.uint32))
    given = TrainSettings(hidden=hidden, batch_size=STREAMS, bptt=str(STEPS), learning_rate=0.004, dropout=0.3)
    architecture = Architecture("lstm", WORDS, width, hidden, 1, True, cuts=CUTS, widths=(width,) * len(CUTS))
    settings = settled(given)
    model = Network(architecture, torch.Generator().manual_seed(1)).train()
    return Followed(model, LanguageObjective(text, text, settings), settings)


class TimedRanks(Ranks):
    """Adds up the seconds of communication."""

    spent = 0.0

    def added(self, *given, **more):  # type: ignore[no-untyped-def]
        """The sum over all processes."""
        started_at = time.perf_counter()
        try:
            return super().added(*given, **more)
        finally:
            self.spent += time.perf_counter() - started_at


def timed(run: Followed, learner: Learner, steps: int) -> float:
    """Tokens per second, after a few steps that are not timed."""
    batches, tokens, started_at = iter(run.objective.batches), 0, 0.0
    for step in range(steps + 4):
        if step == 4:
            tokens, started_at = 0, time.perf_counter()
            if isinstance(learner, Leader):
                learner._ranks.spent = 0.0  # type: ignore[attr-defined]
        found = learner.update(run.objective, next(batches), 0.004, step / (steps + 4)).computed
        run.objective.states = found.states
        tokens += found.tokens
    return tokens / (time.perf_counter() - started_at)


def worker(name: str, steps: int) -> None:
    """One way of training; prints the speed, and the fraction of the time that is communication."""
    launch, run = launched(), made(name)
    torch.set_num_threads(2 if launch is None else 1)
    if launch is None:
        print(json.dumps([timed(run, Learner(run.model, run.settings), steps), 0.0]))
        return
    ranks = TimedRanks(launch)
    if ranks.rank:
        follow(ranks, lambda described: run)
    else:
        leader = Leader(run.model, run.settings, ranks, {})
        speed = timed(run, leader, steps)
        print(json.dumps([speed, ranks.spent * speed / (steps * STREAMS * STEPS)]))
        ranks.end(0, "")
    ranks.leave()
    sys.stdout.flush()
    os._exit(0)  # as the command does


def main() -> None:
    """Both ways in turns, for each network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        worker(given.worker, given.steps)
        return
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    print("network  one process  two processes  ratio  communication")
    for name in NETWORKS:
        found: dict[bool, list[list[float]]] = {False: [], True: []}
        for _ in range(given.rounds):
            for several in (False, True):
                command = [sys.executable, *(torchrun if several else ()), __file__]
                command += ["--worker", name, "--steps", str(given.steps)]
                done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
                found[several].append(json.loads(done.stdout))
        one, two = (statistics.median(speed for speed, _ in found[several]) for several in (False, True))
        waiting = statistics.median(fraction for _, fraction in found[True])
        print(f"{name:<7} {one:>12,.0f} {two:>14,.0f} {two / one:>6.2f} {waiting:>14.1%}")


if __name__ == "__main__":
    main()
