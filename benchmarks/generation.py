"""Streams of words, as fast as the weights can be read: `generate`'s own loop against a plain one, in one run.

    python benchmarks/generation.py [--streams 1] [--threads 2] [--rounds 7] [--hidden 650] [--layers 2] [--words 10000]

The plain loop is `nn.LSTM`, `nn.Linear` and `torch.multinomial` for each token, without gradients. All weights are
random: speed does not depend on them. The memory bandwidth is measured by summing 1 GiB, which fits in no cache. The
bandwidth of a network is the bytes of its weights, each read once per token, divided by the time of a token. Many
streams are bound by arithmetic: the fraction of the matrix peak is that of their products. The loops run in turns, the
memory is read before and after all of them, and medians are compared, so that other work on the machine affects all of
them alike.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn

from rnnlm.corpus.tokenizer import FIRST_OUTPUT, START_ID
from rnnlm.model.architecture import Architecture
from rnnlm.model.network import Network
from rnnlm.model.peak import matrix_peak
from rnnlm.model.quantized import dequantize, quantize
from rnnlm.use.generation.settings import GenerateSettings
from rnnlm.use.generation.streams import Streams

_ROUNDS, _TOKENS = 7, 40
_LOOPS = {"lstm": nn.LSTM, "gru": nn.GRU, "elman": nn.RNN}


def bandwidths(rounds: int) -> list[float]:
    """Bytes per second of reading 1 GiB, once a round."""
    memory, found = torch.ones(2**28), []
    memory.sum()
    for _ in range(rounds):
        started_at = time.perf_counter()
        memory.sum()
        found.append(memory.numel() * 4 / (time.perf_counter() - started_at))
    return found


def plain_loop(cell: str, hidden: int, layers: int, words: int, streams: int) -> Callable[[int], None]:
    """A function that draws tokens as a tutorial does."""
    embedding, output = nn.Embedding(words, hidden), nn.Linear(hidden, words)
    recurrent = _LOOPS[cell](hidden, hidden, layers)
    token, state = torch.zeros(1, streams, dtype=torch.int64), None

    @torch.no_grad()
    def run(tokens: int) -> None:
        nonlocal token, state
        for _ in range(tokens):
            h, state = recurrent(embedding(token), state)
            token = torch.multinomial(torch.softmax(output(h[-1]), -1), 1).T

    return run


def own_loop(network: Network, count: int) -> Callable[[int], None]:
    """The same as `generate` does it: `<unk>` is excluded, and the log probability of each token is computed."""
    streams = Streams(network, [[START_ID]] * count, GenerateSettings(), range(count))

    def run(tokens: int) -> None:
        for _ in range(tokens):
            streams.draw()
            streams.advance([True] * count)

    return run


def main() -> None:
    """Measure in turns and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=1)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--hidden", type=int, default=650)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--words", type=int, default=10_000)
    parser.add_argument("--cell", choices=sorted(_LOOPS), default="lstm")
    parser.add_argument("--rounds", type=int, default=_ROUNDS)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(1)
    architecture = Architecture(
        given.cell, given.words + FIRST_OUTPUT, given.hidden, given.hidden, given.layers, tied=True
    )
    network = Network(architecture, torch.Generator().manual_seed(1)).eval()
    weights, rows = dequantize(quantize(network.tensors()), "")
    int8 = Network(architecture, torch.Generator()).eval()
    int8.load(weights, "")
    int8.use_int8(rows)
    loops = {
        "plain": plain_loop(given.cell, given.hidden, given.layers, given.words, given.streams),
        "float32": own_loop(network, given.streams),
        "int8": own_loop(int8, given.streams),
    }
    # Before and after the loops, not between them: a gigabyte read in between slows the next 40 tokens by a third.
    read_speeds = bandwidths(given.rounds)
    for loop in loops.values():
        loop(_TOKENS)
    seconds: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(given.rounds):
        for name, loop in loops.items():
            started_at = time.perf_counter()
            loop(_TOKENS)
            seconds[name].append((time.perf_counter() - started_at) / _TOKENS)
    a_token = {name: statistics.median(each) for name, each in seconds.items()}
    bandwidth = statistics.median([*read_speeds, *bandwidths(given.rounds)])
    peak = matrix_peak("cpu", 1.0)
    read = 4 * (sum(cell.U.numel() + cell.W.numel() for cell in network.cells) + network.output_matrix.numel())
    print(
        json.dumps(
            {
                "threads": given.threads,
                "streams": given.streams,
                "milliseconds_a_token_of_each": {name: round(1000 * each, 3) for name, each in a_token.items()},
                "times_as_fast_as_plain": {name: round(a_token["plain"] / each, 2) for name, each in a_token.items()},
                "weights_megabytes": round(read / 1e6, 1),
                "memory_gigabytes_a_second": round(bandwidth / 1e9, 1),
                "float32_fraction_of_bandwidth": round(read / a_token["float32"] / bandwidth, 3),
                "matrix_gflops": round(peak / 1e9),
                "float32_fraction_of_peak": round(given.streams * read / 2 / a_token["float32"] / peak, 3),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
