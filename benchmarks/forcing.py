"""How much faster teacher forcing trains recurrence ② than the loop through time: all steps at once.

    python benchmarks/forcing.py [--threads N]

One batch forward and backward, alternately; the ratio of the medians is what counts.
"""

import argparse
import statistics
import time

import torch

from rnnlm.model.architecture import Architecture
from rnnlm.model.network import ForcedInput, Network

_ROUNDS = 9


def seconds(network: Network, inputs: torch.Tensor, targets: torch.Tensor, forced: ForcedInput | None) -> float:
    """Time one training step without the update."""
    started_at = time.perf_counter()
    segment = network.read(inputs, network.initial_state(inputs.shape[1]), forced=forced)
    network.loss(segment.output.flatten(0, 1), targets.flatten()).backward()
    network.zero_grad()
    return time.perf_counter() - started_at


def main() -> None:
    """Print the ratio for some sizes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    torch.set_num_threads(parser.parse_args().threads)
    print("labels  hidden  batch  steps   at once      loop   times as fast")
    for labels, hidden, batch, steps in ((14, 64, 32, 35), (14, 64, 32, 200), (50, 200, 32, 100), (14, 64, 1, 1000)):
        generator = torch.Generator().manual_seed(1)
        architecture = Architecture("output-recurrent", 2000, 64, hidden, 1, False, task="tag", labels=labels)
        network = Network(architecture, generator)
        inputs = torch.randint(4, 2000, (steps, batch), generator=generator)
        targets = torch.randint(0, labels, (steps, batch), generator=generator)
        forced = ForcedInput(torch.cat([torch.full_like(targets[:1], -1), targets[:-1]]))
        times: dict[str, list[float]] = {"at once": [], "loop": []}
        for _ in range(_ROUNDS):
            times["at once"].append(seconds(network, inputs, targets, forced))
            times["loop"].append(seconds(network, inputs, targets, None))
        once, loop = (statistics.median(each) for each in times.values())
        print(
            f"{labels:>6} {hidden:>7} {batch:>6} {steps:>6} {once * 1e3:>7.2f} ms {loop * 1e3:>6.1f} ms "
            f"{loop / once:>12.1f}"
        )


if __name__ == "__main__":
    main()
