"""How fast `rnnlm score` is beside a loop over lines, in one run and on the same lines.

    python benchmarks/scoring.py --model ptb-work/models/lstm --text ptb/test.txt --threads 1

The log probability of each line is computed in three ways: the loop of a typical script, with one call of the network
for each line and the library's log-softmax; `score` with one line at a time; `score` as is. All results must agree.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from rnnlm.corpus.tokenizer import FIRST_OUTPUT, START_ID
from rnnlm.model.device import set_threads
from rnnlm.model.loading import load_network
from rnnlm.model.network import Network
from rnnlm.model.sealed import Sealed, read_sealed
from rnnlm.use.scoring.lines import LineReader
from rnnlm.use.scoring.scorer import Scorer


@torch.inference_mode()
def line_by_line(model: Network, sealed: Sealed, text: bytes) -> list[float]:
    """Nats of each line, one after the other."""
    found = []
    for window in LineReader(sealed.rules, ids=False).windows([text]):
        for line in window:
            ids = torch.from_numpy(line.ids)
            inputs = torch.cat([torch.tensor([START_ID]), ids[:-1]]).unsqueeze(1)
            hidden, _ = model(inputs, model.initial_state(1))
            log_p = torch.log_softmax(model.logits(hidden[:, 0]), -1)
            found.append(-float(log_p.gather(1, ids.unsqueeze(1) - FIRST_OUTPUT).sum()))
    return found


def scored(model: Network, sealed: Sealed, text: bytes, batch_size: int) -> list[float]:
    """Nats of each line by `score`."""
    return [line.nats for line in Scorer(model, sealed.rules, batch_size=batch_size).lines([text])]


def seconds(work: Callable[[], list[float]], rounds: int) -> tuple[float, list[float]]:
    """The shortest time of several rounds, and the result."""
    least, found = float("inf"), []
    for _ in range(rounds):
        started_at = time.perf_counter()
        found = work()
        least = min(least, time.perf_counter() - started_at)
    return least, found


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="a sealed model's directory")
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--lines", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int)
    given = parser.parse_args()
    threads = set_threads(given.threads)
    sealed = read_sealed(given.model)
    model = load_network(sealed)
    lines = given.text.read_bytes().split(b"\n")[: given.lines]
    text = b"".join(line + b"\n" for line in lines if line.strip())
    ways = {
        "loop": lambda: line_by_line(model, sealed, text),
        "one": lambda: scored(model, sealed, text, 1),
        "score": lambda: scored(model, sealed, text, 64),
    }
    measured = {name: seconds(work, given.rounds) for name, work in ways.items()}
    results = np.array([found for _, found in measured.values()])
    assert np.allclose(results, results[0], rtol=1e-5), "the ways differ in the log probability of a line"
    tokens = sum(len(line.ids) for window in LineReader(sealed.rules, ids=False).windows([text]) for line in window)
    result = {f"{name}_tokens_per_second": round(tokens / least) for name, (least, _) in measured.items()}
    ratios = {f"score_over_{name}": round(measured[name][0] / measured["score"][0], 2) for name in ("loop", "one")}
    print(json.dumps({"threads": threads, "tokens": tokens, **result, **ratios}))


if __name__ == "__main__":
    main()
